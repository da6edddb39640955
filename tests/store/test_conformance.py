"""One suite over every store."""

from pathlib import Path

import pytest

from app.store.conformance import CHECKS, Check, Clock, Stores
from app.store.memory import MemoryStore
from app.store.sqlite import SqliteStore
from tests.store.dynamodb_tables import dynamodb_store, make_table


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_memory_keeps_its_promises(check: Check) -> None:
    clock = Clock()
    store = MemoryStore(clock)

    await check(Stores(here=store, there=store, clock=clock))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_sqlite_keeps_its_promises(check: Check, tmp_path: Path) -> None:
    clock = Clock()
    here, there = (SqliteStore(tmp_path / "chats.db", clock) for _ in range(2))
    try:
        await check(Stores(here=here, there=there, clock=clock))
    finally:
        await here.aclose()
        await there.aclose()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_dynamodb_keeps_its_promises(check: Check, dynamodb: str) -> None:
    clock = Clock()
    table = check.__name__
    await make_table(dynamodb, table)
    here, there = (dynamodb_store(dynamodb, table, now=clock) for _ in range(2))
    try:
        await check(Stores(here=here, there=there, clock=clock))
    finally:
        await here.aclose()
        await there.aclose()

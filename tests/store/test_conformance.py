"""One suite over every store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.store.checks import at_once
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


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    from moto.server import ThreadedMotoServer  # seconds of every process that loads it

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


# When moto refuses a transaction it puts back all tables as they were before, and with them what
# others have written meanwhile (moto 5.2, dynamodb/models, `transact_write_items`).
_NOT_FOR_MOTO = frozenset(check for check in CHECKS if check.__module__ == at_once.__name__)


@pytest.mark.parametrize(
    "check",
    [check for check in CHECKS if check not in _NOT_FOR_MOTO],
    ids=lambda check: check.__name__,
)
async def test_dynamodb_keeps_its_promises_before_a_second_judge(
    check: Check, moto_url: str
) -> None:
    clock = Clock()
    table = check.__name__
    await make_table(moto_url, table)
    here, there = (dynamodb_store(moto_url, table, now=clock) for _ in range(2))
    try:
        await check(Stores(here=here, there=there, clock=clock))
    finally:
        await here.aclose()
        await there.aclose()

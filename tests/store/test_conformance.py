"""One suite over every store."""

import pytest

from app.store.conformance import CHECKS, Check, Clock, Stores
from app.store.memory import MemoryStore


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_memory_keeps_its_promises(check: Check) -> None:
    clock = Clock()
    store = MemoryStore(clock)

    await check(Stores(here=store, there=store, clock=clock))

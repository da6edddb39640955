"""A store whose writes are timed is the same store."""

from typing import NoReturn

import pytest

from app.errors import StoreUnavailable
from app.store.memory import MemoryStore
from app.telemetry.timed_store import timed


async def test_only_its_writes_are_timed() -> None:
    told: list[float] = []
    now = iter([1.0, 3.5])
    store = timed(MemoryStore(), [told.append], clock=lambda: next(now))

    assert await store.head("", "c1") is None
    assert await store.append([], beating=[]) == {}
    await store.aclose()

    assert told == [2.5]


async def test_a_write_that_fails_is_timed_too() -> None:
    class Broken(MemoryStore):
        async def append(self, *_: object, **__: object) -> NoReturn:
            raise StoreUnavailable("away")

    told: list[float] = []
    store = timed(Broken(), [told.append])

    with pytest.raises(StoreUnavailable):
        await store.append([], beating=[])

    assert len(told) == 1

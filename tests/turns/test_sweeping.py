"""`app.turns.sweeping`: it goes on whatever the store does."""

import asyncio
import logging

from app.errors import StoreUnavailable
from app.store.memory import MemoryStore
from app.turns.sweeping import sweep_on
from tests.chatting import logged


class _Failing(MemoryStore):
    """Fails in two ways, then works."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[Exception] = [StoreUnavailable("out of order"), KeyError("a defect")]
        self.swept: asyncio.Future[tuple[float, float, float | None]]
        self.swept = asyncio.get_running_loop().create_future()

    async def sweep(self, now: float, *, keep_s: float, history_s: float | None) -> None:
        if self.failures:
            raise self.failures.pop(0)
        if not self.swept.done():
            self.swept.set_result((now, keep_s, history_s))


async def test_a_sweep_that_fails_is_said_and_the_next_one_follows() -> None:
    store = _Failing()

    with logged() as log:
        sweeping = asyncio.create_task(
            sweep_on(store, keep_s=600, history_s=None, now=lambda: 7.0, first_s=0, every_s=0)
        )
        swept = await store.swept
        sweeping.cancel()

    assert list(swept) == [7.0, 600, None]
    levels = [record.levelno for record in log.records]
    assert levels == [logging.WARNING, logging.ERROR]

"""`app.turns.rounds`: rounds come by themselves, when they are asked for, and after failures."""

import asyncio
import logging

import pytest

from app.errors import StoreUnavailable
from app.turns.rounds import Rounds
from tests.chatting import logged

# So long that no round comes by itself in a test.
_NEVER_S = 60.0


class _Work:
    """What is to be done: some pieces, one in each round, if nothing fails.

    Attributes:
        rounds: of each that was done, whether it came by itself.
    """

    def __init__(self, pieces: int, *, every_s: float, pause_s: float = 0.0) -> None:
        self.left = pieces
        self.rounds: list[bool] = []
        self.failures: list[Exception] = []
        self.failed = 0
        self.reached = asyncio.Event()
        self.rounds_of = Rounds(
            self._do,
            lambda: self.left,
            every_s=every_s,
            pause_s=pause_s,
            name="work",
            complaint="%d pieces wait",
            on_failure=self._has_failed,
        )

    async def _do(self, comes_by_itself: bool) -> None:
        self.rounds.append(comes_by_itself)
        self.reached.set()
        if self.failures:
            raise self.failures.pop(0)
        self.left -= 1

    def _has_failed(self) -> None:
        self.failed += 1


async def test_rounds_come_by_themselves_until_nothing_is_left() -> None:
    work = _Work(3, every_s=0.001)
    work.rounds_of.start()
    work.rounds_of.start()

    async with asyncio.timeout(10):
        while work.rounds_of.is_running:  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    assert work.rounds == [True, True, True]
    assert work.failed == 0


async def test_a_round_that_is_asked_for_comes_at_once_and_once() -> None:
    work = _Work(2, every_s=_NEVER_S)
    work.rounds_of.start()
    work.rounds_of.wake()
    work.rounds_of.wake()
    async with asyncio.timeout(10):
        await work.reached.wait()

    assert (work.rounds, work.left) == ([False], 1)
    await work.rounds_of.aclose()
    assert not work.rounds_of.is_running


@pytest.mark.parametrize(
    ("failure", "level"),
    [(StoreUnavailable("gone"), logging.WARNING), (ValueError("a defect"), logging.ERROR)],
)
async def test_a_round_that_fails_is_told_and_comes_again(failure: Exception, level: int) -> None:
    work = _Work(1, every_s=0.001)
    work.failures = [failure]
    with logged() as log:
        work.rounds_of.start()
        async with asyncio.timeout(10):
            while work.rounds_of.is_running:  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    assert work.failed == 1
    assert (len(work.rounds), work.left) == (2, 0)
    assert [record.levelno for record in log.records if record.levelno >= logging.WARNING] == [
        level
    ]


async def test_nobody_can_ask_for_a_round_in_the_pause_after_a_failure() -> None:
    work = _Work(1, every_s=_NEVER_S, pause_s=_NEVER_S)
    work.failures = [StoreUnavailable("gone")]
    work.rounds_of.start()
    work.rounds_of.wake()
    async with asyncio.timeout(10):
        while not work.failed:  # noqa: ASYNC110
            await asyncio.sleep(0)

    work.rounds_of.wake()
    await work.rounds_of.finish(0.01)

    assert (len(work.rounds), work.left) == (1, 1)
    await work.rounds_of.aclose()


async def test_who_wants_all_to_be_done_waits_for_it() -> None:
    work = _Work(1, every_s=_NEVER_S)
    await work.rounds_of.finish(0.01)  # nothing has begun
    work.rounds_of.start()

    async with asyncio.timeout(10):
        await work.rounds_of.finish(_NEVER_S)

    assert work.left == 0
    assert not work.rounds_of.is_running

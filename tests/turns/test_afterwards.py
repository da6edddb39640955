"""What an application does when it is told of a turn: in time, too late, or not at all."""

import asyncio

import pytest

from app.turns.afterwards import Afterwards
from tests.chatting import logged


async def test_it_is_waited_for_as_long_as_it_may_take() -> None:
    afterwards, may_end, ended = Afterwards(), asyncio.Event(), asyncio.Event()

    async def told() -> None:
        await may_end.wait()
        ended.set()

    afterwards.tell("on_turn", told)
    await afterwards.settled(0.01)
    was_waiting = not ended.is_set()
    may_end.set()
    await afterwards.aclose()

    assert was_waiting
    assert ended.is_set()


async def test_it_is_cancelled_when_the_server_cannot_wait() -> None:
    afterwards, cancelled = Afterwards(last_calls_s=0.01), asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with logged() as log:
        afterwards.tell("on_turn", hang)
        await afterwards.aclose()
        await cancelled.wait()

    assert [record.getMessage() for record in log.records] == ["on_turn did not end in time"]


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)], ids=["error", "exit"])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
async def test_its_failure_is_a_line_of_the_log(error: BaseException, is_async: bool) -> None:
    afterwards = Afterwards()

    def fail() -> None:
        raise error

    async def fail_later() -> None:
        raise error

    with logged() as log:
        afterwards.tell("on_turn", fail_later if is_async else fail)
        await afterwards.aclose()

    (record,) = log.records
    assert (record.levelname, record.getMessage()) == ("ERROR", "on_turn failed")
    assert record.exc_info is not None
    assert record.exc_info[1] is error


async def test_nothing_is_waited_for_where_nothing_runs() -> None:
    await Afterwards().settled(60)
    await Afterwards().aclose()

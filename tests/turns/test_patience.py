"""`app.turns.patience`: a store that takes too long cannot be reached."""

import asyncio

import pytest

from app.errors import StoreUnavailable
from app.turns.patience import patience, patiently


async def test_what_takes_too_long_is_given_up() -> None:
    with pytest.raises(StoreUnavailable):
        async with patience(0.01):
            await asyncio.Event().wait()


async def test_what_is_done_in_time_is_not() -> None:
    async with patience(10):
        await asyncio.sleep(0)


async def _after(*waits_for: asyncio.Future[None]) -> str:
    for one in waits_for:
        await one
    return "done"


async def test_a_call_with_nothing_to_wait_for_returns_at_once() -> None:
    waited: list[bool] = []

    assert await patiently(_after(), 0, on_wait=lambda: waited.append(True)) == "done"
    assert waited == []


async def test_a_call_may_wait_several_times() -> None:
    loop = asyncio.get_running_loop()
    first, second = loop.create_future(), loop.create_future()
    loop.call_soon(first.set_result, None)
    loop.call_soon(second.set_result, None)
    waited: list[bool] = []

    result = await patiently(_after(first, second), on_wait=lambda: waited.append(True))

    assert result == "done"
    assert waited == [True]


async def test_a_call_that_waits_for_too_long_is_given_up() -> None:
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    with pytest.raises(StoreUnavailable):
        await patiently(_after(never), 0.01)

    assert never.cancelled()


async def test_what_a_call_raises_reaches_its_caller() -> None:
    async def fail(*, at_once: bool) -> None:
        if not at_once:
            await asyncio.sleep(0)
        raise KeyError("a defect")

    for at_once in (True, False):
        with pytest.raises(KeyError, match="a defect"):
            await patiently(fail(at_once=at_once))


async def test_a_time_out_of_the_call_itself_is_one_of_the_store() -> None:
    async def too_late(*, at_once: bool) -> None:
        if not at_once:
            await asyncio.sleep(0)
        raise TimeoutError

    for at_once in (True, False):
        with pytest.raises(StoreUnavailable):
            await patiently(too_late(at_once=at_once))


async def test_a_caller_that_is_cancelled_cancels_the_call() -> None:
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    task = asyncio.ensure_future(patiently(_after(never)))
    await asyncio.sleep(0)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert never.cancelled()


async def test_who_is_cancelled_when_the_time_is_up_is_cancelled_all_the_same() -> None:
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    task = asyncio.ensure_future(patiently(_after(never), 0.01))
    never.add_done_callback(lambda _: task.cancel())  # in the same round of the loop

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_task_that_has_lost_its_patience_is_not_cancelled() -> None:
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def stubborn() -> str:
        try:
            await never
        except asyncio.CancelledError:
            return "done"
        raise AssertionError("nothing was cancelled")

    with pytest.raises(StoreUnavailable):
        await patiently(_after(asyncio.get_running_loop().create_future()), 0.01)
    assert await patiently(stubborn(), 0.01) == "done"

    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    async with asyncio.timeout(10):
        await asyncio.sleep(0)


async def test_a_call_sees_the_task_of_its_caller() -> None:
    async def current() -> list[object]:
        before = asyncio.current_task()
        await asyncio.sleep(0)
        return [before, asyncio.current_task()]

    assert await patiently(current()) == [asyncio.current_task()] * 2

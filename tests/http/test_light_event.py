"""`LightEvent` beside the event that it stands for."""

import asyncio
import sys
from collections.abc import Callable

import pytest

from app.http.light_event import LightEvent

both = pytest.mark.parametrize("make", [asyncio.Event, LightEvent])


@both
async def test_all_who_wait_go_on_when_it_is_set(make: Callable[[], asyncio.Event]) -> None:
    event = make()
    waiting = [asyncio.create_task(event.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not event.is_set()

    event.set()

    assert await asyncio.gather(*waiting) == [True, True, True]
    assert event.is_set()


@both
async def test_who_waits_for_a_set_event_does_not_wait(make: Callable[[], asyncio.Event]) -> None:
    event = make()
    event.set()

    with pytest.raises(StopIteration):
        event.wait().send(None)


@both
async def test_who_was_woken_goes_on_though_it_is_cleared(
    make: Callable[[], asyncio.Event],
) -> None:
    event = make()
    woken = asyncio.create_task(event.wait())
    await asyncio.sleep(0)

    event.set()
    event.clear()
    late = asyncio.create_task(event.wait())

    assert await woken
    assert not late.done()
    event.set()
    assert await late


@both
async def test_who_is_cancelled_keeps_nobody_else_from_going_on(
    make: Callable[[], asyncio.Event],
) -> None:
    event = make()
    left, stays = (asyncio.create_task(event.wait()) for _ in range(2))
    await asyncio.sleep(0)

    left.cancel()
    event.set()

    assert await stays
    with pytest.raises(asyncio.CancelledError):
        await left


@both
async def test_setting_it_twice_wakes_once(make: Callable[[], asyncio.Event]) -> None:
    event = make()
    waiting = asyncio.create_task(event.wait())
    await asyncio.sleep(0)

    event.set()
    event.set()

    assert await waiting


async def test_it_may_begin_set_and_says_so() -> None:
    assert LightEvent(is_set=True).is_set()
    assert repr(LightEvent(is_set=True)) == "<LightEvent set>"
    assert repr(LightEvent()) == "<LightEvent unset>"


async def test_one_for_which_nobody_waits_holds_nothing() -> None:
    event = LightEvent()

    assert vars(event) == {}
    assert sys.getsizeof(event) < 100


async def test_a_future_of_it_is_done_when_it_is_set() -> None:
    event = LightEvent()
    early, cancelled = event.future(), event.future()
    cancelled.cancel()
    assert not early.done()

    event.set()

    assert early.done()

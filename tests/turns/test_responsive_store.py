"""`app.turns.responsive_store`: a store that hangs makes one caller wait, and nobody else."""

import asyncio
import inspect
from contextlib import aclosing

import pytest

from app.errors import StoreUnavailable
from app.store.conformance import CHECKS, Check, Clock, Stores
from app.store.memory import MemoryStore
from app.store.store import ChatStore, Owner, StopReason, TurnHead, TurnId, TurnStore
from app.turns.flusher import INTERVAL_S
from app.turns.patience import patience
from app.turns.responsive_store import ResponsiveStore
from tests.chatting import logged
from tests.turns.stores import Shaky

HEAD = TurnHead(id="t1", owner="", chat_id="c1", message_id="m")


class _Hanging(Shaky):
    """Counts its calls, and the questions whether it responds."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.questions = 0
        self.is_read_only = False
        self.asked = asyncio.Event()

    async def turn(self, owner: Owner, turn: TurnId) -> TurnHead | None:
        if turn == HEAD.id:
            self.calls += 1
        else:
            self.questions += 1
            self.asked.set()
        return await super().turn(owner, turn)

    async def ask_to_stop(self, turn: TurnId, reason: StopReason) -> None:
        if self.is_read_only:
            await asyncio.Event().wait()
        await super().ask_to_stop(turn, reason)


async def _give_up(store: ResponsiveStore) -> None:
    with pytest.raises(StoreUnavailable):
        async with patience(0.05):
            await store.turn("", "t1")


async def _again(store: ResponsiveStore) -> None:
    """Return as soon as calls are made again."""
    asking = [task for task in asyncio.all_tasks() if task.get_name() == "ask the store"]
    await asyncio.wait(asking)
    assert not store.hangs


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_it_hands_on_every_call(check: Check) -> None:
    clock = Clock()
    async with aclosing(ResponsiveStore(MemoryStore(clock))) as store:
        await check(Stores(here=store, there=store, clock=clock))


def test_it_has_every_method_of_a_store() -> None:
    for protocol in (TurnStore, ChatStore):
        for name, method in vars(protocol).items():
            if inspect.isfunction(method) and not name.startswith("_"):
                ours = inspect.signature(getattr(ResponsiveStore, name))
                assert ours == inspect.signature(method), name


async def test_after_the_first_that_waits_in_vain_nobody_waits() -> None:
    inner = _Hanging()
    store = ResponsiveStore(inner, slow_s=0.02, ask_again_s=0, response_s=0.05)
    inner.hangs = True
    with logged() as log:
        await _give_up(store)
        for _ in range(5):
            with pytest.raises(StoreUnavailable):
                await store.turn("", "t1")
            with pytest.raises(StoreUnavailable):
                await store.all_done([asyncio.get_running_loop().create_future()])
        await inner.asked.wait()
        assert inner.calls == 1
        inner.hangs = False
        await log.until(lambda: len(log.records) == 2)
        found = await store.turn("", "t1")

    assert found is None
    assert inner.calls == 2
    assert [record.getMessage() for record in log.records] == [
        "the store does not respond, and is left alone until it does",
        "the store responds again",
    ]
    await store.aclose()


async def test_a_store_that_has_responded_before_may_hang_too() -> None:
    inner = _Hanging()
    store = ResponsiveStore(inner, slow_s=0.02)
    await store.turn("", "t1")
    inner.hangs = True

    await asyncio.gather(*(_give_up(store) for _ in range(5)))
    asking = [task for task in asyncio.all_tasks() if task.get_name() == "ask the store"]

    assert store.hangs
    assert len(asking) == 1
    await store.aclose()


async def test_it_is_asked_by_one_call_at_a_time_until_it_responds() -> None:
    inner = _Hanging()
    store = ResponsiveStore(inner, slow_s=0.02, ask_again_s=0, response_s=0.05)
    inner.hangs = True
    await asyncio.gather(*(_give_up(store) for _ in range(10)))
    while inner.questions < 4:
        inner.asked.clear()
        await inner.asked.wait()
        asking = [task for task in asyncio.all_tasks() if task.get_name() == "ask the store"]
        assert len(asking) == 1
    inner.hangs, inner.is_read_only = False, True
    questions = inner.questions
    while inner.questions < questions + 3:
        inner.asked.clear()
        await inner.asked.wait()
    assert store.hangs
    inner.is_read_only = False

    await _again(store)

    assert await store.turn("", "t1") is None
    await store.aclose()


async def test_a_store_that_fails_at_once_is_asked_by_those_who_need_it() -> None:
    inner = _Hanging()
    store = ResponsiveStore(inner, slow_s=0.02)
    inner.is_down = True
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await store.turn("", "t1")
    assert inner.calls == 3

    inner.is_down, inner.hangs = False, True
    await _give_up(store)
    inner.is_down, inner.hangs = True, False
    await _again(store)

    assert inner.questions == 1
    await store.aclose()


async def test_a_slow_failure_is_no_better_than_none() -> None:
    inner = _Hanging()
    store = ResponsiveStore(inner, slow_s=0)
    inner.is_down = True

    with pytest.raises(StoreUnavailable):
        await store.turn("", "t1")

    assert store.hangs
    await store.aclose()


async def test_a_store_that_answers_others_does_not_hang() -> None:
    inner = _Hanging()
    store = ResponsiveStore(inner, slow_s=0.02)
    inner.hangs = True
    waiting = asyncio.create_task(_give_up(store))
    await asyncio.sleep(0)
    inner.hangs = False
    await store.turn("", "t1")
    await waiting

    assert not store.hangs
    assert inner.questions == 0


async def test_who_leaves_early_says_nothing_about_the_store() -> None:
    inner = _Hanging()
    store = ResponsiveStore(inner, slow_s=60)
    inner.hangs = True

    await _give_up(store)

    assert not store.hangs


async def test_who_waits_for_an_end_learns_that_the_store_has_failed() -> None:
    inner = _Hanging()
    store = ResponsiveStore(inner, slow_s=0.02)
    end = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(store.all_done([end]))
    await asyncio.sleep(0)
    inner.is_down = True
    with pytest.raises(StoreUnavailable):
        await store.turn("", "t1")

    with pytest.raises(StoreUnavailable):
        await waiting
    assert not store.hangs
    end.set_result(None)
    await store.all_done([end])


async def test_an_end_that_does_not_come_is_waited_for_once() -> None:
    store = ResponsiveStore(_Hanging(), slow_s=0.02)
    end = asyncio.get_running_loop().create_future()
    await store.all_done([end], timeout_s=0)

    with pytest.raises(StoreUnavailable):
        async with patience(0.05):
            await store.all_done([end])

    assert store.hangs
    await store.aclose()


async def test_a_defect_of_the_store_stops_no_calls() -> None:
    inner = _Hanging()
    store = ResponsiveStore(inner, slow_s=0.02)
    inner.hangs = True
    await _give_up(store)

    async def broken(turn: TurnId, reason: StopReason) -> None:
        raise RuntimeError("a defect")

    inner.ask_to_stop = broken  # type: ignore[method-assign]
    inner.hangs = False
    with logged() as log:
        await _again(store)

    assert [record.getMessage() for record in log.records] == ["the store failed by a defect"]


def test_an_engine_says_through_it_how_often_it_is_written() -> None:
    class Dear(MemoryStore):
        flush_interval_s = 0.25

    assert ResponsiveStore(Dear()).flush_interval_s == 0.25
    assert ResponsiveStore(MemoryStore()).flush_interval_s == INTERVAL_S

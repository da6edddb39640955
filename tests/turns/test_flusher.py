"""`app.turns.flusher`: what is written when, and what happens if it cannot be."""

import asyncio
import logging
from functools import partial
from typing import Any

import pytest

from app.events import Abort, Event, Finish, Start, StepEnd, StepStart, Terminal, TextDelta
from app.store.event_log import decode
from app.store.store import TurnHead
from app.turns.errors import LOST
from app.turns.flusher import INTERVAL_S, Flusher
from app.turns.kept_turn import KeptTurn
from app.turns.recorder import Recorder
from app.turns.transcript import Transcript
from tests.chatting import logged
from tests.turns.stores import Shaky

BEGIN: list[Event] = [Start("m"), StepStart(), TextDelta("a")]
END: list[Event] = [StepEnd("stop"), Finish("stop")]


class _Live:
    """Stands for the `LiveTurn` that is told to stop."""

    def __init__(self) -> None:
        self.stopped: list[Terminal] = []
        self.told = asyncio.Event()

    def stop(self, event: Terminal) -> None:
        self.stopped.append(event)
        self.told.set()


async def _running(store: Shaky, flusher: Flusher, number: int = 1) -> tuple[KeptTurn, _Live]:
    head = TurnHead(id=f"t{number}", owner="", chat_id=f"c{number}", message_id="m")
    await store.begin(head, revision=0, keep=0, messages=[{"id": "u", "role": "user", "parts": []}])
    recorder = Recorder(head.id, Transcript("m"), on_full=flusher.wake, on_close=flusher.has_ended)
    kept, live = KeptTurn(head, recorder), _Live()
    kept.run_by(live)  # type: ignore[arg-type]
    flusher.add(kept)
    return kept, live


def _note(kept: KeptTurn, *events: Event) -> None:
    for event in events:
        kept.recorder.note(event)


async def _log(store: Shaky, turn: str) -> list[Event]:
    tail = await store.fetch(turn)
    assert tail is not None
    return [event for batch in tail.batches for event in decode(batch.data)]


async def test_what_was_sent_is_written_without_being_asked() -> None:
    store = Shaky()
    flusher = Flusher(store, interval_s=0)
    kept, _ = await _running(store, flusher)

    _note(kept, *BEGIN)
    await store.until(lambda: bool(store.appended))
    log = await _log(store, "t1")
    _note(kept, *END)
    kept.recorder.close()
    has_ended = await kept.ended

    chat = await store.chat("", "c1")
    assert log == BEGIN
    assert await _log(store, "t1") == [*BEGIN, *END]
    assert has_ended
    assert chat.turn.state == "finished"
    assert chat.messages[1]["parts"][1]["text"] == "a"
    assert len(flusher) == 0
    await flusher.aclose()


def test_an_engine_may_say_how_often_it_is_written() -> None:
    class Dear(Shaky):
        flush_interval_s = 0.25

    assert Flusher(Shaky()).interval_s == INTERVAL_S
    assert Flusher(Dear()).interval_s == 0.25
    assert Flusher(Dear(), interval_s=0.5).interval_s == 0.5


async def test_all_turns_are_written_together() -> None:
    store = Shaky()
    flusher = Flusher(store, interval_s=60)
    turns = [(await _running(store, flusher, number))[0] for number in range(5)]
    for kept in turns:
        _note(kept, *BEGIN)

    flusher.wake()
    await store.until(lambda: bool(store.appended))
    for kept in turns:
        kept.recorder.note(Abort())
        kept.recorder.close()
    await asyncio.gather(*(kept.ended for kept in turns))

    assert [len(batches) for batches in store.appended] == [5]
    await flusher.aclose()


async def test_a_turn_beats_although_it_says_nothing() -> None:
    store = Shaky()
    time = 0.0
    flusher = Flusher(store, interval_s=0, clock=lambda: time)
    await _running(store, flusher)
    time = 1.0
    await store.until(lambda: bool(store.beats))
    head = await store.turn("", "t1")

    assert store.beats == [["t1"]]
    assert head is not None
    assert head.beat == 1
    await flusher.aclose()


async def test_a_wish_to_stop_reaches_the_turn() -> None:
    store = Shaky()
    flusher = Flusher(store, interval_s=0)
    kept, live = await _running(store, flusher)
    await store.ask_to_stop("t1", "superseded")

    _note(kept, *BEGIN)
    await live.told.wait()

    assert live.stopped == [Abort("superseded")]
    await flusher.aclose()


async def test_a_turn_that_was_taken_for_dead_is_ended_and_not_written() -> None:
    store = Shaky()
    flusher = Flusher(store, interval_s=0)
    kept, live = await _running(store, flusher)
    await store.end("t1", "lost", last=None, message=None, ended_at=1.0)

    _note(kept, *BEGIN)
    await live.told.wait()
    _note(kept, *END)
    kept.recorder.close()

    assert live.stopped == [LOST]
    assert await kept.ended is False
    assert await _log(store, "t1") == []
    await flusher.aclose()


async def test_a_process_that_stood_still_looks_whether_its_turns_are_still_its_own() -> None:
    store = Shaky()
    time = 0.0
    flusher = Flusher(store, interval_s=60, retry_s=60, clock=lambda: time)
    await _running(store, flusher, 1)
    _, live = await _running(store, flusher, 2)
    assert flusher.standing() is None
    time = 4.9
    assert flusher.standing() is None
    await store.end("t2", "lost", last=None, message=None, ended_at=0.0)

    time = 5.1
    waiting = flusher.standing()
    assert waiting is not None
    assert flusher.standing() is waiting
    await waiting

    assert live.stopped == [LOST]
    assert flusher.standing() is None
    # A store that is down keeps nobody for longer than one try.
    store.is_down = True
    time = 11.0
    waiting = flusher.standing()
    assert waiting is not None
    await waiting
    assert flusher.standing() is None
    await flusher.aclose()


async def test_nobody_waits_for_a_flusher_that_does_not_run() -> None:
    store = Shaky()
    time = 100.0
    flusher = Flusher(store, interval_s=60, clock=lambda: time)
    # As it is while the first turns of the process cannot begin in the store.
    assert flusher.standing() is None
    await _running(store, flusher)
    time = 106.0
    waiting = flusher.standing()

    await flusher.aclose()

    assert waiting is not None
    await waiting
    assert flusher.standing() is None


async def test_a_turn_of_a_deleted_chat_is_ended() -> None:
    store = Shaky()
    flusher = Flusher(store, interval_s=0)
    kept, live = await _running(store, flusher)
    await store.delete("", "c1")

    _note(kept, *BEGIN)
    await live.told.wait()

    assert live.stopped == [Abort("deleted")]
    await flusher.aclose()


async def test_what_cannot_be_written_is_kept_and_said_once() -> None:
    store = Shaky()
    flusher = Flusher(store, interval_s=0, retry_s=0)
    kept, _ = await _running(store, flusher)
    store.is_down = True

    with logged() as log:
        _note(kept, *BEGIN)
        await store.until(lambda: len(store.appended) == 5)
        _note(kept, TextDelta("b"), *END)
        kept.recorder.close()
        await store.until(lambda: len(store.appended) == 10)
        store.is_down = False
        has_ended = await kept.ended

    warnings = [record for record in log.records if record.levelno >= logging.WARNING]
    assert [record.getMessage() for record in warnings] == [
        "the store cannot be written, 1 turns wait; answers go on"
    ]
    assert has_ended
    assert await _log(store, "t1") == [*BEGIN, TextDelta("b"), *END]
    await flusher.aclose()


async def test_the_end_of_the_server_does_not_wait_for_a_store_that_hangs() -> None:
    store = Shaky()
    flusher = Flusher(store, interval_s=0)
    kept, _ = await _running(store, flusher)
    store.hangs = True
    _note(kept, *BEGIN, *END)
    kept.recorder.close()

    await flusher.finish(0.05)

    assert not kept.ended.done()
    assert await flusher.aclose() == 1
    assert await kept.ended is False


async def test_ends_that_come_close_together_are_written_together() -> None:
    store = Shaky()
    flusher = Flusher(store, interval_s=60, together_s=60)
    turns = [(await _running(store, flusher, number))[0] for number in range(3)]

    async def end(kept: KeptTurn) -> None:
        _note(kept, *BEGIN, *END)
        kept.recorder.close()
        await asyncio.sleep(0)

    await end(turns[0])
    assert await turns[0].ended
    await end(turns[1])
    await end(turns[2])
    still = [(await store.turn("", f"t{number}")).state for number in (1, 2)]  # type: ignore[union-attr]
    flusher.wake()  # somebody asks

    assert await turns[1].ended
    assert turns[2].ended.done()
    assert still == ["running", "running"]
    await flusher.aclose()


async def test_an_end_does_not_have_the_others_written_before_their_time() -> None:
    store = Shaky()
    time = 0.0
    flusher = Flusher(store, interval_s=60, together_s=0, clock=lambda: time)
    turns = [(await _running(store, flusher, number))[0] for number in range(3)]
    time = 100.0
    for kept in turns:
        _note(kept, *BEGIN)
    flusher.wake()
    await store.until(lambda: bool(store.appended))
    for kept in turns:
        _note(kept, TextDelta("b"))

    # The first end comes within the time of the others, the second one when that is over.
    _note(turns[0], *END)
    turns[0].recorder.close()
    await turns[0].ended
    before = [len(batches) for batches in store.appended]
    time = 161.0
    _note(turns[1], *END)
    turns[1].recorder.close()
    await turns[1].ended

    assert before == [3]
    assert sorted(batch.turn for batch in store.appended[1]) == ["t2"]
    await flusher.aclose()


async def test_an_end_that_waits_for_others_is_written_soon() -> None:
    store = Shaky()
    flusher = Flusher(store, interval_s=60, together_s=0.001)
    turns = [(await _running(store, flusher, number))[0] for number in range(3)]

    for kept in turns:
        _note(kept, *BEGIN, *END)
        kept.recorder.close()
        assert await kept.ended

    await flusher.aclose()


async def test_one_end_that_fails_does_not_keep_the_others_from_theirs() -> None:
    store = _FailsFor("t0")
    flusher = Flusher(store, interval_s=60, retry_s=60)
    turns = [(await _running(store, flusher, number))[0] for number in range(3)]
    for kept in turns:
        _note(kept, *BEGIN, *END)
        kept.recorder.close()

    with logged() as log:
        assert await turns[1].ended
        assert await turns[2].ended

    assert [record.getMessage() for record in log.records] == ["the store failed by a defect"]
    assert not turns[0].ended.done()
    store.failing = ""
    flusher.wake()
    await flusher.aclose()


async def test_the_ends_of_a_store_that_waits_are_written_side_by_side() -> None:
    store = _Slow()
    flusher = Flusher(store, interval_s=60)
    turns = [(await _running(store, flusher, number))[0] for number in range(4)]
    for kept in turns:
        _note(kept, *BEGIN, *END)
        kept.recorder.close()

    assert all(await asyncio.gather(*(kept.ended for kept in turns)))
    # The first shows that the store waits.
    assert store.most_at_once == 3
    await flusher.aclose()


class _FailsFor(Shaky):
    """A store with a defect, which shows at one turn."""

    def __init__(self, failing: str) -> None:
        super().__init__()
        self.failing = failing

    async def end(self, turn: str, state: Any, **more: Any) -> bool:
        if turn == self.failing:
            raise TypeError("a defect")
        return await super().end(turn, state, **more)


class _Slow(Shaky):
    """A store whose `end` waits. ``most_at_once``: how many of them did so at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self.most_at_once = self._now_waiting = 0

    async def end(self, turn: str, state: Any, **more: Any) -> bool:
        self._now_waiting += 1
        self.most_at_once = max(self.most_at_once, self._now_waiting)
        await asyncio.sleep(0)
        self._now_waiting -= 1
        return await super().end(turn, state, **more)


async def test_the_end_of_the_server_waits_for_what_can_be_written() -> None:
    store = Shaky()
    flusher = Flusher(store, interval_s=60)
    kept, _ = await _running(store, flusher)
    _note(kept, *BEGIN, *END)
    kept.recorder.close()

    await flusher.finish(5.0)

    assert await kept.ended is True
    assert await flusher.aclose() == 0


@pytest.mark.parametrize("is_over", [False, True], ids=["runs", "over"])
async def test_a_store_that_has_lost_the_last_of_a_log_is_told_it_again(is_over: bool) -> None:
    store = Shaky()
    flusher = Flusher(store, interval_s=0)
    kept, live = await _running(store, flusher)
    for text in "abc":
        _note(kept, *(BEGIN if text == "a" else [TextDelta(text)]))
        count = len(store.appended) + 1
        await store.until(partial(_has_appended, store, count))

    del store._turns["t1"].log[1:]
    _note(kept, *(END if is_over else [TextDelta("d")]))
    if is_over:
        kept.recorder.close()
        assert await kept.ended
    else:
        await store.until(lambda: len(store._turns["t1"].log) == 4)

    texts = [event.text for event in await _log(store, "t1") if isinstance(event, TextDelta)]
    assert texts == (["a", "b", "c"] if is_over else ["a", "b", "c", "d"])
    assert live.stopped == []
    await flusher.aclose()


@pytest.mark.parametrize("is_over", [False, True], ids=["runs", "over"])
async def test_a_store_that_has_lost_a_turn_is_told_of_its_beginning(is_over: bool) -> None:
    store = Shaky()
    flusher = Flusher(store, interval_s=0)
    kept, live = await _running(store, flusher)
    begun = asyncio.Event()
    kept.begin_again = begun.set
    _note(kept, *BEGIN)
    await store.until(lambda: bool(store.appended))

    store._turns.clear()
    _note(kept, *END)
    if is_over:
        kept.recorder.close()
    await begun.wait()

    batches = kept.recorder.unwritten
    assert [event for batch in batches for event in decode(batch.data)] == [*BEGIN, *END]
    assert len(flusher) == 0
    assert live.stopped == []
    await flusher.aclose()


def _has_appended(store: Shaky, count: int) -> bool:
    return len(store.appended) >= count

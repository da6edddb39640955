"""`app.turns.lost_turns`: when a turn counts as lost, and how it then ends."""

import asyncio
from collections.abc import Sequence

from app.events import (
    Abort,
    Event,
    Start,
    StepStart,
    TextDelta,
    ToolInputAvailable,
    ToolOutputError,
)
from app.store.event_log import decode, encode
from app.store.store import Batch, TurnHead
from app.turns.errors import LOST
from app.turns.lost_turns import LostTurns, last_words
from tests.chatting import logged
from tests.turns.stores import Shaky

SAID: list[Event] = [Start("m"), StepStart(), TextDelta("a"), TextDelta("b")]
HEAD = TurnHead(id="t1", owner="", chat_id="c1", message_id="m")


class _Clock:
    """Goes on by ``step_s`` each time it is looked at."""

    def __init__(self, step_s: float) -> None:
        self.now = 0.0
        self.step_s = step_s

    def __call__(self) -> float:
        self.now += self.step_s
        return self.now


class _Watched(Shaky):
    """Counts how often the head of a turn is read, and waits for that."""

    def __init__(self, *, beats: bool = False) -> None:
        super().__init__()
        self.looks = 0
        self._beats = beats
        self._looked = asyncio.Event()

    async def turn(self, owner: str, turn: str) -> TurnHead | None:
        self.looks += 1
        self._looked.set()
        self._looked = asyncio.Event()
        if self._beats:
            await self.append([], beating=[turn])
        return await super().turn(owner, turn)

    async def looked(self, times: int) -> None:
        while self.looks < times:
            await self._looked.wait()


async def _begun(store: Shaky, events: Sequence[Event] = SAID) -> None:
    await store.begin(HEAD, revision=0, keep=0, messages=[])
    for number, event in enumerate(events, start=1):
        await store.append([Batch("t1", number, encode([event])[0])], beating=[])


async def _state(store: Shaky) -> str:
    tail = await store.fetch("t1")
    assert tail is not None
    return str(tail.head.state)


async def test_a_turn_whose_beat_stands_still_ends_as_lost() -> None:
    store = Shaky()
    await _begun(store)
    watch = LostTurns(store, is_ours=lambda _: False, now=lambda: 7.0, still_s=0.02, look_s=0.01)

    async with watch.watching(HEAD):
        await store.wait("t1", 1000, 10)

    tail = await store.fetch("t1")
    chat = await store.chat("", "c1")
    assert tail is not None
    assert (tail.head.state, tail.head.ended_at) == ("lost", 7.0)
    assert [event for batch in tail.batches for event in decode(batch.data)] == [*SAID, LOST]
    assert chat.messages[-1]["parts"][1]["text"] == "ab"


async def test_a_turn_that_beats_is_left_alone() -> None:
    store = _Watched(beats=True)
    await _begun(store)
    watch = LostTurns(store, is_ours=lambda _: False, still_s=0.001, look_s=0.002)

    async with watch.watching(HEAD):
        await store.looked(20)

    assert await _state(store) == "running"


async def test_the_time_in_which_nobody_looked_does_not_count() -> None:
    """As after a suspension of this very process: an hour passes between two looks."""
    store = _Watched()
    await _begun(store)
    clock = _Clock(3600.0)
    watch = LostTurns(store, is_ours=lambda _: False, clock=clock, still_s=10, look_s=0.001)

    async with watch.watching(HEAD):
        await store.looked(20)

    assert await _state(store) == "running"


async def test_a_store_that_cannot_be_reached_is_no_sign_of_death() -> None:
    store = _Watched()
    await _begun(store)
    store.is_down = True
    watch = LostTurns(store, is_ours=lambda _: False, still_s=0.001, look_s=0.002)

    async with watch.watching(HEAD):
        await store.looked(20)
    store.is_down = False

    assert await _state(store) == "running"


async def test_a_store_that_hangs_stops_no_watch() -> None:
    store = _Watched()
    await _begun(store)
    store.hangs = True
    patient_s = 0.01
    watch = LostTurns(
        store, is_ours=lambda _: False, still_s=0.02, look_s=0.005, patience_s=patient_s
    )

    async with watch.watching(HEAD):
        await store.looked(5)
        store.hangs = False
        await store.wait("t1", 1000, 10)

    assert await _state(store) == "lost"


async def test_a_turn_that_somebody_has_only_seen_is_watched_for_a_while() -> None:
    store = _Watched()
    await _begun(store)
    watch = LostTurns(store, is_ours=lambda _: False, still_s=0.02, look_s=0.01)

    for _ in range(3):
        watch.look_after(HEAD.owner, HEAD.id)
    seen = [one for one in asyncio.all_tasks() if one.get_name() == "look after t1"]
    await store.wait("t1", 1000, 10)
    await asyncio.wait(seen)

    assert len(seen) == 1
    assert await _state(store) == "lost"
    await watch.aclose()


async def test_a_turn_that_lives_is_not_watched_for_ever() -> None:
    store = _Watched(beats=True)
    await _begun(store)
    watch = LostTurns(store, is_ours=lambda _: False, still_s=0.02, look_s=0.01)

    watch.look_after(HEAD.owner, HEAD.id)
    (seen,) = [one for one in asyncio.all_tasks() if one.get_name() == "look after t1"]
    await asyncio.wait([seen])

    assert await _state(store) == "running"
    assert not [one for one in asyncio.all_tasks() if one.get_name() == "watch t1"]


async def test_the_end_of_the_server_ends_the_watch() -> None:
    store = _Watched()
    await _begun(store)
    watch = LostTurns(store, is_ours=lambda _: False)

    watch.look_after(HEAD.owner, HEAD.id)
    await store.looked(1)
    await watch.aclose()

    assert not [one for one in asyncio.all_tasks() if one.get_name().endswith(" t1")]


async def test_a_writer_that_beats_at_the_last_moment_is_not_ended() -> None:
    store = _Watched()
    await _begun(store)
    head = await store.turn(HEAD.owner, HEAD.id)
    assert head is not None
    await store.append([], beating=[HEAD.id])

    assert not await LostTurns(store, is_ours=lambda _: False)._end(head)

    assert await _state(store) == "running"


async def test_however_many_wait_one_task_looks() -> None:
    store = _Watched()
    await _begun(store)
    watch = LostTurns(store, is_ours=lambda _: False, look_s=60)

    async with watch.watching(HEAD), watch.watching(HEAD), watch.watching(HEAD):
        await store.looked(1)
        watching = [task for task in asyncio.all_tasks() if task.get_name() == "watch t1"]

    assert len(watching) == 1
    await asyncio.wait(watching)
    assert store.looks == 1


async def test_nobody_watches_a_turn_of_his_own_process() -> None:
    store = _Watched()
    await _begun(store)
    watch = LostTurns(store, is_ours=lambda _: True, still_s=0, look_s=0)

    async with watch.watching(HEAD):
        await asyncio.sleep(0)

    assert store.looks == 0


async def test_a_log_that_cannot_be_read_is_no_reason_to_wait_for_ever() -> None:
    store = Shaky()
    await _begun(store)
    await store.append([Batch("t1", 5, b"\xc1")], beating=[])
    watch = LostTurns(store, is_ours=lambda _: False, still_s=0.01, look_s=0.005)

    with logged() as log:
        async with watch.watching(HEAD):
            await store.wait("t1", 1000, 10)

    assert await _state(store) == "lost"
    assert "a log cannot be read" in log.records[0].getMessage()


def test_the_last_words_close_what_is_open() -> None:
    call = ToolInputAvailable("c", "t", {})

    missing, message = last_words([*SAID, call], "m")

    assert missing[0] == ToolOutputError("c", LOST.message)
    assert missing[-1] == LOST
    assert message is not None
    assert [part.get("state") for part in message["parts"] if "toolCallId" in part] == [
        "output-error"
    ]


def test_a_turn_that_has_said_nothing_leaves_no_message() -> None:
    assert last_words([], "m") == ([Start("m"), LOST], None)


def test_a_log_with_an_end_needs_no_other() -> None:
    assert last_words([*SAID, Abort()], "m")[0] == []

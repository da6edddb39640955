"""`app.turns.follower`: every reader of a log gets all of it, and an end."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.events import (
    Abort,
    Event,
    Finish,
    Start,
    StepEnd,
    StepStart,
    TextDelta,
    ToolInputAvailable,
    ToolOutputAvailable,
)
from app.protocols.framing import Framer
from app.protocols.negotiation import Dialect, encoder_for
from app.store.event_log import encode
from app.store.memory import MemoryStore
from app.store.store import Batch, Store, Tail, TurnHead
from app.turns.follower import Follower
from app.turns.lost_turns import LostTurns
from app.turns.merging import merged
from app.turns.stopping import Stopping
from tests.chatting import logged
from tests.protocols.chunk_pieces import is_chunk, pieces
from tests.protocols.test_every_encoder import turns
from tests.turns.stores import Shaky

HEAD = TurnHead(id="t1", owner="", chat_id="c1", message_id="m")
BEGIN: list[Event] = [Start("m"), StepStart(), TextDelta("a"), TextDelta("b")]
END: list[Event] = [StepEnd("stop"), Finish("stop")]
DIALECTS = (
    Dialect("ui"),
    Dialect("ui", "5.0"),
    Dialect("ui", "7"),
    Dialect("data", "3.4"),
    Dialect("data", "4"),
    Dialect("ndjson"),
)


def _follower(
    store: Store,
    dialect: Dialect = DIALECTS[0],
    *,
    start: int | None = None,
    stopping: Stopping | None = None,
    keep_alive_s: float | None = None,
) -> Follower:
    return Follower(
        store,
        LostTurns(store, is_ours=lambda _: True),
        stopping or Stopping(),
        HEAD,
        encoder_for(dialect, now=lambda: 0.0),
        dialect.protocol,
        start=start,
        keep_alive_s=keep_alive_s,
    )


async def _read(follower: Follower) -> bytes:
    await follower.catch_up()
    return b"".join([frame async for frame in follower.frames()])


def _sent(events: Sequence[Event], dialect: Dialect) -> list[bytes]:
    """Return what the client that asked is sent, in pieces; and the turn as it was recorded."""
    framer = Framer(encoder_for(dialect, now=lambda: 0.0))
    return [p for event in events for p in pieces(framer.frame([event]), dialect.protocol)]


def _recorded(events: Sequence[Event]) -> list[Event]:
    """Return the events as the recorder is told them: with what the framer adds."""
    told: list[Event] = []
    framer = Framer(encoder_for(Dialect("ui"), now=lambda: 0.0))
    framer.observe(told.append)
    framer.frame(events)
    return told


async def _begun(store: Store) -> None:
    await store.begin(HEAD, revision=0, keep=0, messages=[])


async def _say(store: Store, seq: int, events: Sequence[Event]) -> None:
    await store.append([Batch("t1", seq, encode(events)[0])], beating=[])


async def _finish(store: Store, seq: int, events: Sequence[Event]) -> None:
    last = Batch("t1", seq, encode(events)[0])
    await store.end("t1", "finished", last=last, message=None, ended_at=1.0)


@settings(deadline=None, max_examples=60)
@given(
    turn=turns(),
    dialect=st.sampled_from(DIALECTS),
    cut=st.integers(0, 40),
    joined=st.integers(0, 2),
)
def test_what_a_client_has_and_the_rest_are_the_whole(
    turn: list[Event], dialect: Dialect, cut: int, joined: int
) -> None:
    """Whatever the turn, the dialect, the place and the moment of joining."""
    log = _recorded(turn)
    whole = _sent(log, dialect)
    chunks = [piece for piece in whole if is_chunk(piece)]
    halves = [log[: len(log) // 2], log[len(log) // 2 :]]

    async def follow() -> bytes:
        store = MemoryStore()
        await _begun(store)
        follower = _follower(store, dialect, start=cut)
        reading: asyncio.Task[bytes] | None = None
        for moment in range(3):
            if joined == moment:
                reading = asyncio.create_task(_read(follower))
                await asyncio.sleep(0)
            if moment == 0 and halves[0]:
                await _say(store, 1, halves[0])
            elif moment == 1:
                await _finish(store, 2 if halves[0] else 1, halves[1])
            await asyncio.sleep(0)
        assert reading is not None
        return await reading

    assert asyncio.run(follow()) == b"".join(chunks[cut:]) + b"".join(
        piece for piece in whole if not is_chunk(piece)
    )


@settings(deadline=None, max_examples=30)
@given(turn=turns(), dialect=st.sampled_from(DIALECTS))
def test_a_replay_from_the_start_is_the_turn_with_its_deltas_joined(
    turn: list[Event], dialect: Dialect
) -> None:
    log = _recorded(turn)

    async def follow() -> bytes:
        store = MemoryStore()
        await _begun(store)
        await _finish(store, 1, log)
        return await _read(_follower(store, dialect))

    assert asyncio.run(follow()) == b"".join(_sent(merged(log), dialect))


async def test_plain_text_has_a_chunk_a_delta_though_nothing_in_it_tells_them_apart() -> None:
    store = MemoryStore()
    await _begun(store)
    await _say(store, 1, BEGIN)
    await _finish(store, 2, [TextDelta("c"), TextDelta("d"), *END])

    rest = [await _read(_follower(store, Dialect("text"), start=start)) for start in range(5)]

    assert rest == [b"abcd", b"bcd", b"cd", b"d", b""]


async def test_who_asks_is_told_how_many_chunks_there_are() -> None:
    store = MemoryStore()
    await _begun(store)

    assert await _follower(store, start=0).catch_up() == -1
    await _say(store, 1, BEGIN)
    assert await _follower(store, start=0).catch_up() == 4
    await _finish(store, 2, END)
    assert await _follower(store, start=0).catch_up() == 7


async def test_a_reader_may_be_ahead_of_the_log() -> None:
    """The client that asked has what the store has not got yet."""
    store = MemoryStore()
    await _begun(store)
    await _say(store, 1, BEGIN[:3])
    reading = asyncio.create_task(_read(_follower(store, start=5)))
    await _finish(store, 2, [*BEGIN[3:], *END])

    assert await reading == b"".join(_sent([*BEGIN, *END], DIALECTS[0])[5:])


async def test_a_gap_is_an_error_and_never_skipped() -> None:
    class Gappy(MemoryStore):
        async def fetch(self, turn: str, after: int = 0) -> Tail | None:
            tail = await super().fetch(turn, after)
            assert tail is not None
            return Tail(tail.head, [b for b in tail.batches if b.seq != 2])

    store = Gappy()
    await _begun(store)
    for seq, event in enumerate(BEGIN, start=1):
        await _say(store, seq, [event])

    with logged() as log:
        wire = await _read(_follower(store))

    assert b'"errorText":"Something went wrong on the server' in wire
    assert wire.endswith(b"data: [DONE]\n\n")
    assert "batch 3 follows batch 1" in log.records[0].getMessage()


@pytest.mark.parametrize(("state", "end"), [("lost", b'"error"'), ("stopped", b'"abort"')])
async def test_a_turn_whose_log_has_no_end_gets_one(state: str, end: bytes) -> None:
    store = MemoryStore()
    await _begun(store)
    await _say(store, 1, BEGIN)
    await store.end("t1", state, last=None, message=None, ended_at=1.0)  # type: ignore[arg-type]

    wire = await _read(_follower(store))

    assert end in wire
    assert wire.endswith(b"data: [DONE]\n\n")


async def test_a_turn_that_is_not_there_any_more_ends() -> None:
    assert (await _read(_follower(MemoryStore()))).endswith(b'"abort"}\n\ndata: [DONE]\n\n')


async def test_a_reader_gets_an_end_when_the_server_stops() -> None:
    store, stopping = MemoryStore(), Stopping()
    await _begun(store)
    await _say(store, 1, BEGIN)
    reading = asyncio.create_task(_read(_follower(store, stopping=stopping)))
    await asyncio.sleep(0)
    stopping.set()

    wire = await reading

    assert b"The server is restarting" in wire
    assert wire.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("how", ["hangs", "is_down"])
async def test_a_reader_gets_an_end_when_the_server_stops_and_the_store_does_not_respond(
    how: str,
) -> None:
    store, stopping = Shaky(), Stopping()
    await _begun(store)
    await _say(store, 1, BEGIN)
    follower = _follower(store, stopping=stopping)
    await follower.catch_up()
    frames = follower.frames()
    await anext(frames)
    setattr(store, how, True)
    last = asyncio.ensure_future(anext(frames))
    await asyncio.sleep(0)
    stopping.set()

    async with asyncio.timeout(3):  # of five that the store may take
        wire = await last

    assert b"The server is restarting" in wire
    assert wire.endswith(b"data: [DONE]\n\n")


async def test_a_silent_turn_has_keep_alives() -> None:
    store = MemoryStore()
    await _begun(store)
    await _say(store, 1, BEGIN)
    follower = _follower(store, Dialect("data", "4"), keep_alive_s=0.01)
    await follower.catch_up()
    frames = follower.frames()

    first, second = await anext(frames), await anext(frames)
    await frames.aclose()  # type: ignore[attr-defined]

    assert first.endswith(b'0:"ab"\n')
    assert second == b"\n"


async def test_a_follower_waits_for_a_store_that_comes_back() -> None:
    store = Shaky()
    await _begun(store)
    await _say(store, 1, BEGIN)
    follower = _follower(store)
    await follower.catch_up()
    store.is_down = True
    reading = asyncio.create_task(_read_on(follower))
    await asyncio.sleep(0)
    store.is_down = False
    await _finish(store, 2, END)

    assert (await reading).endswith(b"data: [DONE]\n\n")


async def _read_on(follower: Follower) -> bytes:
    return b"".join([frame async for frame in follower.frames()])


async def test_following_costs_no_task_once_it_is_over() -> None:
    store = MemoryStore()
    await _begun(store)
    before = asyncio.all_tasks()
    reading = asyncio.create_task(_read(_follower(store)))
    await _finish(store, 1, [Start("m"), Abort()])
    await reading
    await asyncio.sleep(0)

    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("said", [[], [StepStart()], [StepStart(), TextDelta("a")]])
async def test_the_rest_of_a_continuation_that_was_stopped_is_what_its_client_was_sent(
    said: list[Event],
) -> None:
    """An answer that is stopped at once ends on a step of its own, which the client has to see."""
    earlier: list[Event] = [Start("m"), StepStart(), ToolInputAvailable("c", "t", {}, "client")]
    earlier += [ToolOutputAvailable("c", 1), StepEnd("tool-calls")]
    dialect = Dialect("ui", "7")
    posted = Framer(encoder_for(dialect, now=lambda: 0.0, continues=True), continues=True)
    log: list[Event] = []
    posted.observe(log.append)
    sent = posted.frame([Start("m"), *said, Abort("stop")])
    store = MemoryStore()
    head = msgspec.structs.replace(HEAD, live_from=len(earlier))
    first = Batch("t1", 1, encode(earlier)[0])
    await store.begin(head, revision=0, keep=0, messages=[], first=first)
    await _finish(store, 2, log)

    follower = Follower(
        store,
        LostTurns(store, is_ours=lambda _: True),
        Stopping(),
        head,
        encoder_for(dialect, now=lambda: 0.0, continues=True),
        dialect.protocol,
        start=0,
    )

    assert await _read(follower) == sent

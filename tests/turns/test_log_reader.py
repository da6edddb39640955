"""`app.turns.log_reader`: what a look at a log finds."""

import pytest

from app.errors import StoreUnavailable
from app.events import Abort, Event, Start, StepStart, TextDelta
from app.store.event_log import encode
from app.store.store import Batch, State, Tail, TurnHead, TurnId
from app.turns.errors import LOST
from app.turns.log_reader import LogReader, end_of
from tests.turns.stores import Shaky

HEAD = TurnHead(id="t1", owner="", chat_id="c1", message_id="m")


def _batch(seq: int, text: str) -> Batch:
    (data,) = encode([TextDelta(text)])
    return Batch("t1", seq, data)


async def _begun() -> Shaky:
    store = Shaky()
    await store.begin(HEAD, revision=0, keep=0, messages=[])
    return store


async def test_each_look_finds_what_is_new() -> None:
    store = await _begun()
    log = LogReader(store, "t1")
    first = await log.read()
    await store.append([_batch(1, "a"), _batch(2, "b")], beating=[])
    second = await log.read()
    await log.wait(0)
    await store.append([_batch(3, "c")], beating=[])
    await log.wait(60)
    third = await log.read()

    found = [(read.events, read.has_more) for read in (first, second, third) if read is not None]
    assert found == [
        ([], False),
        ([TextDelta("a"), TextDelta("b")], True),
        ([TextDelta("c")], True),
    ]
    assert log.seq == 3


async def test_a_turn_that_is_unknown_has_no_log() -> None:
    assert await LogReader(Shaky(), "t1").read() is None


@pytest.mark.parametrize("bad", [Batch("t1", 2, b"\xc1"), _batch(3, "late"), _batch(1, "again")])
async def test_what_cannot_be_read_is_said_and_nothing_after_it_read_with_it(bad: Batch) -> None:
    class Defective(Shaky):
        async def fetch(self, turn: TurnId, after: int = 0) -> Tail | None:
            batches = [_batch(1, "a"), bad, _batch(bad.seq + 1, "b")]
            return Tail(HEAD, batches if after == 0 else batches[2:])

    log = LogReader(Defective(), "t1")
    first, second = await log.read(), await log.read()

    assert first is not None
    assert second is not None
    assert first.events == [TextDelta("a")]
    assert first.defect is not None
    assert first.has_more
    assert second.events == [TextDelta("b")]
    assert second.defect is None


async def test_a_store_that_hangs_is_not_waited_for() -> None:
    store = await _begun()
    store.hangs = True

    with pytest.raises(StoreUnavailable):
        await LogReader(store, "t1", patience_s=0.01).read()


@pytest.mark.parametrize(
    ("state", "end"), [("stopped", Abort()), ("lost", LOST), ("failed", LOST), ("finished", LOST)]
)
def test_a_turn_whose_log_has_no_end_ends_as_its_head_says(state: State, end: object) -> None:
    assert end_of(TurnHead(id="t", owner="", chat_id="c", message_id="m", state=state)) == end


async def test_several_events_of_a_batch_stay_in_order() -> None:
    store = await _begun()
    events: list[Event] = [Start("m"), StepStart(), TextDelta("a")]
    (data,) = encode(events)
    await store.append([Batch("t1", 1, data)], beating=[])
    read = await LogReader(store, "t1").read()

    assert read is not None
    assert read.events == events

"""`app.turns.whole_turn`: what a turn came to, from its log."""

import asyncio

import pytest

from app.events import Abort, Event, Finish, Start, StepEnd, StepStart, Terminal, TextDelta, Usage
from app.store.event_log import encode
from app.store.store import Batch, TurnHead
from app.turns.errors import LOST
from app.turns.lost_turns import LostTurns
from app.turns.whole_turn import WholeTurn, whole_turn
from tests.turns.stores import Shaky

EARLIER: list[Event] = [Start("m"), StepStart(), TextDelta("old"), StepEnd("stop")]
SAID: list[Event] = [Start("m"), StepStart(), TextDelta("a"), TextDelta("b")]
END: list[Event] = [StepEnd("stop", Usage(1, 2)), Finish("stop", Usage(1, 2))]
HEAD = TurnHead(id="t1", owner="", chat_id="c1", message_id="m", live_from=len(EARLIER))


async def _begun() -> Shaky:
    store = Shaky()
    first = Batch("t1", 1, encode(EARLIER)[0])
    await store.begin(HEAD, revision=0, keep=0, messages=[], first=first)
    return store


async def _read(store: Shaky) -> WholeTurn:
    return await whole_turn(store, LostTurns(store, is_ours=lambda _: True), HEAD)


async def test_a_turn_is_read_to_its_end() -> None:
    store = await _begun()
    reading = asyncio.create_task(_read(store))
    await asyncio.sleep(0)
    await store.append([Batch("t1", 2, encode(SAID)[0])], beating=[])
    last = Batch("t1", 3, encode(END)[0])
    await store.end("t1", "finished", last=last, message=None, ended_at=1.0)

    whole = await reading

    assert whole.transcript.text == "ab"
    assert [part.get("text") for part in whole.transcript.parts] == [None, "old", None, "ab"]
    assert (whole.end, whole.usage) == (END[-1], Usage(1, 2))


@pytest.mark.parametrize(("state", "end"), [("stopped", Abort()), ("lost", LOST)])
async def test_a_log_without_an_end_ends_as_its_turn_did(state: str, end: Terminal) -> None:
    store = await _begun()
    await store.end("t1", state, last=None, message=None, ended_at=1.0)

    assert (await _read(store)).end == end


async def test_a_turn_of_a_deleted_chat_has_ended() -> None:
    store = await _begun()
    whole = await whole_turn(
        store,
        LostTurns(store, is_ours=lambda _: True),
        TurnHead(id="gone", owner="", chat_id="c1", message_id="m"),
    )

    assert whole.end == Abort("deleted")

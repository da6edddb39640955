"""`app.turns.waiting_logs`: a store that is down for long does not take the memory."""

import asyncio
from collections.abc import Sequence

import pytest

from app.chats.plan import Plan, Run
from app.events import Event, Finish, Start, StepEnd, StepStart, TextDelta
from app.messages import ChatRequest
from app.store.event_log import decode
from app.store.store import Chat
from app.turns.errors import GIVEN_UP
from app.turns.kept_turn import KeptTurn
from app.turns.kept_turns import KeptTurns
from tests.chatting import logged
from tests.turns.stores import Shaky

BEGIN: Sequence[Event] = [Start("m"), StepStart()]
END: Sequence[Event] = [StepEnd("stop"), Finish("stop")]
GIVEN_UP_LINES = "too much waits for the store: the log of a turn is given up"


async def _turn(turns: KeptTurns, chat_id: str, *, is_late: bool = False) -> KeptTurn:
    run = Run(
        asked=ChatRequest(shape="ai-sdk-5", messages=(), chat_id=chat_id),
        message_id="m",
        replies_to="u",
        keep=0,
        messages=[{"id": "u", "role": "user", "parts": []}],
    )

    async def plan(chat: Chat | None) -> Plan:
        return run

    begun = await turns.begin("", chat_id, plan, otherwise=run if is_late else None)
    assert isinstance(begun, tuple)
    return begun[0]


def _say(kept: KeptTurn, *events: Event) -> None:
    for event in events:
        kept.recorder.note(event)


async def _log(store: Shaky, kept: KeptTurn) -> list[Event]:
    tail = await store.fetch(kept.head.id)
    assert tail is not None
    return [event for batch in tail.batches for event in decode(batch.data)]


async def _text(store: Shaky, chat_id: str) -> str:
    chat = await store.chat("", chat_id)
    assert chat is not None
    return "".join(part.get("text", "") for part in chat.messages[-1]["parts"])


async def _until_given_up(kept: KeptTurn) -> None:
    async with asyncio.timeout(10):
        while not kept.recorder.is_unplaced:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("is_over", [False, True])
async def test_the_longest_log_is_given_up_and_its_message_is_not(is_over: bool) -> None:
    store = Shaky()
    turns = KeptTurns(store, most_waiting_bytes=1000)
    long, short = await _turn(turns, "long"), await _turn(turns, "short")
    _say(long, *BEGIN, TextDelta("a"))
    _say(short, *BEGIN)
    await store.until(lambda: bool(store.appended))
    store.is_down = True

    with logged() as log:
        _say(long, *map(TextDelta, ["b" * 400] * 3))
        _say(short, TextDelta("c"))
        await _until_given_up(long)
        _say(long, TextDelta("d"))
        if is_over:
            _say(long, *END)
            long.recorder.close()
        store.is_down = False
        if not is_over:
            await store.until(lambda: not long.recorder.is_unplaced)
            _say(long, TextDelta("e"), *END)
            long.recorder.close()
        assert await long.ended
        _say(short, *END)
        short.recorder.close()
        assert await short.ended
    lines = [line for line in log.records if line.getMessage().startswith(GIVEN_UP_LINES)]

    assert len(lines) == 1
    assert await _log(store, long) == [*BEGIN, TextDelta("a"), GIVEN_UP]
    assert await _text(store, "long") == "a" + "b" * 1200 + ("d" if is_over else "de")
    assert await _log(store, short) == [*BEGIN, TextDelta("c"), *END]
    head = await store.turn("", long.head.id)
    assert head is not None
    assert head.state == "finished"
    await turns.aclose()


async def test_a_log_of_which_a_failed_write_was_written_ends_after_it() -> None:
    store = Shaky()
    turns = KeptTurns(store, most_waiting_bytes=1000)
    kept = await _turn(turns, "c1")
    _say(kept, *BEGIN)
    kept.recorder.take()
    await store.append(kept.recorder.unwritten, beating=())  # nobody here knows
    store.is_down = True
    _say(kept, TextDelta("b" * 2000))
    await _until_given_up(kept)

    store.is_down = False
    _say(kept, *END)
    kept.recorder.close()

    assert await kept.ended
    assert await _log(store, kept) == [*BEGIN, GIVEN_UP]
    await turns.aclose()


async def test_a_late_turn_counts_too() -> None:
    store = Shaky()
    turns = KeptTurns(store, most_waiting_bytes=1000)
    store.is_down = True
    kept = await _turn(turns, "c1", is_late=True)
    _say(kept, *BEGIN, TextDelta("b" * 2000))
    await _until_given_up(kept)

    store.is_down = False
    _say(kept, *END)
    kept.recorder.close()

    assert await kept.ended
    assert await _log(store, kept) == [Start("m"), GIVEN_UP]
    assert await _text(store, "c1") == "b" * 2000
    await turns.aclose()


async def test_little_that_waits_is_kept() -> None:
    store = Shaky()
    turns = KeptTurns(store)
    kept = await _turn(turns, "c1")
    store.is_down = True
    _say(kept, *BEGIN, TextDelta("b" * 2000), *END)
    kept.recorder.close()
    await asyncio.wait((kept.ended,), timeout=0.7)
    store.is_down = False

    assert await kept.ended
    assert await _log(store, kept) == [*BEGIN, TextDelta("b" * 2000), *END]
    await turns.aclose()

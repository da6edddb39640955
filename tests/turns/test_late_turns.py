"""`app.turns.late_turns`: turns that begin in the store after they have begun to run."""

from typing import Any

import pytest

from app.chats.plan import Join, Plan, Run, Supersede
from app.errors import ChatHasGoneOn, StoreUnavailable
from app.events import Abort, Event, Finish, Start, StepEnd, StepStart, Terminal, TextDelta
from app.messages import ChatRequest
from app.store.event_log import decode
from app.store.store import Begun, Chat, TurnHead
from app.turns.kept_turn import KeptTurn
from app.turns.kept_turns import KeptTurns
from tests.chatting import logged
from tests.turns.stores import Shaky

ASKED = ChatRequest(shape="ai-sdk-5", messages=(), chat_id="c1")
TURN: list[Event] = [Start("m"), StepStart(), TextDelta("a"), StepEnd("stop"), Finish("stop")]
POSTED = Run(asked=ASKED, message_id="m", replies_to=None, keep=0, messages=())
OTHER = TurnHead(id="other", owner="", chat_id="c1", message_id="o", user_message_id="u1")


def _run(chat: Chat | None, **more: Any) -> Run:
    count = len(chat.messages) if chat else 0
    values: dict[str, Any] = {
        "message_id": "planned",
        "messages": [{"id": f"u{count}", "role": "user", "parts": []}],
    }
    return Run(asked=ASKED, replies_to="u", keep=count, title="Title", **{**values, **more})


async def _plan(chat: Chat | None) -> Plan:
    if chat is not None and chat.turn is not None and chat.turn.state == "running":
        return Supersede(chat.turn)
    return _run(chat)


class _Live:
    def __init__(self) -> None:
        self.stopped: list[Terminal] = []

    def stop(self, event: Terminal) -> None:
        self.stopped.append(event)


async def _late(turns: KeptTurns, plan: Any = _plan, otherwise: Run = POSTED) -> KeptTurn:
    begun = await turns.begin("", "c1", plan, otherwise=otherwise)
    assert isinstance(begun, tuple)
    assert begun[1] == otherwise
    return begun[0]


def _say(kept: KeptTurn, *events: Event) -> None:
    for event in events:
        kept.recorder.note(event)
    if isinstance(events[-1], Finish):
        kept.recorder.close()


async def _log(store: Shaky, turn: str) -> list[Event]:
    tail = await store.fetch(turn)
    assert tail is not None
    return [event for batch in tail.batches for event in decode(batch.data)]


async def _ids(turns: KeptTurns) -> list[str]:
    chat = await turns.chat("", "c1")
    return [message["id"] for message in chat.messages] if chat else []


async def test_a_turn_that_is_over_by_then_begins_and_ends_at_once() -> None:
    store = Shaky()
    turns = KeptTurns(store)
    store.is_down = True
    kept = await _late(turns)
    _say(kept, *TURN)
    store.is_down = False

    assert await _ids(turns) == ["u0", "m"]
    assert await kept.ended
    assert await _log(store, kept.head.id) == TURN
    assert turns.kept_here == 0
    await turns.aclose()


async def test_a_turn_that_still_runs_is_followed_from_its_beginning() -> None:
    store = Shaky()
    turns = KeptTurns(store)
    store.is_down = True
    kept = await _late(turns)
    _say(kept, *TURN[:3])
    store.is_down = False

    running = await turns.find("", "c1")
    _say(kept, *TURN[3:])

    assert running == kept.head
    assert running.user_message_id == "u"
    assert await _ids(turns) == ["u0", "m"]
    assert await _log(store, kept.head.id) == TURN
    await turns.aclose()


async def test_who_asks_for_a_turn_that_has_not_begun_is_not_told_that_there_is_none() -> None:
    store = Shaky()
    turns = KeptTurns(store)
    store.is_down = True
    kept = await _late(turns)
    _say(kept, *TURN)

    async def chat(owner: str, chat: str) -> None:
        raise StoreUnavailable("out of order")

    store.is_down = False
    store.chat = chat  # type: ignore[method-assign]
    for name in ("c1", kept.head.id):
        with pytest.raises(StoreUnavailable):
            await turns.find("", name)
    assert await turns.find("somebody else", kept.head.id) is None
    del store.chat
    found = await turns.find("", kept.head.id)

    assert found is not None
    assert (found.id, found.state) == (kept.head.id, "finished")
    await turns.aclose()


async def test_the_later_of_two_ends_the_earlier_and_stands_after_it() -> None:
    store = Shaky()
    turns = KeptTurns(store)
    store.is_down = True
    first = await _late(turns)
    live = _Live()
    first.run_by(live)  # type: ignore[arg-type]
    second = await _late(turns)
    _say(second, *[Start("m2"), *TURN[1:]])
    assert live.stopped == [Abort("superseded")]
    _say(first, *TURN)
    store.is_down = False

    assert await _ids(turns) == ["u0", "m", "u2", "m2"]
    await turns.aclose()


async def test_a_turn_waits_for_one_that_runs_elsewhere() -> None:
    store = Shaky()
    turns = KeptTurns(store)
    store.is_down = True
    kept = await _late(turns)
    _say(kept, *TURN)
    store.is_down = False
    said = [{"id": "u1", "role": "user", "parts": []}]
    assert await store.begin(OTHER, revision=0, keep=0, messages=said) == Begun()
    second = await _late_while_busy(turns, store)
    assert await _ids(turns) == ["u1"]
    assert await turns.find("", "c1") == OTHER
    head = await store.turn("", "other")
    assert head is not None
    assert (head.state, head.stop) == ("running", None)

    await store.end("other", "finished", last=None, message=None, ended_at=1.0)

    assert await _ids(turns) == ["u1", "u1", "m", "u3", "m2"]
    assert await second.ended
    await turns.aclose()


async def _late_while_busy(turns: KeptTurns, store: Shaky) -> KeptTurn:
    """Begin another late turn of the chat that the first waits for too."""
    store.is_down = True
    second = await _late(turns)
    _say(second, *[Start("m2"), *TURN[1:]])
    store.is_down = False
    return second


async def test_a_beginning_whose_effect_was_unknown_is_not_made_twice() -> None:
    store = Shaky()
    turns = KeptTurns(store)

    async def plan(chat: Chat | None) -> Plan:
        # The call takes effect, and then the store is gone.
        store.is_down = True
        return _run(chat)

    begin = store.begin

    async def begin_and_fail(head: TurnHead, **more: Any) -> Any:
        store.is_down = False
        await begin(head, **more)
        store.is_down = True
        return await begin(head, **more)

    store.begin = begin_and_fail  # type: ignore[method-assign]
    begun = await turns.begin("", "c1", plan, otherwise=POSTED)
    assert isinstance(begun, tuple)
    kept, run = begun
    _say(kept, *TURN)
    store.is_down = False

    assert run.message_id == "planned"
    assert await kept.ended
    assert await _ids(turns) == ["u0", "m"]
    await turns.aclose()


async def test_one_that_was_taken_for_dead_meanwhile_begins_again() -> None:
    store = Shaky()
    turns = KeptTurns(store)
    store.is_down = True
    kept = await _late(turns)
    first_id = kept.head.id
    _say(kept, *TURN)
    store.is_down = False
    await store.begin(kept.head, revision=0, keep=0, messages=[])
    await store.end(first_id, "lost", last=None, message=None, ended_at=1.0)

    assert await _ids(turns) == ["u0", "m"]
    assert kept.head.id != first_id
    assert await kept.ended
    assert turns.kept_here == 0
    await turns.aclose()


async def test_a_continuation_is_added_to_what_the_store_has() -> None:
    """Not to what the client has posted; AI SDK 4 does not even name the message."""
    store = Shaky()
    turns = KeptTurns(store)
    stored = {"id": "s", "role": "assistant", "parts": [{"type": "text", "text": "stored"}]}
    earlier: list[Event] = [Start("s"), StepStart(), TextDelta("stored"), StepEnd("stop")]

    async def plan(chat: Chat | None) -> Plan:
        return _run(chat, message_id="s", messages=[stored], continued=stored, earlier=earlier)

    store.is_down = True
    posted = Run(
        asked=ASKED,
        message_id="m",
        replies_to=None,
        keep=0,
        messages=(),
        continued={"parts": [{"type": "text", "text": "posted"}]},
    )
    kept = await _late(turns, plan, posted)
    _say(kept, *TURN[:3])
    kept.recorder.take()
    store.is_down = False
    await turns.find("", "c1")
    _say(kept, *TURN[3:])

    chat = await turns.chat("", "c1")
    assert chat is not None
    assert [message["id"] for message in chat.messages] == ["s"]
    texts = [part.get("text") for part in chat.messages[0]["parts"]]
    assert texts == ["stored", None, "a"]
    assert await _log(store, kept.head.id) == [*earlier, *TURN]
    assert kept.head.live_from == len(earlier)
    await turns.aclose()


async def test_what_does_not_fit_its_chat_any_more_is_not_kept() -> None:
    for answer in (ChatHasGoneOn("gone on"), Join(OTHER, whole=True)):
        store = Shaky()
        turns = KeptTurns(store)

        async def plan(chat: Chat | None, answer: Any = answer) -> Plan:
            if isinstance(answer, Exception):
                raise answer
            return Join(OTHER, whole=True)

        store.is_down = True
        kept = await _late(turns, plan)
        _say(kept, *TURN)
        store.is_down = False

        with logged() as log:
            assert await _ids(turns) == []
        assert await kept.ended is False
        assert [record.getMessage()[:25] for record in log.records] == ["a late turn is not kept: "]
        await turns.aclose()


async def test_deleting_a_chat_ends_what_has_not_begun() -> None:
    store = Shaky()
    turns = KeptTurns(store)
    store.is_down = True
    kept = await _late(turns)
    live = _Live()
    kept.run_by(live)  # type: ignore[arg-type]
    store.is_down = False

    await turns.delete("", "c1")

    assert live.stopped == [Abort("deleted")]
    assert await _ids(turns) == []
    await turns.aclose()


async def test_the_end_of_the_server_does_not_wait_for_ever() -> None:
    store = Shaky()
    turns = KeptTurns(store, last_s=0.05)
    store.is_down = True
    kept = await _late(turns)
    _say(kept, *TURN)

    with logged() as log:
        await turns.aclose()

    assert await kept.ended is False
    assert [one.getMessage() for one in log.records if one.levelname == "ERROR"] == [
        (
            "the server ends before the store has the beginning of 1 turns, the end of 0, and the "
            "title of 0 chats"
        )
    ]

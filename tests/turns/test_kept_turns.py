"""`app.turns.kept_turns`: how a turn gets its chat, and what finds it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from app.chats.plan import Join, Plan, Run, Supersede
from app.errors import StoreUnavailable
from app.events import Abort, Event, Finish, Start, StepEnd, StepStart, Terminal, TextDelta
from app.messages import ChatRequest
from app.store.event_log import decode
from app.store.store import Begun, Chat, TurnHead, UIMessage
from app.turns.kept_turn import KeptTurn
from app.turns.kept_turns import KeptTurns
from tests.turns.stores import Shaky

ASKED = ChatRequest(shape="ai-sdk-5", messages=(), chat_id="c1")
TURN: list[Event] = [Start("m"), StepStart(), TextDelta("a"), StepEnd("stop"), Finish("stop")]


def _run(number: int = 1, chat: Chat | None = None, *, earlier: Sequence[Event] = ()) -> Run:
    return Run(
        asked=ASKED,
        message_id="m",
        replies_to=f"u{number}",
        keep=len(chat.messages) if chat else 0,
        messages=[{"id": f"u{number}", "role": "user", "parts": []}],
        title="Title",
        earlier=earlier,
    )


async def _plan(chat: Chat | None) -> Plan:
    """Run if the chat is free, else end what runs."""
    if chat is not None and chat.turn is not None and chat.turn.state == "running":
        return Supersede(chat.turn)
    return _run(1 if chat is None else 2, chat)


class _Live:
    """Stands for the `LiveTurn`: ends as soon as it is told to stop."""

    def __init__(self, kept: KeptTurn) -> None:
        self._kept = kept
        self.stopped: list[Terminal] = []

    def stop(self, event: Terminal) -> None:
        self.stopped.append(event)
        for one in (Start("m"), event):
            self._kept.recorder.note(one)
        self._kept.recorder.close()


def _live(kept: KeptTurn) -> _Live:
    live = _Live(kept)
    kept.run_by(live)  # type: ignore[arg-type]
    return live


def _say(kept: KeptTurn, events: Sequence[Event]) -> None:
    for event in events:
        kept.recorder.note(event)
    kept.recorder.close()


async def _begin(turns: KeptTurns, plan: Any = _plan) -> KeptTurn:
    begun = await turns.begin("", "c1", plan)
    assert isinstance(begun, tuple)
    return begun[0]


async def test_a_turn_claims_its_chat_and_leaves_its_message() -> None:
    turns = KeptTurns(Shaky())
    kept = await _begin(turns)
    running = await turns.find("", "c1")
    _say(kept, TURN)

    chat = await turns.chat("", "c1")

    assert running == kept.head
    assert chat is not None
    assert [message["id"] for message in chat.messages] == ["u1", "m"]
    assert chat.turn is not None
    assert chat.turn.state == "finished"
    await turns.aclose()


async def test_what_has_just_ended_here_is_read_with_its_end() -> None:
    """The client that asked may have read the end before it is in the store."""
    store = Shaky()
    turns = KeptTurns(store)
    kept = await _begin(turns)
    _say(kept, TURN)
    assert not kept.ended.done()

    chat = await turns.chat("", "c1")

    assert kept.ended.done()
    assert chat is not None
    assert len(chat.messages) == 2
    await turns.aclose()


async def test_the_next_message_ends_the_turn_that_runs() -> None:
    turns = KeptTurns(Shaky())
    first = await _begin(turns)
    live = _live(first)

    second = await _begin(turns)
    _say(second, TURN)

    assert live.stopped == [Abort("superseded")]
    chat = await turns.chat("", "c1")
    assert chat is not None
    assert [message["id"] for message in chat.messages] == ["u1", "u2", "m"]
    await turns.aclose()


async def test_the_next_message_ends_a_turn_of_another_process() -> None:
    store = Shaky()
    here, there = KeptTurns(store), KeptTurns(store)
    first = await _begin(there)
    live = _live(first)

    second = await _begin(here)

    assert live.stopped == [Abort("superseded")]
    assert second.head.user_message_id == "u2"
    _say(second, TURN)
    await here.aclose()
    await there.aclose()


async def test_a_request_that_has_come_before_gets_its_turn() -> None:
    turns = KeptTurns(Shaky())
    kept = await _begin(turns)

    async def join(chat: Chat | None) -> Plan:
        assert chat is not None
        assert chat.turn is not None
        return Join(chat.turn, whole=True)

    assert await turns.begin("", "c1", join) == Join(kept.head, whole=True)
    _say(kept, TURN)
    await turns.aclose()


async def test_a_chat_that_has_changed_is_planned_for_again() -> None:
    store = Shaky()
    turns = KeptTurns(store)
    planned: list[Chat | None] = []

    async def plan(chat: Chat | None) -> Plan:
        planned.append(chat)
        if len(planned) == 1:  # somebody else is faster
            other = TurnHead(id="other", owner="", chat_id="c1", message_id="o")
            begun = await store.begin(other, revision=0, keep=0, messages=[])
            assert isinstance(begun, Begun)
            await store.end("other", "finished", last=None, message=None, ended_at=1.0)
        return _run(1, chat)

    kept = await _begin(turns, plan)

    assert planned[0] is None
    assert planned[1] is not None
    _say(kept, TURN)
    await turns.aclose()


async def test_ten_requests_at_once_run_one_after_the_other() -> None:
    turns = KeptTurns(Shaky())

    async def ask() -> None:
        _live(await _begin(turns))

    await asyncio.gather(*(ask() for _ in range(10)))
    running = await turns.find("", "c1")
    assert running is not None
    await turns.stop(running)
    chat = await turns.chat("", "c1")

    assert chat is not None
    assert len(chat.messages) == 10
    await turns.aclose()


async def test_the_log_of_a_continuation_begins_with_the_message() -> None:
    store = Shaky()
    turns = KeptTurns(store)
    earlier = TURN[:-1]

    async def plan(chat: Chat | None) -> Plan:
        return _run(1, chat, earlier=earlier)

    kept = await _begin(turns, plan)
    _say(kept, TURN)
    await kept.ended
    tail = await store.fetch(kept.head.id)

    assert kept.head.live_from == len(earlier)
    assert tail is not None
    assert [event for batch in tail.batches for event in decode(batch.data)] == [*earlier, *TURN]
    await turns.aclose()


async def test_after_its_time_an_ended_turn_is_not_found() -> None:
    now = 1000.0
    turns = KeptTurns(Shaky(), keep_s=600, now=lambda: now)
    kept = await _begin(turns)
    _say(kept, TURN)
    await kept.ended

    assert (await turns.find("", "c1")) is not None
    assert (await turns.find("", kept.head.id)) is not None
    assert (await turns.find("somebody else", "c1")) is None
    assert (await turns.find("somebody else", kept.head.id)) is None
    now = 1600.0
    assert (await turns.find("", "c1")) is None
    assert (await turns.find("", kept.head.id)) is None
    await turns.aclose()


async def test_deleting_a_chat_ends_its_turn() -> None:
    turns = KeptTurns(Shaky())
    live = _live(await _begin(turns))

    await turns.delete("", "c1")

    assert live.stopped == [Abort("deleted")]
    assert await turns.chat("", "c1") is None
    await turns.aclose()


async def test_a_store_that_cannot_be_reached_is_said() -> None:
    store = Shaky()
    turns = KeptTurns(store)
    store.is_down = True

    with pytest.raises(StoreUnavailable):
        await turns.begin("", "c1", _plan)
    with pytest.raises(StoreUnavailable):
        await turns.find("", "c1")
    await turns.aclose()


async def test_a_thousand_turns_leave_nothing_behind() -> None:
    now = 0.0
    store = Shaky()
    turns = KeptTurns(store, keep_s=0, now=lambda: now)
    for number in range(1000):

        async def plan(chat: Chat | None) -> Plan:
            return _run(1, None)

        begun = await turns.begin("", f"c{number}", plan)
        assert isinstance(begun, tuple)
        _say(begun[0], TURN)
        await begun[0].ended

    now = 10.0
    await store.sweep(now, keep_s=0, history_s=0)

    assert turns.kept_here == 0
    assert store._turns == {}
    await turns.aclose()


async def test_a_store_that_begins_to_hang_makes_nobody_wait_for_ever() -> None:
    """While a turn of another process is to end."""
    store = Shaky()
    here, there = KeptTurns(store), KeptTurns(store)
    first = await _begin(there)

    async def hang(turn: str, after: int, timeout_s: float) -> None:
        await asyncio.Event().wait()

    store.wait = hang  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        await here.begin("", "c1", _plan)
    _say(first, TURN)
    await here.aclose()
    await there.aclose()


async def test_a_turn_is_found_without_reading_its_chat() -> None:
    store = Shaky()
    turns = KeptTurns(store)
    kept = await _begin(turns)

    async def chat(owner: str, chat: str) -> Chat | None:
        raise AssertionError("a chat may have megabytes of messages")

    store.chat = chat  # type: ignore[method-assign]
    assert await turns.find("", "c1") == kept.head
    assert await turns.find("", kept.head.id) == kept.head
    assert await turns.find("", "c2") is None
    _say(kept, TURN)
    ended = await turns.find("", "c1")
    await turns.aclose()

    assert ended is not None
    assert ended.state == "finished"


class _InOneStep(Shaky):
    """A store that can make a chat and begin a turn in it in one step.

    Attributes:
        steps: what it was asked.
    """

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[str] = []
        self.can_tell = True

    async def begin_new(
        self, head: TurnHead, *, messages: Sequence[UIMessage], title: str
    ) -> Begun | Chat | None:
        self.steps.append("begin_new")
        await self._check()
        if not self.can_tell:
            return None
        chat: Chat | None = await super().chat(head.owner, head.chat_id)
        if chat is None:
            await super().begin(head, revision=0, keep=0, messages=messages, title=title)
        return Begun() if chat is None else chat

    async def begin(self, head: TurnHead, **more: Any) -> Any:
        self.steps.append("begin")
        return await super().begin(head, **more)

    async def chat(self, owner: str, chat: str) -> Chat | None:
        self.steps.append("chat")
        found: Chat | None = await super().chat(owner, chat)
        return found


async def test_a_chat_that_may_be_new_is_made_in_one_step() -> None:
    store = _InOneStep()
    turns = KeptTurns(store)

    begun = await turns.begin("", "c1", _plan, may_be_new=True)

    assert isinstance(begun, tuple)
    kept, run = begun
    assert store.steps == ["begin_new"]
    assert (kept.is_first, run.replies_to) == (True, "u1")
    assert await turns.find("", "c1") == kept.head
    _say(kept, TURN)
    chat = await turns.chat("", "c1")
    assert chat is not None
    assert [message["id"] for message in chat.messages] == ["u1", "m"]
    await turns.aclose()


async def test_a_chat_that_might_have_been_new_is_not_read_again() -> None:
    store = _InOneStep()
    turns = KeptTurns(store)
    first = await _begin(turns)
    _say(first, TURN)
    await first.ended
    store.steps.clear()

    begun = await turns.begin("", "c1", _plan, may_be_new=True)

    assert isinstance(begun, tuple)
    assert store.steps == ["begin_new", "begin"]
    assert (begun[0].is_first, begun[1].replies_to) == (False, "u2")
    _say(begun[0], TURN)
    await turns.aclose()


async def test_a_retry_in_what_might_have_been_new_joins_its_turn() -> None:
    store = _InOneStep()
    turns = KeptTurns(store)
    first = await _begin(turns)

    async def plan(chat: Chat | None) -> Plan:
        if chat is not None and chat.turn is not None:
            return Join(chat.turn, whole=True)
        return _run()

    assert await turns.begin("", "c1", plan, may_be_new=True) == Join(first.head, whole=True)

    _say(first, TURN)
    await turns.aclose()


async def test_a_store_that_cannot_tell_is_asked_in_two_steps() -> None:
    store = _InOneStep()
    store.can_tell = False
    turns = KeptTurns(store)

    begun = await turns.begin("", "c1", _plan, may_be_new=True)

    assert isinstance(begun, tuple)
    assert store.steps == ["begin_new", "chat", "begin"]
    assert begun[0].is_first
    _say(begun[0], TURN)
    await turns.aclose()


async def test_what_does_not_fit_a_new_chat_is_no_try() -> None:
    store = _InOneStep()
    turns = KeptTurns(store)
    first = await _begin(turns)
    _say(first, TURN)
    await first.ended
    store.steps.clear()

    async def plan(chat: Chat | None) -> Plan:
        return _run(2, chat, earlier=() if chat else [Start("m")])

    begun = await turns.begin("", "c1", plan, may_be_new=True)

    assert isinstance(begun, tuple)
    assert store.steps == ["chat", "begin"]
    _say(begun[0], TURN)
    await turns.aclose()


async def test_a_chat_that_may_be_new_begins_late_if_the_store_is_down() -> None:
    store = _InOneStep()
    store.is_down = True
    turns = KeptTurns(store)

    begun = await turns.begin("", "c1", _plan, otherwise=_run(9), may_be_new=True)

    assert isinstance(begun, tuple)
    assert begun[1].replies_to == "u1"  # what was tried, whose effect is unknown
    store.is_down = False
    _say(begun[0], TURN)
    chat = await turns.chat("", "c1")
    assert chat is not None
    assert [message["id"] for message in chat.messages] == ["u1", "m"]
    await turns.aclose()

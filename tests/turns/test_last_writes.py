"""`app.turns.last_writes`: one time limit for all that the store is still told."""

import asyncio
from typing import Any

from app.chats.plan import Plan, Run
from app.events import Event, Finish, Start, StepEnd, StepStart, TextDelta
from app.messages import ChatRequest
from app.store.store import Chat
from app.turns.kept_turn import KeptTurn
from app.turns.kept_turns import KeptTurns
from app.turns.last_writes import close
from tests.chatting import logged
from tests.turns.stores import Shaky

TURN: list[Event] = [Start("m"), StepStart(), TextDelta("a"), StepEnd("stop"), Finish("stop")]


async def _begun(turns: KeptTurns, chat_id: str) -> KeptTurn:
    asked = ChatRequest(shape="ai-sdk-5", messages=(), chat_id=chat_id)
    said = [{"id": "u", "role": "user", "parts": []}]
    run = Run(asked=asked, message_id="m", replies_to="u", keep=0, messages=said)

    async def plan(_: Chat | None) -> Plan:
        return run

    begun = await turns.begin("", chat_id, plan, otherwise=run)
    assert isinstance(begun, tuple)
    return begun[0]


def _say_all(kept: KeptTurn) -> None:
    for event in TURN:
        kept.recorder.note(event)
    kept.recorder.close()


async def _roles(store: Shaky, chat_id: str) -> list[str]:
    chat = await store.chat("", chat_id)
    return [] if chat is None else [message["role"] for message in chat.messages]


async def test_a_store_that_hangs_has_one_time_limit_and_the_log_one_line() -> None:
    async def hang(_: Any) -> str:
        await asyncio.Event().wait()
        return "never"

    store = Shaky()
    turns = KeptTurns(store, title_of=hang, last_s=0.3)
    titled = await _begun(turns, "c0")
    _say_all(titled)
    await titled.ended
    open_end, late = await _begun(turns, "c1"), None
    _say_all(open_end)
    store.is_down = True
    late = await _begun(turns, "c2")
    _say_all(late)
    store.is_down, store.hangs = False, True
    loop = asyncio.get_running_loop()
    began = loop.time()

    with logged() as log:
        await turns.aclose()

    # Each part used to have its own three seconds.
    assert loop.time() - began < 3.0
    assert [one.getMessage() for one in log.records if one.levelname == "ERROR"] == [
        (
            "the server ends before the store has the beginning of 1 turns, the end of 1, and the "
            "title of 1 chats"
        )
    ]
    assert await open_end.ended is False
    assert await late.ended is False


async def test_what_was_said_is_written_although_a_title_does_not_come() -> None:
    async def hang(_: Any) -> str:
        await asyncio.Event().wait()
        return "never"

    store = Shaky()
    turns = KeptTurns(store, title_of=hang, last_s=2.0)
    titled = await _begun(turns, "c0")
    _say_all(titled)
    await titled.ended
    store.is_down = True
    late = await _begun(turns, "c1")
    _say_all(late)
    store.is_down = False
    said = await _begun(turns, "c2")
    _say_all(said)

    with logged() as log:
        await turns.aclose()

    assert await _roles(store, "c1") == await _roles(store, "c2") == ["user", "assistant"]
    assert [one.getMessage() for one in log.records if one.levelname == "ERROR"] == [
        (
            "the server ends before the store has the beginning of 0 turns, the end of 0, and the "
            "title of 3 chats"
        )
    ]


async def test_when_all_is_written_the_log_says_nothing() -> None:
    store = Shaky()
    turns = KeptTurns(store)
    _say_all(await _begun(turns, "c1"))

    with logged() as log:
        await turns.aclose()

    assert await _roles(store, "c1") == ["user", "assistant"]
    assert log.records == []


async def test_a_store_that_does_not_close_is_left() -> None:
    class Open(Shaky):
        async def aclose(self) -> None:
            await asyncio.Event().wait()

    with logged() as log:
        await close(Open(), within_s=0.01)

    assert [one.getMessage() for one in log.records] == ["the store did not close in time"]

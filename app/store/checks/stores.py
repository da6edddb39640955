"""What the checks are given, and the few things that most of them do."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import msgspec

from app.store.store import Batch, Begun, ChatId, Owner, Store, TurnHead, TurnId, UIMessage


class Clock:
    """The time that engines are told to read. The checks move it instead of waiting."""

    def __init__(self) -> None:
        self._moved_s = 0.0

    def __call__(self) -> float:
        return time.time() + self._moved_s

    def move(self, seconds: float) -> None:
        """Go forward, or back."""
        self._moved_s += seconds


class Stores(msgspec.Struct, frozen=True, kw_only=True):
    """What a check is given.

    Attributes:
        here: a store.
        there: another on the same data, as a second process has it; the same as ``here`` if the
            engine's data is in one process.
        clock: what both were made to read; None if the engine has a clock of its own, for which
            the checks wait.
        patience_s: how long a check waits for what has to happen at once.
    """

    here: Store
    there: Store
    clock: Clock | None = None
    patience_s: float = 5.0

    async def let_pass(self, seconds: float) -> None:
        if self.clock is None:
            await asyncio.sleep(seconds)
        else:
            self.clock.move(seconds)


Check: TypeAlias = Callable[[Stores], Awaitable[None]]


def new(prefix: str) -> str:
    """Return an id that nobody has, so that the data may be of earlier runs too."""
    return f"{prefix}-{secrets.token_hex(8)}"


def user(text: str = "Hello") -> UIMessage:
    """Return a message of the user's."""
    return {"id": new("u"), "role": "user", "parts": [{"type": "text", "text": text}]}


def answer(message_id: str, text: str = "Hi!") -> UIMessage:
    """Return a message of the assistant's."""
    return {"id": message_id, "role": "assistant", "parts": [{"type": "text", "text": text}]}


def head(owner: Owner, chat: ChatId, turn: TurnId | None = None) -> TurnHead:
    """Return the head of a new turn."""
    return TurnHead(
        id=turn or new("turn"),
        owner=owner,
        chat_id=chat,
        message_id=new("m"),
        user_message_id=new("u"),
    )


async def begun(
    store: Store,
    *,
    owner: Owner | None = None,
    chat: ChatId | None = None,
    turn: TurnId | None = None,
    messages: Sequence[UIMessage] = (),
    first: Batch | None = None,
    title: str = "",
) -> TurnHead:
    """Begin a turn after all the messages that the chat has."""
    owner = new("owner") if owner is None else owner
    chat = new("chat") if chat is None else chat
    before = await store.chat(owner, chat)
    own = head(owner, chat, turn)
    result = await store.begin(
        own,
        revision=0 if before is None else before.revision,
        keep=0 if before is None else len(before.messages),
        messages=messages,
        title=title,
        first=first,
    )
    assert result == Begun(), result
    return own


async def finished(store: Store, own: TurnHead, message: UIMessage | None = None) -> None:
    """End a turn well."""
    ended = await store.end(own.id, "finished", last=None, message=message, ended_at=time.time())
    assert ended, "a running turn did not end"


async def log(store: Store, turn: TurnId, after: int = 0) -> Sequence[Batch]:
    """Return the whole log, as a follower reads it."""
    batches: list[Batch] = []
    while True:
        tail = await store.fetch(turn, batches[-1].seq if batches else after)
        assert tail is not None, "the turn is unknown"
        if not tail.batches:
            return batches
        numbers = [b.seq for b in (*batches, *tail.batches)]
        assert numbers == list(range(after + 1, after + 1 + len(numbers))), numbers
        batches += tail.batches


async def messages_of(store: Store, own: TurnHead) -> Sequence[UIMessage]:
    """Return the messages of a turn's chat; none if there is no chat."""
    chat = await store.chat(own.owner, own.chat_id)
    return [] if chat is None else chat.messages


def batch(own: TurnHead, seq: int, data: bytes | None = None) -> Batch:
    """Return a batch of a turn."""
    return Batch(own.id, seq, b"batch %d" % seq if data is None else data)

"""What a store of turns and chats does, whatever its engine.

A turn has a *log*: the events that were sent, in order, in *batches*. The process that runs the
turn is its *writer*. Its *beat* changes as long as the writer lives. The *head* is what is known of
a turn without its log. A chat has its finished messages in order, in the form of the AI SDK's
`UIMessage`, and at most one running turn, whose message is not among them.

Everything belongs to an owner, the empty string where nobody is asked who he is. What belongs to
somebody else does not exist.

Engines keep these promises:

* `begin`, `append`, `end` and `delete` are atomic, and what they have returned from is durable as
  far as the engine is.
* `append` and `end` may be repeated after a failure whose effect is unknown; what was written
  before is not written twice.
* Only one `end` of a turn takes effect, and nothing is appended after it.
* `fetch` returns batches without gaps and in order.

`app.store.conformance` holds an engine to them.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from app.store.limits import LimitStore

Owner: TypeAlias = str
ChatId: TypeAlias = str
TurnId: TypeAlias = str
# A message as AI SDK 5 and later keep it: {"id", "role", "parts", "metadata"?}.
UIMessage: TypeAlias = Mapping[str, Any]

State: TypeAlias = Literal["running", "finished", "stopped", "failed", "lost"]
# Why somebody wants a turn to end: the user pressed stop, the user's next message is here, or the
# chat is deleted.
StopReason: TypeAlias = Literal["stop", "superseded", "deleted"]


# How long a turn may run without a beat until `sweep` gives it up, in seconds.
ABANDONED_S = 3600.0


class TurnHead(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A turn without its log.

    Attributes:
        id: random, never used again.
        message_id: of the assistant's message.
        user_message_id: of the message that the turn replies to, if the client gives ids.
        live_from: how many events of the log earlier requests of the same message have sent.
        state: ``running`` until `end`.
        stop: why the turn is to end, once somebody has asked for it.
        beat: changes with every sign of life of the writer.
        ended_at: Unix seconds by the clock of who ended the turn.
    """

    id: TurnId
    owner: Owner
    chat_id: ChatId
    message_id: str
    user_message_id: str | None = None
    live_from: int = 0
    state: State = "running"
    stop: StopReason | None = None
    beat: int = 0
    ended_at: float | None = None


class Batch(msgspec.Struct, frozen=True, gc=False):
    """What one write adds to a log: encoded events (`app.store.event_log`), never empty.

    ``seq`` counts the batches of a turn from 1, without gaps.
    """

    turn: TurnId
    seq: int
    data: bytes


class Tail(msgspec.Struct, frozen=True):
    """What `fetch` found: the batches after a place, and the head as it was with them."""

    head: TurnHead
    batches: Sequence[Batch]


class ChatSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A chat in a list. Times are microseconds since 1970; ``updated`` is unique for an owner.

    Attributes:
        running: the turn that runs in the chat, if one does.
    """

    id: ChatId
    title: str
    created: int
    updated: int
    running: TurnId | None = None


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """A chat as it was at one moment.

    Attributes:
        revision: changes whenever the messages do; 0 is that of a chat that does not exist.
        turn: the running turn, else the last one as long as its log is kept.
    """

    summary: ChatSummary
    revision: int
    messages: Sequence[UIMessage]
    turn: TurnHead | None


class Begun(msgspec.Struct, frozen=True):
    """The chat is this turn's now."""


class Busy(msgspec.Struct, frozen=True):
    """A turn of the chat is running, and nothing was changed.

    It is the caller's own if `begin` is repeated after a failure whose effect was unknown.
    """

    turn: TurnHead


class Changed(msgspec.Struct, frozen=True):
    """The chat has another revision than the caller has read. Nothing was changed."""


class TurnStore(Protocol):
    """Turns and their logs. Each method but `aclose` raises `StoreUnavailable`."""

    async def begin(
        self,
        head: TurnHead,
        *,
        revision: int,
        keep: int,
        messages: Sequence[UIMessage],
        title: str = "",
        first: Batch | None = None,
    ) -> Begun | Busy | Changed:
        """Claim the chat for a turn and save what the user said; make the chat if there is none.

        Args:
            head: of the new turn.
            revision: of the chat that the caller has read; 0: there was none.
            keep: how many of the chat's messages stay, from the first; the others are removed.
            messages: added after them.
            title: of a chat that is new.
            first: the beginning of the log, if the turn continues a message.

        Raises:
            ValueError: the id belongs to another turn, running or over. Nothing was changed.
        """
        ...

    async def append(
        self, batches: Sequence[Batch], *, beating: Collection[TurnId]
    ) -> Mapping[TurnId, StopReason | None]:
        """Add to the logs of running turns, and renew the beat of those in ``beating``.

        A batch that the log holds already is ignored. Batches of one turn are in order.

        Returns:
            Of these turns, those that have to end: the reason for those that somebody asked to
            stop, and None for those that are over or unknown, or whose batches would leave a gap.
            Of the latter nothing was written.
        """
        ...

    async def end(
        self,
        turn: TurnId,
        state: State,
        *,
        last: Batch | None,
        message: UIMessage | None,
        ended_at: float,
        beat: int | None = None,
    ) -> bool:
        """End a running turn, and add the assistant's message to the chat, unless it was deleted.

        Args:
            last: the end of the log. If its ``seq`` is not the next one, the turn does not end.
            message: replaces a message of the same id at the chat's end. None adds nothing.
            ended_at: Unix seconds.
            beat: end the turn only if this is still its beat. For those who are not its writer.

        Returns:
            Whether this call has ended the turn, or an earlier one with the same ``state`` and
            ``last`` has.
        """
        ...

    async def turn(self, owner: Owner, turn: TurnId) -> TurnHead | None:
        """Return the head of a turn whose log is kept. That of a deleted chat is not."""
        ...

    async def head(self, owner: Owner, chat: ChatId) -> TurnHead | None:
        """Return `Chat.turn` without reading the chat's messages; None if there is no chat."""
        ...

    async def fetch(self, turn: TurnId, after: int = 0) -> Tail | None:
        """Return the batches after number ``after``; None if the turn is unknown.

        It may return only the first of many; no batches mean that there are none by now.
        """
        ...

    async def wait(self, turn: TurnId, after: int, timeout_s: float) -> None:
        """Return when there may be batches after number ``after`` or the turn may be over.

        It returns after ``timeout_s`` at the latest, and may return too early.
        """
        ...

    async def ask_to_stop(self, turn: TurnId, reason: StopReason) -> None:
        """Leave the turn's writer the wish that it ends. The first reason stays."""
        ...

    async def once(self, key: str, ttl_s: float) -> bool:
        """Return True to the first who calls this with ``key``, and False for ``ttl_s`` seconds."""
        ...

    async def sweep(self, now: float, *, keep_s: float, history_s: float | None) -> None:
        """Delete what nobody may ask for any more.

        Args:
            now: Unix seconds.
            keep_s: how long the log of a turn that has ended is kept.
            history_s: how long a chat is kept after its last change; None: for ever. A chat with
                a running turn is kept.

        A turn whose beat has stood still for `ABANDONED_S` between sweeps of this very store ends
        as ``lost``, without a message: nobody has asked for it in all that time.
        """
        ...

    async def aclose(self) -> None:
        """Close what is open. Idempotent."""
        ...


class ChatStore(Protocol):
    """Chats and their messages: another part of the same engine."""

    async def chat(self, owner: Owner, chat: ChatId) -> Chat | None:
        """Return a chat with its messages and its turn, as they were at one moment."""
        ...

    async def chats(self, owner: Owner, *, before: int | None, limit: int) -> Sequence[ChatSummary]:
        """Return the chats of ``owner``, the last changed first, changed before ``before``."""
        ...

    async def owners(self) -> Sequence[Owner]:
        """Return who has chats, in order. For the operator's commands; it may take long."""
        ...

    async def rename(self, owner: Owner, chat: ChatId, title: str) -> None:
        """Give a chat another title, which is no change of it."""
        ...

    async def delete(self, owner: Owner, chat: ChatId) -> TurnHead | None:
        """Delete a chat with its messages and its logs.

        A running turn of it is over (``stopped``): its readers see that with `fetch`, which has
        no batches of it any more, and its writer can add nothing.

        Returns:
            The turn that was running, as it is now.
        """
        ...


class Store(TurnStore, ChatStore, LimitStore, Protocol):
    """An engine.

    One may have the attribute ``flush_interval_s``: how many seconds the logs of running turns wait
    to be written, if `app.turns.flusher` should not decide that.

    One that is asked over a network may have the method ``begin_new(head, messages=…, title=…)``,
    which does in one step what `chat` and, if there is no chat, `begin` do: it returns `Begun`, or
    the `Chat` that there is, or None if it cannot tell. Then nothing was changed.
    """

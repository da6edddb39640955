"""What the clients of a fleet saw: the record that `checker` judges. No I/O.

Times are seconds of one monotonic clock, that of the process in which all clients, the model and
the one who breaks things run.
"""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["post", "follow", "stop", "delete", "read"]
# How a response ended: as its protocol says, without that, by its client, not at all in the time
# that a client waits; or it never began.
End: TypeAlias = Literal["done", "cut", "left", "hung", "refused"]
FaultKind: TypeAlias = Literal["kill", "pause", "restart", "engine"]

DONE = "[DONE]"


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """One server-sent event as it was received."""

    at: float
    data: str


class Version(msgspec.Struct, frozen=True):
    """What a user's message says in one of its versions, and what the model then says.

    Attributes:
        number: of the version, from 0; another one is an edit.
        words: each says where it belongs, so that two texts are never alike.
        takes_s: how long the model takes to say them, in seconds.
    """

    message: str
    number: int
    chat: str
    words: Sequence[str]
    takes_s: float

    @property
    def text(self) -> str:
        return " ".join(self.words)


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request and all that came of it.

    Attributes:
        server: the number of the server that was asked.
        head_at: when the response's headers came; None: never.
        status: of the response; None: there was none, so nobody knows what it has done.
        turn: the response's turn.
        message: of a post, the user's message that it is about.
        version: of the message; None if the post leaves it to the server.
        is_regenerate: whether it asks for another answer.
        cuts: whether it takes away what follows the message: an edit, or another answer.
        asked_turn: the turn that a follower or a stop names, instead of the chat.
        start: ``startIndex`` of a follower; None: the whole, merged.
        pieces: what was streamed.
        body: what `read` returned.
        is_last: whether it was made after all faults were over and every turn had ended.
    """

    kind: Kind
    chat: str
    server: int
    sent_at: float
    ended_at: float
    end: End
    head_at: float | None = None
    status: int | None = None
    turn: str | None = None
    message: str | None = None
    version: int | None = None
    is_regenerate: bool = False
    cuts: bool = False
    asked_turn: str | None = None
    start: int | None = None
    pieces: Sequence[Piece] = ()
    body: dict[str, Any] | None = None
    is_last: bool = False


class Fault(msgspec.Struct, frozen=True):
    """Something that was broken, from a moment to another; ``server`` None: the engine."""

    kind: FaultKind
    server: int | None
    at: float
    until: float


class Note(msgspec.Struct, frozen=True):
    """A warning or an error in a server's log."""

    server: int
    at: float
    text: str


class ModelCall(msgspec.Struct, frozen=True):
    """A request that the model got."""

    at: float
    message: str
    version: int


class History(msgspec.Struct, frozen=True, kw_only=True):
    """A run. ``command`` does it again."""

    command: str
    versions: Sequence[Version] = ()
    calls: Sequence[Call] = ()
    faults: Sequence[Fault] = ()
    notes: Sequence[Note] = ()
    model_calls: Sequence[ModelCall] = ()


def encode(history: History) -> bytes:
    """Return the history as JSON."""
    return msgspec.json.encode(history)


def decode(data: bytes) -> History:
    """Read what `encode` has written."""
    return msgspec.json.decode(data, type=History)

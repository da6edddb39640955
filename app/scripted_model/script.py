"""What the scripted model is going to do in one reply, as values. No I/O.

A scenario makes a `Reply`, a wire (`chat_wire`, `responses_wire`) knows how an API spells it, and
`performance` plays it over the connection.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter"]

# About what a tokenizer does: a word with the space before it, long words in several pieces.
# Every character matches, so that the tokens joined are the text.
_TOKEN = re.compile(r"[^\S\n]?\w{1,7}|\s+|[^\w\s]{1,3}")


def tokens(text: str) -> tuple[str, ...]:
    """Cut ``text`` into pieces of a few characters; joined they are ``text``."""
    return tuple(_TOKEN.findall(text))


class ApiError(msgspec.Struct, frozen=True, kw_only=True):
    """An error object as OpenAI sends it, with the HTTP status for when it comes first."""

    status: int
    message: str
    type: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None
    headers: Mapping[str, str] = {}

    def body(self) -> dict[str, str | None]:
        """Return the value of the key ``error``."""
        return {
            "message": self.message,
            "type": self.type,
            "param": self.param,
            "code": self.code,
        }


class Wait(msgspec.Struct, frozen=True):
    """Nothing more is sent until a test opens the gate of this name."""

    gate: str


class Stall(msgspec.Struct, frozen=True):
    """Nothing more is sent for this many seconds."""

    seconds: float


class BreakOff(msgspec.Struct, frozen=True):
    """The connection is closed in the middle of the answer."""


class Failed(msgspec.Struct, frozen=True):
    """The model's run fails in the middle. The Responses API has an event of its own for that."""

    error: ApiError


Interruption: TypeAlias = Wait | Stall | BreakOff | Failed | ApiError
Piece: TypeAlias = str | Interruption


class Citation(msgspec.Struct, frozen=True):
    """A page that the text before it rests on."""

    url: str
    title: str


class Say(msgspec.Struct, frozen=True):
    """Text of the answer, and the pages it cites."""

    pieces: Sequence[Piece]
    citations: Sequence[Citation] = ()


class Think(msgspec.Struct, frozen=True):
    """Reasoning that the model shows."""

    pieces: Sequence[Piece]


class Refuse(msgspec.Struct, frozen=True):
    """A refusal, which the APIs keep apart from text."""

    pieces: Sequence[Piece]


class Call(msgspec.Struct, frozen=True):
    """A tool call. ``pieces`` joined are the arguments, which may be invalid JSON on purpose."""

    tool_name: str
    pieces: Sequence[Piece]


class Search(msgspec.Struct, frozen=True):
    """A web search on the model's own side. Chat completions has no word for these."""

    query: str

    @property
    def pieces(self) -> Sequence[Piece]:
        return ()


class RunCode(msgspec.Struct, frozen=True):
    """Code that runs on the model's own side. ``pieces`` joined are the code."""

    pieces: Sequence[Piece]
    logs: str


Block: TypeAlias = Say | Think | Refuse | Call | Search | RunCode


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """How the events of the stream meet the network.

    Attributes:
        delay_s: seconds before each token; None: the server's own.
        events_per_write: events that leave in one write.
        bytes_per_write: cuts every write into writes of so many bytes; None: whole.
        crlf: line ends are CR LF.
        comments: a comment line comes before each event.
        usage: False leaves the usage out although the client asks for it.
        done: False leaves the last ``[DONE]`` out (chat completions only).
    """

    delay_s: float | None = None
    events_per_write: int = 1
    bytes_per_write: int | None = None
    crlf: bool = False
    comments: bool = False
    usage: bool = True
    done: bool = True


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of the model.

    ``before`` happens in place of the response's headers; an error or a break-off there is all
    that happens.
    """

    blocks: Sequence[Block] = ()
    finish: FinishReason = "stop"
    before: Interruption | None = None
    delivery: Delivery = Delivery()

    def limited(self, max_tokens: int | None) -> "Reply":
        """Return the reply cut to so many tokens, as `max_completion_tokens` asks."""
        if max_tokens is None or self.token_count() <= max_tokens:
            return self
        left = max_tokens
        blocks: list[Block] = []
        for block in self.blocks:
            if left <= 0:
                break
            if not isinstance(block, Search):
                block = msgspec.structs.replace(block, pieces=_first(block.pieces, left))
            blocks.append(block)
            left -= count(block)
        return msgspec.structs.replace(self, blocks=tuple(blocks), finish="length")

    def token_count(self) -> int:
        """Return how many tokens the model writes, reasoning included."""
        return sum(count(block) for block in self.blocks)

    def reasoning_count(self) -> int:
        """Return how many of the tokens are reasoning."""
        return sum(count(block) for block in self.blocks if isinstance(block, Think))


def _first(pieces: Sequence[Piece], tokens_left: int) -> Sequence[Piece]:
    """Return the pieces up to so many tokens, with what interrupts them."""
    kept: list[Piece] = []
    for piece in pieces:
        tokens_left -= isinstance(piece, str)
        if tokens_left < 0:
            break
        kept.append(piece)
    return tuple(kept)


def count(block: Block) -> int:
    """Return how many tokens a block has."""
    return sum(isinstance(piece, str) for piece in block.pieces)


def written(block: Block) -> str:
    """Return the text of a block as it is when nothing interrupts it."""
    return "".join(piece for piece in block.pieces if isinstance(piece, str))

"""A script: what the scripted model does for one request, as values. No I/O.

A scenario makes a `Script`, a wire (`chat_wire`, `responses_wire`) encodes it for one API, and
`performance` plays it over a connection.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter"]

# Roughly like a tokenizer: a word with the space before it, long words in several pieces.
# Every character matches, so the joined tokens equal the text.
_TOKEN = re.compile(r"[^\S\n]?\w{1,7}|\s+|[^\w\s]{1,3}")


def tokens(text: str) -> tuple[str, ...]:
    """Cut ``text`` into pieces of a few characters. Joined, they equal ``text``."""
    return tuple(_TOKEN.findall(text))


class ApiError(msgspec.Struct, frozen=True, kw_only=True):
    """OpenAI's error object, with the HTTP status to use if no response has begun."""

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
    """Send nothing more until a test opens the gate of this name."""

    gate: str


class Stall(msgspec.Struct, frozen=True):
    """Send nothing more for this many seconds."""

    seconds: float


class BreakOff(msgspec.Struct, frozen=True):
    """Close the connection in the middle of the response."""


class Failed(msgspec.Struct, frozen=True):
    """Let the model fail in the middle. The Responses API has an event of its own for that."""

    error: ApiError


Interruption: TypeAlias = Wait | Stall | BreakOff | Failed | ApiError
Piece: TypeAlias = str | Interruption


class Citation(msgspec.Struct, frozen=True):
    """A page cited by a text."""

    url: str
    title: str


class Say(msgspec.Struct, frozen=True):
    """Text, and the pages it cites."""

    pieces: Sequence[Piece]
    citations: Sequence[Citation] = ()


class Think(msgspec.Struct, frozen=True):
    """Reasoning that the model shows."""

    pieces: Sequence[Piece]


class Refuse(msgspec.Struct, frozen=True):
    """A refusal, which the APIs keep apart from text."""

    pieces: Sequence[Piece]


class Call(msgspec.Struct, frozen=True):
    """A tool call. Joined, ``pieces`` are the arguments, which may be invalid JSON on purpose."""

    tool_name: str
    pieces: Sequence[Piece]


class Search(msgspec.Struct, frozen=True):
    """A web search run by the provider. Chat completions cannot express one."""

    query: str

    @property
    def pieces(self) -> Sequence[Piece]:
        return ()


class RunCode(msgspec.Struct, frozen=True):
    """Code run by the provider. Joined, ``pieces`` are the code."""

    pieces: Sequence[Piece]
    logs: str


Block: TypeAlias = Say | Think | Refuse | Call | Search | RunCode


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """How the server-sent events are written to the network.

    Attributes:
        delay_s: seconds before each token; None: the server's default.
        events_per_write: events sent in one write.
        bytes_per_write: splits every write into writes of this many bytes; None: no split.
        crlf: lines end in CR LF.
        comments: a comment line precedes each event.
        usage: False leaves out the usage even if the client asks for it.
        done: False leaves out the final ``[DONE]`` (chat completions only).
    """

    delay_s: float | None = None
    events_per_write: int = 1
    bytes_per_write: int | None = None
    crlf: bool = False
    comments: bool = False
    usage: bool = True
    done: bool = True


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """What the model does for one request.

    ``before`` happens before the response's headers. If it is an error or a break-off, nothing else
    happens.
    """

    blocks: Sequence[Block] = ()
    finish: FinishReason = "stop"
    before: Interruption | None = None
    delivery: Delivery = Delivery()

    def limited(self, max_tokens: int | None) -> "Script":
        """Return the script cut to ``max_tokens`` tokens."""
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
        """Return the number of tokens, including reasoning."""
        return sum(count(block) for block in self.blocks)

    def reasoning_count(self) -> int:
        """Return the number of reasoning tokens."""
        return sum(count(block) for block in self.blocks if isinstance(block, Think))


def _first(pieces: Sequence[Piece], tokens_left: int) -> Sequence[Piece]:
    """Return the first ``tokens_left`` tokens, with the interruptions among them."""
    kept: list[Piece] = []
    for piece in pieces:
        tokens_left -= isinstance(piece, str)
        if tokens_left < 0:
            break
        kept.append(piece)
    return tuple(kept)


def count(block: Block) -> int:
    """Return the number of tokens in a block."""
    return sum(isinstance(piece, str) for piece in block.pieces)


def written(block: Block) -> str:
    """Return the text of a block, without interruptions."""
    return "".join(piece for piece in block.pieces if isinstance(piece, str))

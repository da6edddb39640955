"""What a reader of a UI stream has seen, made of its pieces. No I/O."""

import json
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from tests.fleet.history import DONE, Call

Ending: TypeAlias = Literal["finish", "abort", "error"]

LOST = "The answer was interrupted; please send your message again."
RESTARTING = "The server is restarting; please send your message again."
UNREACHABLE = "Saved chats cannot be reached at the moment; please try again shortly."


class Seen(msgspec.Struct, frozen=True):
    """A stream as its reader understands it.

    Attributes:
        message_id: of the assistant's message, once it has begun.
        text: what was said.
        types: of all chunks, in order, `DONE` for the end of the stream.
        ending: how the turn ended, as far as the stream says.
        error: what the error part says.
    """

    message_id: str | None
    text: str
    types: Sequence[str]
    ending: Ending | None
    error: str | None


def seen(call: Call) -> Seen:
    """Return what the reader of a response has seen."""
    message_id, error = None, None
    texts: list[str] = []
    types: list[str] = []
    for piece in call.pieces:
        if piece.data == DONE:
            types.append(DONE)
            continue
        chunk: dict[str, Any] = json.loads(piece.data)
        types.append(chunk["type"])
        match chunk["type"]:
            case "start":
                message_id = chunk.get("messageId")
            case "text-delta":
                texts.append(chunk["delta"])
            case "error":
                error = chunk["errorText"]
    ending: Ending | None = None
    if "abort" in types:
        ending = "abort"
    elif error is not None:
        ending = "error"
    elif "finish" in types:
        ending = "finish"
    return Seen(message_id, "".join(texts), types, ending, error)


def text_of(message: dict[str, Any]) -> str:
    """Return the text of a stored message."""
    return "".join(part["text"] for part in message["parts"] if part["type"] == "text")

"""The chunks of a stream, as a client counts them that asks for the rest.

In server-sent events a chunk is an event; comments and the closing ``[DONE]`` are none. In the line
protocols it is a line. Plain text has no marks: there it is what one event brought.

Source: vercel/ai, packages/workflow/src/workflow-chat-transport.ts, which counts the chunks that
the AI SDK's parser gives it.
"""

from collections.abc import Sequence
from typing import assert_never

from app.protocols.negotiation import ProtocolName

_DONE = b"data: [DONE]\n\n"


def pieces(frame: bytes, protocol: ProtocolName) -> Sequence[bytes]:
    """Return what ``frame``, which came of one event, consists of: chunks, and maybe an end."""
    match protocol:
        case "ui":
            return [piece + b"\n\n" for piece in frame.split(b"\n\n")[:-1]]
        case "data" | "ndjson":
            return [line + b"\n" for line in frame.split(b"\n")[:-1]]
        case "text":
            return [frame] if frame else []
        case _:
            assert_never(protocol)


def is_chunk(piece: bytes) -> bool:
    """Return whether ``piece`` counts."""
    return piece != _DONE

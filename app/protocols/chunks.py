"""The chunks of a stream, as a client counts them that asks for the rest.

In server-sent events a chunk is an event; comments and the closing ``[DONE]`` are none. In the line
protocols it is a line. Plain text has no marks: there it is what one event brought.

Source: vercel/ai, packages/workflow/src/workflow-chat-transport.ts, which counts the chunks that
the AI SDK's parser gives it.
"""

from collections.abc import Mapping

from app.protocols.negotiation import ProtocolName

_DONE = b"data: [DONE]\n\n"


# What ends a chunk in a protocol that marks ends.
_ENDS: Mapping[ProtocolName, bytes] = {"ui": b"\n\n", "data": b"\n", "ndjson": b"\n"}


def has_marks(protocol: ProtocolName) -> bool:
    """Return whether chunks can be told apart in the bytes of several events."""
    return protocol in _ENDS


def count_chunks(frame: bytes, protocol: ProtocolName) -> int:
    """Return how many chunks ``frame`` has, which without marks came of one event."""
    if protocol not in _ENDS:
        return 1 if frame else 0
    ends = frame.count(_ENDS[protocol])
    return ends - 1 if frame.endswith(_DONE) else ends


def without_chunks(frame: bytes, protocol: ProtocolName, count: int) -> bytes:
    """Return ``frame`` without its first ``count`` chunks, of which it has as many."""
    if count <= 0:
        return frame
    if protocol not in _ENDS:
        return b""
    end = _ENDS[protocol]
    return frame.split(end, count)[count]

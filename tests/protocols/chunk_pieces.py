"""Chunks cut apart one by one, as the clients' parsers do: what `app.protocols.chunks` counts."""

from collections.abc import Sequence

from app.protocols.negotiation import ProtocolName


def pieces(frame: bytes, protocol: ProtocolName) -> Sequence[bytes]:
    """Return what ``frame``, which came of one event, consists of: chunks, and maybe an end."""
    match protocol:
        case "ui":
            return [piece + b"\n\n" for piece in frame.split(b"\n\n")[:-1]]
        case "data" | "ndjson":
            return [line + b"\n" for line in frame.split(b"\n")[:-1]]
        case "text":
            return [frame] if frame else []


def is_chunk(piece: bytes) -> bool:
    """Return whether ``piece`` counts."""
    return piece != b"data: [DONE]\n\n"

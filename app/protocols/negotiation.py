"""Which protocol, and which generation of it, a client is answered in.

First match: the query string, then the body or payload; else the request's shape decides
(`app.messages.Shape`). No client says what it speaks, and one that is fed another format fails
silently or not at all, so a contradiction is refused here instead.
"""

from collections.abc import Callable
from typing import Literal, TypeAlias, assert_never, cast

import msgspec

from app.errors import InvalidOption
from app.messages import Shape
from app.protocols.encoder import Encoder

ProtocolName: TypeAlias = Literal["data", "ui", "text", "ndjson"]
Sdk: TypeAlias = Literal["3.4", "4", "5.0", "5", "6", "7"]

PROTOCOLS: tuple[ProtocolName, ...] = ("data", "ui", "text", "ndjson")
# The protocol that each generation of the AI SDK reads by default.
_READS: dict[Sdk, ProtocolName] = {
    "3.4": "data",
    "4": "data",
    "5.0": "ui",
    "5": "ui",
    "6": "ui",
    "7": "ui",
}
_OF_SHAPE: dict[Shape, tuple[ProtocolName, Sdk | None]] = {
    "ai-sdk-3.4": ("data", "3.4"),
    "ai-sdk-4": ("data", "4"),
    "ai-sdk-5": ("ui", None),
    "direct": ("data", "4"),
    "prompt": ("ui", None),
}


class Dialect(msgspec.Struct, frozen=True):
    """A protocol and, where it matters and is known, the generation of the client."""

    protocol: ProtocolName
    sdk: Sdk | None = None

    @property
    def can_ask_approval(self) -> bool:
        """Whether the client can be asked to approve a tool call.

        5, 6 and 7 post the same body; only 6 and 7 can show the question. Having a tool that needs
        approval is the opt-in, so an unknown generation counts as able.
        """
        return self.protocol == "ui" and self.sdk in (None, "6", "7")


def negotiate(
    shape: Shape,
    *,
    query: tuple[str | None, str | None] = (None, None),
    body: tuple[str | None, str | None] = (None, None),
) -> Dialect:
    """Choose the dialect of an answer.

    Args:
        shape: what the request looks like.
        query: ``?protocol=`` and ``?sdk=``.
        body: the same keys of the body or payload.

    Raises:
        InvalidOption: an unknown value, or an ``sdk`` that does not read the ``protocol``.
    """
    protocol = _known("protocol", query[0] or body[0], PROTOCOLS)
    sdk = cast(Sdk | None, _known("sdk", query[1] or body[1], tuple(_READS)))
    by_shape, shape_sdk = _OF_SHAPE[shape]
    if protocol is None:
        protocol = _READS[sdk] if sdk else by_shape
    elif sdk and protocol in ("data", "ui") and _READS[sdk] != protocol:
        raise InvalidOption(f"AI SDK {sdk} does not read the protocol {protocol!r}.")
    if sdk is None and protocol == by_shape:
        sdk = shape_sdk
    return Dialect(cast(ProtocolName, protocol), sdk)


def encoder_for(dialect: Dialect, *, now: Callable[[], float]) -> Encoder:
    """Return a new encoder for one turn; ``now`` gives Unix seconds (NDJSON lines carry them)."""
    match dialect.protocol:
        case "data":
            from app.protocols.data_stream import DataStreamEncoder

            return DataStreamEncoder("3.4" if dialect.sdk == "3.4" else "4")
        case "ui":
            from app.protocols.ui_message_stream import UIMessageStreamEncoder

            sdk = None if dialect.sdk == "3.4" or dialect.sdk == "4" else dialect.sdk
            return UIMessageStreamEncoder(sdk)
        case "text":
            from app.protocols.text_stream import TextStreamEncoder

            return TextStreamEncoder()
        case "ndjson":
            from app.protocols.tool_stream import ToolStreamEncoder

            return ToolStreamEncoder(now=now)
        case _:
            assert_never(dialect.protocol)


def _known(name: str, value: str | None, known: tuple[str, ...]) -> str | None:
    if value is not None and value not in known:
        raise InvalidOption(f"Unknown {name} {value[:40]!r}; known are {', '.join(known)}.")
    return value

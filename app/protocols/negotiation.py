"""Which protocol a client reads, and in which version of its AI SDK.

First match: the query string, then the body or payload, then the request's shape
(`app.messages.Shape`). No client says what it reads, and one that gets the wrong format may show an
empty answer and no error. So options that contradict each other are refused here.
"""

from collections.abc import Callable
from typing import Literal, TypeAlias, assert_never, cast, get_args

import msgspec

from app.errors import InvalidOption
from app.messages import Shape
from app.protocols.encoder import Encoder

ProtocolName: TypeAlias = Literal["data", "ui", "text", "ndjson"]
# A version of the AI SDK, as ``?sdk=`` names it: all releases between two changes of the format.
ClientVersion: TypeAlias = Literal["3.4", "4", "5.0", "5", "6", "7"]

PROTOCOLS: tuple[ProtocolName, ...] = get_args(ProtocolName)
VERSIONS: tuple[ClientVersion, ...] = get_args(ClientVersion)
# The protocol that each version reads by default.
_READS: dict[ClientVersion, ProtocolName] = {
    "3.4": "data",
    "4": "data",
    "5.0": "ui",
    "5": "ui",
    "6": "ui",
    "7": "ui",
}
_OF_SHAPE: dict[Shape, tuple[ProtocolName, ClientVersion | None]] = {
    "ai-sdk-3.4": ("data", "3.4"),
    "ai-sdk-4": ("data", "4"),
    "ai-sdk-5": ("ui", None),
    "direct": ("data", "4"),
    "prompt": ("ui", None),
}


class Dialect(msgspec.Struct, frozen=True):
    """A protocol and, where it is known and matters, the client's version."""

    protocol: ProtocolName
    version: ClientVersion | None = None

    @property
    def can_ask_approval(self) -> bool:
        """Whether the client can ask its user to approve a tool call.

        5, 6 and 7 post the same body, but only 6 and 7 can show the request. An unknown version
        counts as able: whoever registers a tool that needs approval opts in.
        """
        return self.protocol == "ui" and self.version in (None, "6", "7")


def negotiate(
    shape: Shape,
    *,
    query: tuple[str | None, str | None] = (None, None),
    body: tuple[str | None, str | None] = (None, None),
) -> Dialect:
    """Choose the dialect of a response.

    Args:
        shape: the request's shape.
        query: ``?protocol=`` and ``?sdk=``.
        body: the same keys of the body or payload.

    Raises:
        InvalidOption: an unknown value, or an ``sdk`` that does not read the ``protocol``.
    """
    protocol = _known("protocol", query[0] or body[0], PROTOCOLS)
    version = cast("ClientVersion | None", _known("sdk", query[1] or body[1], VERSIONS))
    by_shape, shape_version = _OF_SHAPE[shape]
    if protocol is None:
        protocol = _READS[version] if version else by_shape
    elif version and protocol in ("data", "ui") and _READS[version] != protocol:
        raise InvalidOption(f"AI SDK {version} does not read the protocol {protocol!r}.")
    if version is None and protocol == by_shape:
        version = shape_version
    return Dialect(cast(ProtocolName, protocol), version)


def encoder_for(dialect: Dialect, *, now: Callable[[], float], continues: bool = False) -> Encoder:
    """Return a new encoder for one turn.

    Args:
        now: Unix seconds, which NDJSON lines carry.
        continues: whether the turn continues a message that the client has.
    """
    match dialect.protocol:
        case "data":
            from app.protocols.data_stream import DataStreamEncoder

            return DataStreamEncoder("3.4" if dialect.version == "3.4" else "4")
        case "ui":
            from app.protocols.ui_message_stream import UIMessageStreamEncoder

            version = dialect.version
            known = None if version == "3.4" or version == "4" else version
            return UIMessageStreamEncoder(known, continues=continues)
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

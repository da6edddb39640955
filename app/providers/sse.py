"""Server-sent events: bytes from the network → the data of each event.

Model APIs nearly always send the same shape, which is read with one split; anything else goes to a
parser of the whole format. There are two such shapes, each with its own splitter::

    data: {"choices":[…]}                              chat completions: `SseSplitter`

    event: response.output_text.delta                  Responses: `NamedSseSplitter`
    data: {"type":"response.output_text.delta",…}

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html (9.2.5 and 9.2.6, 2025).
One deviation: an event counts even if its blank line is missing at the end of the stream. Some
servers leave that line out, and the event's JSON shows whether it is whole.
"""

from collections.abc import Callable
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")
# The name of an event, empty if it has none, and its data.
Named: TypeAlias = tuple[bytes, bytes]

_BOM = b"\xef\xbb\xbf"
# As integers: finding an integer in bytes is several times as fast as finding bytes.
_LF, _CR = b"\n\r"
# A longer unfinished event goes to the line parser, which never looks at a byte twice.
_MAX_TAIL_BYTES = 16 * 1024


class NamedData(bytes):
    """The data of an event with a name (``event: error``)."""

    name: str = ""


class _Splitter(Generic[T]):
    """Splits one stream.

    ``id`` and ``retry`` are ignored: they help clients that reconnect, and no model's stream can
    be resumed.

    Args:
        split: splits events of the usual shape; returns None if one of them has another shape.
        convert: brings the line parser's events into the form that ``split`` returns.
    """

    def __init__(
        self,
        split: Callable[[bytes, int], list[T] | None],
        convert: Callable[[list[Named]], list[T]],
    ) -> None:
        self._split = split
        self._convert = convert
        # Bytes after the last whole event, as long as every event has had the usual shape.
        self._tail = b""
        self._lines = _LineParser()

    def feed(self, data: bytes) -> list[T]:
        """Return the events that ``data`` completes."""
        lines = self._lines
        if not lines.is_idle:
            return self._convert(lines.feed(data))
        if self._tail:
            data = self._tail + data
            self._tail = b""
        if _CR in data:
            return self._convert(lines.feed(data))
        end = data.rfind(b"\n\n")
        if end < 0:
            if len(data) > _MAX_TAIL_BYTES:
                return self._convert(lines.feed(data))
            self._tail = data
            return []
        events = self._split(data, end)
        if events is None:
            return self._convert(lines.feed(data))
        lines.at_start = False
        self._tail = data[end + 2 :]
        return events

    def end(self) -> list[T]:
        """Return the event that the end of the stream completes, if there is one."""
        tail, self._tail = self._tail, b""
        # Two newlines: the first may only end an unfinished line, the second is the blank line.
        return self._convert(self._lines.feed(tail) + self._lines.feed(b"\n\n"))


class SseSplitter(_Splitter[bytes]):
    """Gives the data of each event: ``bytes``, or `NamedData` if the event has a name."""

    def __init__(self) -> None:
        super().__init__(_split_datas, _to_datas)


class NamedSseSplitter(_Splitter[Named]):
    """Gives the name and the data of each event, both as bytes; the name may be empty."""

    def __init__(self) -> None:
        super().__init__(_split_named, list)


def _split_datas(data: bytes, end: int) -> list[bytes] | None:
    if not data.startswith(b"data: "):
        return None
    datas = data[6:end].split(b"\n\ndata: ")
    for piece in datas:
        if _LF in piece:  # an event of more than one line
            return None
    return datas


def _split_named(data: bytes, end: int) -> list[Named] | None:
    if not data.startswith(b"event: "):
        return None
    events: list[Named] = []
    for piece in data[7:end].split(b"\n\nevent: "):
        name, between, value = piece.partition(b"\ndata: ")
        if not between or _LF in value or _LF in name:
            return None
        events.append((name, value))
    return events


def _to_datas(events: list[Named]) -> list[bytes]:
    return [_named_data(name, data) if name else data for name, data in events]


def _named_data(name: bytes, data: bytes) -> NamedData:
    named = NamedData(data)
    named.name = name.decode("utf-8", "replace")
    return named


class _LineParser:
    """The whole format, line by line.

    Attributes:
        at_start: no byte of the stream has been read.
        is_idle: the next byte starts an event.
    """

    def __init__(self) -> None:
        self.at_start = True
        self.is_idle = True
        self._line = bytearray()  # an unfinished line
        self._after_cr = False  # the last byte was CR; an LF now belongs to the same line end
        self._data: list[bytes] = []
        self._name = b""

    def feed(self, data: bytes) -> list[Named]:
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        lines: list[bytes] = []
        if _LF in data or _CR in data:
            lines = data.splitlines()  # bytes: at LF, CR and CRLF only
            lines[0] = bytes(self._line + lines[0])
            self._line.clear()
            if data.endswith(b"\r"):
                self._after_cr = True
            elif not data.endswith(b"\n"):
                self._line += lines.pop()
        else:  # the middle of a line; the line of an image has megabytes
            self._line += data
        events: list[Named] = []
        for line in lines:
            if self.at_start:
                self.at_start = False
                line = line.removeprefix(_BOM)
            if line:
                self._field(line)
            else:
                self._dispatch(events)
        self.is_idle = not (self._line or self._data or self._name or self._after_cr)
        return events

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")  # a comment's name is empty
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
        elif name == b"event":
            self._name = value.removeprefix(b" ")

    def _dispatch(self, events: list[Named]) -> None:
        if self._data:
            events.append((self._name, b"\n".join(self._data)))
        self._data = []
        self._name = b""

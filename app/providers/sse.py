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
# The longest event, lines and all. The largest is the end of a Responses stream, which repeats the
# images of the answer in base64.
MAX_EVENT_BYTES = 16 * 1024 * 1024


class EventTooLong(ValueError):
    """An event is longer than `MAX_EVENT_BYTES`. Nothing after it can be read."""


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
        max_event_bytes: the longest event, lines that are no data included.
    """

    __slots__ = ("_at_start", "_convert", "_lines", "_max_event_bytes", "_split", "_tail")

    def __init__(
        self,
        split: Callable[[bytes, int], list[T] | None],
        convert: Callable[[list[Named]], list[T]],
        max_event_bytes: int,
    ) -> None:
        self._split = split
        self._convert = convert
        # Bytes after the last whole event, as long as every event has had the usual shape.
        self._tail = b""
        self._at_start = True  # no whole event has been split
        # Made for the first event of another shape, which most streams never have.
        self._lines: _LineParser | None = None
        self._max_event_bytes = max_event_bytes

    def feed(self, data: bytes) -> list[T]:
        """Return the events that ``data`` completes.

        Raises:
            EventTooLong: an event is too long, unfinished or not; the others of ``data`` are lost.
        """
        lines = self._lines
        if lines is not None and not lines.is_idle:
            return self._convert(lines.feed(data))
        if self._tail:
            data = self._tail + data
            self._tail = b""
        if _CR in data:
            return self._line_by_line(data)
        end = data.rfind(b"\n\n")
        if end < 0:
            if len(data) > _MAX_TAIL_BYTES:
                return self._line_by_line(data)
            self._tail = data
            return []
        events = self._split(data, end)
        if events is None:
            return self._line_by_line(data)
        self._at_start = False
        self._tail = data[end + 2 :]
        return events

    def end(self) -> list[T]:
        """Return the event that the end of the stream completes, if there is one.

        Raises:
            EventTooLong: it is too long.
        """
        tail, self._tail = self._tail, b""
        # Two newlines: the first may only end an unfinished line, the second is the blank line.
        return self._line_by_line(tail) + self._line_by_line(b"\n\n")

    def _line_by_line(self, data: bytes) -> list[T]:
        if self._lines is None:
            self._lines = _LineParser(self._max_event_bytes, at_start=self._at_start)
        return self._convert(self._lines.feed(data))


class SseSplitter(_Splitter[bytes]):
    """Gives the data of each event: ``bytes``, or `NamedData` if the event has a name."""

    __slots__ = ()

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        super().__init__(_split_datas, _to_datas, max_event_bytes)


class NamedSseSplitter(_Splitter[Named]):
    """Gives the name and the data of each event, both as bytes; the name may be empty."""

    __slots__ = ()

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        super().__init__(_split_named, list, max_event_bytes)


def _split_datas(data: bytes, end: int) -> list[bytes] | None:
    if not data.startswith(b"data: "):
        return None
    if data.find(_LF) == end:  # one event: a token that comes alone
        return [data[6:end]]
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

    Args:
        max_event_bytes: the longest event.
        at_start: no byte of the stream has been read.

    Attributes:
        is_idle: the next byte starts an event.
    """

    def __init__(self, max_event_bytes: int, *, at_start: bool) -> None:
        self._at_start = at_start
        self.is_idle = True
        self._max_event_bytes = max_event_bytes
        self._line = bytearray()  # an unfinished line
        self._after_cr = False  # the last byte was CR; an LF now belongs to the same line end
        # The first line of the event's data, if there is one, and the others, each behind an LF.
        self._data: bytes | None = None
        self._more_data = bytearray()
        self._name = b""
        self._event_bytes = 0  # of the lines of the event so far

    def feed(self, data: bytes) -> list[Named]:
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        lines: list[bytes] = []
        if _LF in data or _CR in data:
            lines = data.splitlines()  # bytes: at LF, CR and CRLF only
            if self._line:
                self._line += lines[0]
                lines[0] = bytes(self._line)
                self._line.clear()
            if data.endswith(b"\r"):
                self._after_cr = True
            elif not data.endswith(b"\n"):
                self._line += lines.pop()
        else:  # the middle of a line; the line of an image has megabytes
            self._check(len(self._line) + len(data))
            self._line += data
        events: list[Named] = []
        for line in lines:
            if self._at_start:
                self._at_start = False
                line = line.removeprefix(_BOM)
            if line:
                self._field(line)
            else:
                self._dispatch(events)
        self.is_idle = not (self._line or self._event_bytes or self._after_cr)
        return events

    def _check(self, line_bytes: int) -> None:
        if self._event_bytes + line_bytes > self._max_event_bytes:
            raise EventTooLong(f"an event is longer than {self._max_event_bytes} bytes")

    def _field(self, line: bytes) -> None:
        self._check(len(line))
        self._event_bytes += len(line)
        name, value = _name_and_value(line)
        if name == b"data":
            if self._data is None:
                self._data = value
            else:
                self._more_data += b"\n" + value
        elif name == b"event":
            self._name = value

    def _dispatch(self, events: list[Named]) -> None:
        if self._data is not None:
            events.append((self._name, self._data + self._more_data))
        self._data = None
        self._more_data.clear()
        self._name = b""
        self._event_bytes = 0


def _name_and_value(line: bytes) -> tuple[bytes, bytes]:
    """Split a field. A comment's name is empty. Copies a long value once."""
    colon = line.find(b":")
    if colon < 0:
        return line, b""
    start = colon + 2 if line.startswith(b" ", colon + 1) else colon + 1
    return line[:colon], line[start:]

"""Server-sent events: bytes as they come from the network → the data of each event.

Model APIs send nearly always the same shape, which is read with one split; whatever differs from it
goes to a parser of the whole format.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html (9.2.5 and 9.2.6, 2025).
One deviation: an event whose last blank line is missing at the end of the stream counts, since
servers forget it and its JSON shows whether it is whole.
"""

_BOM = b"\xef\xbb\xbf"
# As numbers: looking for a number in bytes is several times as fast as looking for bytes.
_LF, _CR = b"\n\r"
# A longer unfinished event goes to the line parser, which never looks at a byte twice.
_MAX_TAIL_BYTES = 16 * 1024


class NamedData(bytes):
    """The data of an event that has a name (``event: error``)."""

    name: str = ""


class SseSplitter:
    """Splits one stream. The data of an event is ``bytes``, or `NamedData` if it has a name.

    ``id`` and ``retry`` are for clients that reconnect; a model's answer cannot be resumed.
    """

    def __init__(self) -> None:
        # Bytes behind the last whole event, while every event has had the usual shape.
        self._tail = b""
        self._lines = _LineParser()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the data of the events that ``data`` completes."""
        lines = self._lines
        if not lines.is_idle:
            return lines.feed(data)
        if self._tail:
            data = self._tail + data
            self._tail = b""
        if _CR in data:
            return lines.feed(data)
        end = data.rfind(b"\n\n")
        if end < 0:
            if len(data) > _MAX_TAIL_BYTES:
                return lines.feed(data)
            self._tail = data
            return []
        if not data.startswith(b"data: "):
            return lines.feed(data)
        datas = data[6:end].split(b"\n\ndata: ")
        for piece in datas:
            if _LF in piece:  # an event of more than one line
                return lines.feed(data)
        lines.at_start = False
        self._tail = data[end + 2 :]
        return datas

    def end(self) -> list[bytes]:
        """Return the data of an event that the end of the stream completes."""
        tail, self._tail = self._tail, b""
        # A blank line closes what is open; the first newline may only end the last line.
        return self._lines.feed(tail) + self._lines.feed(b"\n\n")


class _LineParser:
    """The whole format, line by line.

    Attributes:
        at_start: no byte of the stream has been read.
        is_idle: the next byte begins an event.
    """

    def __init__(self) -> None:
        self.at_start = True
        self.is_idle = True
        self._line = bytearray()  # an unfinished line
        self._after_cr = False  # an LF that comes next belongs to that line end
        self._data: list[bytes] = []
        self._name = b""

    def feed(self, data: bytes) -> list[bytes]:
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if not data:
            return []
        lines = data.splitlines()  # bytes: at LF, CR and CRLF only
        lines[0] = bytes(self._line + lines[0])
        self._line.clear()
        if data.endswith(b"\r"):
            self._after_cr = True
        elif not data.endswith(b"\n"):
            self._line += lines.pop()
        events: list[bytes] = []
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
        name, _, value = line.partition(b":")  # a comment has no name
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
        elif name == b"event":
            self._name = value.removeprefix(b" ")

    def _dispatch(self, events: list[bytes]) -> None:
        if self._data:
            data = b"\n".join(self._data)
            if self._name:
                data = NamedData(data)
                data.name = self._name.decode("utf-8", "replace")
            events.append(data)
        self._data = []
        self._name = b""

"""The event stream of `InvokeWithResponseStream`, both directions.

One message after the other, every number big-endian:

    u32 total length | u32 headers length | crc32 of these 8 bytes
    headers: u8 name length, name, u8 type, value       (a string: type 7, u16 length, UTF-8)
    payload
    crc32 of all before

Lambda sends any number of `PayloadChunk` (raw bytes of the response) and then `InvokeComplete`
(JSON). A failed function shows as an `InvokeComplete` with an `ErrorCode`, never as an HTTP status.

Sources: botocore 1.44, `botocore/eventstream.py` and its Lambda service model; the Smithy
specification of `application/vnd.amazon.eventstream`.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import TypeAlias, assert_never

import msgspec

CONTENT_TYPE = "application/vnd.amazon.eventstream"

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_CRC_BYTES = 4
_MAX_HEADERS_BYTES = 128 * 1024
# The limit of botocore. The specification says 16 MiB, but AWS has sent more.
_MAX_PAYLOAD_BYTES = 24 * 1024 * 1024

_STRING = 7
# Header types of a fixed size; a timestamp (8) stays a number: milliseconds since 1970.
_NUMBERS = {
    2: struct.Struct(">b"),
    3: struct.Struct(">h"),
    4: struct.Struct(">i"),
    5: struct.Struct(">q"),
    8: struct.Struct(">q"),
}
_UUID_BYTES = 16

HeaderValue: TypeAlias = bool | int | str | bytes


class EventStreamError(ValueError):
    """The bytes are not an event stream. Nothing after them can be trusted either."""


class Message(msgspec.Struct, frozen=True):
    """One message of the stream: headers of any of the ten types, and a payload."""

    headers: Mapping[str, HeaderValue]
    payload: bytes = b""


class PayloadChunk(msgspec.Struct, frozen=True, gc=False):
    """A piece of the response. Its boundaries mean nothing."""

    payload: bytes


class InvokeComplete(msgspec.Struct, frozen=True, gc=False, rename="pascal", omit_defaults=True):
    """The end of an invocation, which succeeded unless there is an ``error_code``.

    ``log_result`` is the last 4 KB of the function's log in base64, if the caller asked for it.
    """

    error_code: str | None = None
    error_details: str | None = None
    log_result: str | None = None


class StreamException(msgspec.Struct, frozen=True, gc=False):
    """A failure of Lambda itself during the stream (``:message-type`` exception or error)."""

    name: str
    message: str


StreamEvent: TypeAlias = PayloadChunk | InvokeComplete | StreamException


def encode_message(message: Message) -> bytes:
    """Return the bytes of one message. Header values must be strings, the only type Lambda sends.

    Raises:
        EventStreamError: a header is not a string or too long, or the payload is too large.
    """
    headers = b"".join(_encode_header(name, value) for name, value in message.headers.items())
    if len(headers) > _MAX_HEADERS_BYTES or len(message.payload) > _MAX_PAYLOAD_BYTES:
        raise EventStreamError("the message is larger than an event stream allows")
    total = _PRELUDE.size + len(headers) + len(message.payload) + _CRC_BYTES
    lengths = struct.pack(">II", total, len(headers))
    body = b"".join((lengths, _CRC.pack(zlib.crc32(lengths)), headers, message.payload))
    return body + _CRC.pack(zlib.crc32(body))


def _encode_header(name: str, value: HeaderValue) -> bytes:
    if not isinstance(value, str):
        raise EventStreamError(f"the header {name} is not a string")
    raw_name, raw_value = name.encode(), value.encode()
    if not 0 < len(raw_name) < 256 or len(raw_value) >= 1 << 15:
        raise EventStreamError(f"the header {name} does not fit into an event stream")
    return (
        struct.pack(">B", len(raw_name))
        + raw_name
        + struct.pack(">BH", _STRING, len(raw_value))
        + raw_value
    )


def encode_event(event: StreamEvent) -> bytes:
    """Return the message for one event, as Lambda writes it."""
    match event:
        case PayloadChunk(payload):
            headers = _event_headers("PayloadChunk", "application/octet-stream")
            return encode_message(Message(headers, payload))
        case InvokeComplete():
            headers = _event_headers("InvokeComplete", "application/json")
            return encode_message(Message(headers, msgspec.json.encode(event)))
        case StreamException(name, text):
            headers = {
                ":message-type": "exception",
                ":exception-type": name,
                ":content-type": "application/json",
            }
            return encode_message(Message(headers, msgspec.json.encode({"message": text})))
        case _:
            assert_never(event)


def _event_headers(event_type: str, content_type: str) -> dict[str, HeaderValue]:
    return {":message-type": "event", ":event-type": event_type, ":content-type": content_type}


class MessageDecoder:
    """Splits bytes into messages, and keeps those of an incomplete message.

    What came before an error is returned first: the next call raises it.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.error: EventStreamError | None = None

    def feed(self, data: bytes) -> list[Message]:
        """Return the messages that ``data`` completes, in order.

        Raises:
            EventStreamError: a checksum or a length is wrong.
        """
        self._buffer += data
        messages: list[Message] = []
        try:
            while (message := self._next()) is not None:
                messages.append(message)
        except EventStreamError as error:
            self.error = error
            if not messages:
                raise
        return messages

    def close(self) -> None:
        """Declare that no more bytes come; raises as `feed`, also inside of a message."""
        if self.error is not None:
            raise self.error
        if self._buffer:
            raise EventStreamError("the event stream ended in the middle of a message")

    def _next(self) -> Message | None:
        if self.error is not None:
            raise self.error
        if len(self._buffer) < _PRELUDE.size:
            return None
        total, headers_bytes, checksum = _PRELUDE.unpack_from(self._buffer)
        if zlib.crc32(self._buffer[:8]) != checksum:
            raise EventStreamError("the checksum of a message's first bytes is wrong")
        payload_bytes = total - _PRELUDE.size - headers_bytes - _CRC_BYTES
        if headers_bytes > _MAX_HEADERS_BYTES or not 0 <= payload_bytes <= _MAX_PAYLOAD_BYTES:
            raise EventStreamError("a message's lengths are out of bounds")
        if len(self._buffer) < total:
            return None
        raw = bytes(self._buffer[:total])
        del self._buffer[:total]
        if zlib.crc32(raw[:-_CRC_BYTES]) != _CRC.unpack(raw[-_CRC_BYTES:])[0]:
            raise EventStreamError("the checksum of a message is wrong")
        payload_start = _PRELUDE.size + headers_bytes
        headers = _decode_headers(raw[_PRELUDE.size : payload_start])
        return Message(headers, raw[payload_start:-_CRC_BYTES])


def _decode_headers(raw: bytes) -> dict[str, HeaderValue]:
    headers: dict[str, HeaderValue] = {}
    cursor = _Cursor(raw)
    while not cursor.at_end:
        name = cursor.text(cursor.take(1)[0])
        if name in headers:
            raise EventStreamError(f"the header {name} is there twice")
        headers[name] = cursor.value()
    return headers


class _Cursor:
    """Reads the header section from left to right."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._position = 0

    @property
    def at_end(self) -> bool:
        return self._position == len(self._raw)

    def take(self, count: int) -> bytes:
        taken = self._raw[self._position : self._position + count]
        if len(taken) < count:
            raise EventStreamError("a header ends after the header section")
        self._position += count
        return taken

    def text(self, count: int) -> str:
        try:
            return self.take(count).decode()
        except UnicodeDecodeError as error:
            raise EventStreamError("a header is not UTF-8") from error

    def value(self) -> HeaderValue:
        kind = self.take(1)[0]
        match kind:
            case 0 | 1:
                return kind == 0  # type 0 is true, type 1 is false
            case 2 | 3 | 4 | 5 | 8:
                number: int = _NUMBERS[kind].unpack(self.take(_NUMBERS[kind].size))[0]
                return number
            case 6:
                return self.take(self._length())
            case 7:
                return self.text(self._length())
            case 9:
                return self.take(_UUID_BYTES)
            case _:
                raise EventStreamError(f"{kind} is not a type of header")

    def _length(self) -> int:
        return int.from_bytes(self.take(2), "big")


class EventDecoder:
    """Reads the events of an `InvokeWithResponseStream` response; errors as in `MessageDecoder`."""

    def __init__(self) -> None:
        self._messages = MessageDecoder()

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return the events that ``data`` completes. Events of unknown types are skipped.

        Raises `EventStreamError`, also if an `InvokeComplete` is not JSON.
        """
        events: list[StreamEvent] = []
        try:
            for message in self._messages.feed(data):
                events += _events_of(message)
        except EventStreamError as error:
            self._messages.error = error
            if not events:
                raise
        return events

    def close(self) -> None:
        """Declare that no more bytes come. Raises as `MessageDecoder.close`."""
        self._messages.close()


def _events_of(message: Message) -> Iterator[StreamEvent]:
    headers = message.headers
    match headers.get(":message-type"), headers.get(":event-type"):
        case "exception", _:
            yield _decode_exception(message)
        case "error", _:
            code, text = headers.get(":error-code"), headers.get(":error-message")
            yield StreamException(str(code), str(text))
        case _, "PayloadChunk":
            yield PayloadChunk(message.payload)
        case _, "InvokeComplete":
            try:
                yield msgspec.json.decode(message.payload, type=InvokeComplete)
            except (ValueError, RecursionError) as error:
                raise EventStreamError("InvokeComplete is not the JSON it should be") from error


def _decode_exception(message: Message) -> StreamException:
    try:
        text = msgspec.json.decode(message.payload, type=dict[str, str]).get("message", "")
    except (ValueError, RecursionError):
        text = message.payload.decode("utf-8", "replace")
    return StreamException(str(message.headers.get(":exception-type")), text)

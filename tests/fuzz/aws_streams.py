"""What comes from a Lambda function: event streams, preludes and tool streams."""

import contextlib
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from botocore.eventstream import EventStreamBuffer
from botocore.eventstream import ParserError as BotocoreRefuses

from app.aws.event_stream import (
    EventDecoder,
    EventStreamError,
    MessageDecoder,
    encode_event,
    encode_message,
)
from app.aws.http_integration import PreludeDecoder, PreludeError, encode_prelude
from app.aws.prelude_stripper import PreludeStripper
from app.protocols.tool_result import to_json
from app.protocols.tool_result_reader import read_result
from app.protocols.tool_stream_reader import RunResult, RunStatus, ToolStreamError, ToolStreamReader
from app.tools.definition import ToolError
from app.tools.remote_call import EventStreamBody
from tests.fuzz.target import Target, cuts

T = TypeVar("T")


def _outcome(
    feed: Callable[[bytes], list[T]],
    close: Callable[[], object],
    reads: Sequence[bytes],
    errors: type[Exception] | tuple[type[Exception], ...],
) -> tuple[list[T], str | None]:
    """Return what was read before the first error, and that error."""
    read: list[T] = []
    try:
        for data in reads:
            read += feed(data)
        last = close()
    except errors as error:
        return read, str(error)
    return (read + last if isinstance(last, list) else read), None


def check_event_stream(stream: bytes) -> None:
    """Any split gives the same events or the same error; botocore reads what we read."""
    decoder = EventDecoder()
    events, error = _outcome(decoder.feed, decoder.close, [stream], EventStreamError)
    for reads in cuts(stream):
        decoder = EventDecoder()
        again, same = _outcome(decoder.feed, decoder.close, reads, EventStreamError)
        assert same == error
        assert again[: len(events)] == events if error else again == events
    _check_against_botocore(stream)
    again = EventDecoder().feed(b"".join(map(encode_event, events)))
    assert again == events
    with contextlib.suppress(ToolError):
        body = EventStreamBody("t")
        assert len(body.feed(stream) + body.close()) <= len(stream)


def _check_against_botocore(stream: bytes) -> None:
    oracle, decoder = EventStreamBuffer(), MessageDecoder()
    oracle.add_data(stream)
    messages, error = _outcome(decoder.feed, decoder.close, [stream], EventStreamError)
    theirs: list[Any] = []
    with contextlib.suppress(BotocoreRefuses, ValueError, KeyError, struct.error):
        theirs.extend(oracle)
    if error is None:
        assert [(dict(m.headers), m.payload) for m in theirs] == [
            (dict(message.headers), message.payload) for message in messages
        ]
    for message in messages:
        if all(isinstance(value, str) for value in message.headers.values()):
            with contextlib.suppress(EventStreamError):  # a header that is too long for Lambda
                assert MessageDecoder().feed(encode_message(message)) == [message]


def check_framed_events(data: bytes) -> None:
    """Put right checksums and lengths around the pieces between newlines, then read them."""
    check_event_stream(framed_events(data))


def framed_events(data: bytes) -> bytes:
    """Return an event stream of the pieces between newlines."""
    return b"".join(_framed(piece) for piece in data.split(b"\n"))


def _framed(piece: bytes) -> bytes:
    """Return a message; before ``|`` stand its headers, one letter for what is usual."""
    head, _, payload = piece.partition(b"|")
    headers = b"".join(_HEADERS.get(head[i : i + 1], head[i : i + 1]) for i in range(len(head)))
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = lengths + struct.pack(">I", zlib.crc32(lengths)) + headers + payload
    return body + struct.pack(">I", zlib.crc32(body))


def _header(name: str, value: str) -> bytes:
    return b"%c%b\7%b%b" % (len(name), name.encode(), len(value).to_bytes(2, "big"), value.encode())


_HEADERS = {
    b"E": _header(":message-type", "event"),
    b"X": _header(":message-type", "exception") + _header(":exception-type", "Throttled"),
    b"R": _header(":message-type", "error") + _header(":error-code", "500"),
    b"P": _header(":event-type", "PayloadChunk"),
    b"C": _header(":event-type", "InvokeComplete"),
}


def check_prelude(stream: bytes) -> None:
    """Any split passes the same bytes on; none is lost, and none but a prelude is taken away."""
    passed, statuses = _strip([stream])
    for reads in cuts(stream):
        assert _strip(reads) == (passed, statuses)
    assert stream.endswith(passed)
    assert (passed != stream) <= bool(statuses)
    read = _decode_prelude([stream])
    for reads in cuts(stream):
        assert _decode_prelude(reads) == read
    if isinstance(read, tuple):
        prelude, rest = read
        assert 100 <= prelude.status_code <= 599
        assert stream.endswith(rest)
        with contextlib.suppress(UnicodeEncodeError):
            assert PreludeDecoder().feed(encode_prelude(prelude)) is not None
    if statuses:
        assert isinstance(read, tuple)
        assert statuses == [read[0].status_code]


def _strip(reads: Sequence[bytes]) -> tuple[bytes, list[int]]:
    statuses: list[int] = []
    stripper = PreludeStripper(statuses.append)
    passed = b"".join([stripper.feed(data) for data in reads])
    return passed + stripper.close(), statuses


def _decode_prelude(reads: Sequence[bytes]) -> Any:
    decoder, rest = PreludeDecoder(), b""
    prelude = None
    try:
        for data in reads:
            if prelude is not None:
                rest += data
            elif (prelude := decoder.feed(data)) is not None:
                rest = decoder.rest
    except PreludeError:
        return "refused"
    return None if prelude is None else (prelude, rest)


def check_tool_stream(stream: bytes) -> None:
    """Any split gives the same lines or the same error, and a result re-parses."""
    reader = ToolStreamReader(max_line_bytes=4096)
    lines, error = _outcome(reader.feed, reader.close, [stream], ToolStreamError)
    # The limit is on what has not been read yet, which is less where a read brings more.
    for reads in cuts(stream) if len(stream) < 4096 else ():
        reader = ToolStreamReader(max_line_bytes=4096)
        again, same = _outcome(reader.feed, reader.close, reads, ToolStreamError)
        assert same == error
        assert again[: len(lines)] == lines if error else again == lines
    assert all(isinstance(line, RunStatus) for line in lines[:-1])
    if lines and isinstance(lines[-1], RunResult):
        result = lines[-1].result
        assert to_json(read_result(to_json(result))) == to_json(result)


_PRELUDE_WORDS = (
    *(b'{"statusCode":', b"200", b'"headers":{', b'"a":"b"', b'"cookies":["a=1"]', b"}}", b"}"),
    *(b"\0" * 8, b"\0", b'{"multiValueHeaders":{"a":["b"]}', b'"body"', b" " * 60, b"[[[[[[[[["),
)
_TOOL_WORDS = (
    *(b'{"type":"status","payload":{"message":"a"}}\n', b'{"type":"result","payload":{', b"\n"),
    *(b'"tool_result":{"_schema":"ToolResult","status":"success"', b'"data":{"a":1}', b"}}}\n"),
    *(b'"data_objects":[{"name":"a","content":"aGk=","is_binary":true}]', b'{"success":true'),
    *(b'{"type":"error","payload":{"error":"a","error_code":"B"}}\n', b"\r\n", b"\\ud800"),
)
EVENT_WORDS = (
    *(b"EP|", b"EC|", b"X|", b"R|", b"\n", b'{"ErrorCode":"A"}', b"{}", b'{"message":"a"}'),
    *(b'{"statusCode":200}', b"\0" * 8, b"[[[["),
)

TARGETS = (
    Target(
        "event-stream",
        "the bytes of an event stream",
        check_event_stream,
        (
            b"\0\0\0\x10\0\0\0\0\x05\xc2\x48\xeb\x7d\x98\xc8\xff",
            *_HEADERS.values(),
            *(bytes([kind]) for kind in range(10)),
        ),
    ),
    Target(
        "event-stream-messages",
        "made event streams",
        check_framed_events,
        EVENT_WORDS,
        is_made=True,
    ),
    Target("prelude", "a response that may begin with a prelude", check_prelude, _PRELUDE_WORDS),
    Target("tool-stream", "the response of a remote tool", check_tool_stream, _TOOL_WORDS),
)

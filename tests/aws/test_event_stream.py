"""The event stream codec, with botocore's decoder as the oracle for what we write."""

import struct
import zlib
from collections.abc import Iterable
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from app.aws.event_stream import (
    EventDecoder,
    EventStreamError,
    HeaderValue,
    InvokeComplete,
    Message,
    MessageDecoder,
    PayloadChunk,
    StreamEvent,
    StreamException,
    encode_event,
    encode_message,
)

EVENTS: list[StreamEvent] = [
    PayloadChunk(b"data: 1\n\n"),
    PayloadChunk(b""),
    InvokeComplete("Sandbox.Timedout", "Task timed out after 3.00 seconds", "TE9H"),
]

events = st.one_of(
    st.builds(PayloadChunk, st.binary()),
    st.builds(InvokeComplete, st.none() | st.text(), st.none() | st.text(), st.none() | st.text()),
    st.builds(StreamException, st.text(max_size=50), st.text()),
)


def read_by_botocore(wire: bytes) -> list[tuple[dict[str, Any], bytes]]:
    """Headers and payload of each message. `Any`: botocore's stubs call the headers a number."""
    oracle = EventStreamBuffer()
    oracle.add_data(wire)
    messages: Iterable[Any] = oracle
    return [(message.headers, message.payload) for message in messages]


def raw_message(headers: bytes, payload: bytes = b"") -> bytes:
    """Return a message with right checksums around any headers."""
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = lengths + struct.pack(">I", zlib.crc32(lengths)) + headers + payload
    return body + struct.pack(">I", zlib.crc32(body))


def test_botocore_reads_what_we_write() -> None:
    chunk, empty, complete = read_by_botocore(b"".join(encode_event(event) for event in EVENTS))

    headers = {
        ":message-type": "event",
        ":event-type": "PayloadChunk",
        ":content-type": "application/octet-stream",
    }
    assert chunk == (headers, b"data: 1\n\n")
    assert empty == (headers, b"")
    assert complete[0][":event-type"] == "InvokeComplete"
    assert complete[1] == (
        b'{"ErrorCode":"Sandbox.Timedout","ErrorDetails":"Task timed out after 3.00 seconds",'
        b'"LogResult":"TE9H"}'
    )


def test_a_good_end_is_an_empty_object() -> None:
    decoder = MessageDecoder()

    (message,) = decoder.feed(encode_event(InvokeComplete()))

    assert message.payload == b"{}"


def test_botocore_takes_our_exception_for_an_error() -> None:
    oracle = EventStreamBuffer()

    oracle.add_data(encode_event(StreamException("ServiceException", "later")))

    message: Any = oracle.next()
    assert message.to_response_dict()["status_code"] == 400
    assert message.headers[":exception-type"] == "ServiceException"


@given(st.lists(events), st.integers(min_value=1, max_value=40))
def test_any_events_survive_any_split(sent: list[StreamEvent], size: int) -> None:
    wire = b"".join(encode_event(event) for event in sent)
    decoder = EventDecoder()

    received: list[StreamEvent] = []
    for start in range(0, len(wire), size):
        received += decoder.feed(wire[start : start + size])

    decoder.close()
    assert received == sent


@given(st.dictionaries(st.text(min_size=1, max_size=60), st.text(max_size=5000)), st.binary())
def test_botocore_and_we_read_any_string_headers_alike(
    headers: dict[str, HeaderValue], payload: bytes
) -> None:
    wire = encode_message(Message(headers, payload))

    (ours,) = MessageDecoder().feed(wire)
    (theirs,) = read_by_botocore(wire)

    assert ours == Message(headers, payload)
    assert theirs == (headers, payload)


def test_every_type_of_header_is_read_as_botocore_reads_it() -> None:
    values = (
        b"\x00", b"\x01", b"\x02\xff", b"\x03\xff\xfe", b"\x04\x00\x00\x01\x00",
        b"\x05" + b"\xff" * 8, b"\x06\x00\x02\x01\x02", b"\x07\x00\x02hi",
        b"\x08" + b"\x00" * 7 + b"\x09", b"\x09" + b"u" * 16,
    )  # fmt: skip
    headers = b"".join(b"\x01" + bytes([97 + i]) + value for i, value in enumerate(values))

    (ours,) = MessageDecoder().feed(raw_message(headers))
    (theirs,) = read_by_botocore(raw_message(headers))

    assert list(ours.headers.values()) == [
        True, False, -1, -2, 256, -1, b"\x01\x02", "hi", 9, b"u" * 16,
    ]  # fmt: skip
    assert ours.headers == theirs[0]


@pytest.mark.parametrize("position", range(len(encode_event(EVENTS[0]))))
def test_one_flipped_bit_anywhere_is_found(position: int) -> None:
    wire = bytearray(encode_event(EVENTS[0]))
    wire[position] ^= 1
    decoder = MessageDecoder()

    with pytest.raises(EventStreamError):
        decoder.feed(bytes(wire))
        decoder.close()


@pytest.mark.parametrize(
    ("headers", "complaint"),
    [
        (b"\x01a\x0a", "10 is not a type of header"),
        (b"\x01a\x07\x00\x05hi", "ends after"),
        (b"\x05a", "ends after"),
        (b"\x01\xff\x00", "not UTF-8"),
        (b"\x01a\x00\x01a\x01", "there twice"),
    ],
)
def test_headers_that_are_not_headers_are_refused(headers: bytes, complaint: str) -> None:
    with pytest.raises(EventStreamError, match=complaint):
        MessageDecoder().feed(raw_message(headers))


@pytest.mark.parametrize(("total", "headers"), [(15, 0), (1 << 20, 129 * 1024), (1 << 30, 0)])
def test_lengths_out_of_bounds_are_refused_before_the_message_is_there(
    total: int, headers: int
) -> None:
    lengths = struct.pack(">II", total, headers)

    with pytest.raises(EventStreamError, match="out of bounds"):
        MessageDecoder().feed(lengths + struct.pack(">I", zlib.crc32(lengths)))


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (Message({"a": 1}), "not a string"),
        (Message({"": "x"}), "does not fit"),
        (Message({"a" * 256: "x"}), "does not fit"),
        (Message({"a": "x" * 32768}), "does not fit"),
        (Message({f"a{i}": "x" * 32000 for i in range(5)}), "larger than"),
        (Message({}, bytes(25 * 1024 * 1024)), "larger than"),
    ],
    ids=["number", "no name", "long name", "long value", "long headers", "long payload"],
)
def test_what_does_not_fit_is_not_written(message: Message, complaint: str) -> None:
    with pytest.raises(EventStreamError, match=complaint):
        encode_message(message)


def test_an_end_inside_a_message_is_an_error() -> None:
    decoder = EventDecoder()
    decoder.feed(encode_event(EVENTS[0])[:-1])

    with pytest.raises(EventStreamError, match="in the middle"):
        decoder.close()


def test_events_of_unknown_types_are_left_out() -> None:
    wire = encode_message(Message({":message-type": "event", ":event-type": "initial-response"}))

    assert EventDecoder().feed(wire + encode_event(EVENTS[0])) == [EVENTS[0]]


def test_invoke_complete_must_be_json() -> None:
    wire = encode_message(Message({":event-type": "InvokeComplete"}, b"{"))

    with pytest.raises(EventStreamError, match="InvokeComplete"):
        EventDecoder().feed(wire)


def test_an_unmodelled_error_and_an_exception_in_plain_text_are_read() -> None:
    error = {":message-type": "error", ":error-code": "InternalError", ":error-message": "sorry"}
    exception = {":message-type": "exception", ":exception-type": "ServiceException"}

    received = EventDecoder().feed(
        encode_message(Message(error)) + encode_message(Message(exception, b"sorry"))
    )

    assert received == [
        StreamException("InternalError", "sorry"),
        StreamException("ServiceException", "sorry"),
    ]


@pytest.mark.parametrize(
    "payload", [b'{"ErrorCode":"\xff"}', b'{"new":' + b"[" * 3000], ids=["not UTF-8", "too deep"]
)
def test_an_invoke_complete_that_cannot_be_read_is_an_error(payload: bytes) -> None:
    headers: dict[str, HeaderValue] = {":event-type": "InvokeComplete"}

    with pytest.raises(EventStreamError, match="InvokeComplete"):
        EventDecoder().feed(encode_message(Message(headers, payload)))


@pytest.mark.parametrize("payload", [b"\xff", b"[" * 3000])
def test_an_exception_that_cannot_be_read_is_its_own_text(payload: bytes) -> None:
    headers: dict[str, HeaderValue] = {":message-type": "exception", ":exception-type": "A"}

    (event,) = EventDecoder().feed(encode_message(Message(headers, payload)))

    assert event == StreamException("A", payload.decode("utf-8", "replace"))


@pytest.mark.parametrize(
    "broken", [b"\0" * 16, encode_message(Message({":event-type": "InvokeComplete"}, b"oops"))]
)
def test_what_came_before_an_error_is_read_first(broken: bytes) -> None:
    decoder = EventDecoder()

    assert decoder.feed(encode_event(EVENTS[0]) + broken + b"more") == [EVENTS[0]]

    for again in (lambda: decoder.feed(b""), decoder.close):
        with pytest.raises(EventStreamError):
            again()

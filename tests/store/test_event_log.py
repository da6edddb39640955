"""`app.store.event_log`: what a log says is what was sent, and strange bytes are an error."""

import json
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.events import (
    Event,
    Finish,
    Start,
    StepEnd,
    TextDelta,
    ToolInputAvailable,
    ToolOutputAvailable,
    Usage,
)
from app.protocols.json_text import dumps
from app.protocols.ui_message_stream import UIMessageStreamEncoder
from app.store.event_log import _EVENTS, LogDefect, decode, encode, encode_items
from tests.protocols.test_every_encoder import FIELDS, HARD_TEXT, turns

any_event = st.one_of(*(st.builds(event, *fields) for event, fields in FIELDS.items()))


def _as_json(value: object) -> object:
    """Return ``value`` as it is on the wire: without NaN, tuples and other things of Python."""
    return json.loads(dumps(value))


@given(st.lists(any_event, min_size=1))
@example(list(HARD_TEXT))
def test_every_event_comes_back(events: list[Event]) -> None:
    (data,) = encode(events, max_bytes=10**9)

    back = decode(data)

    assert [type(event) for event in back] == [type(event) for event in events]
    assert [_as_json(event) for event in back] == [_as_json(event) for event in events]


@given(turns())
def test_a_reader_of_the_log_sends_the_bytes_that_were_sent(turn: list[Event]) -> None:
    (data,) = encode(turn, max_bytes=10**9)
    encoder, again = UIMessageStreamEncoder(), UIMessageStreamEncoder()

    assert [again.encode(event) for event in decode(data)] == [encoder.encode(e) for e in turn]


def test_each_event_has_its_number() -> None:
    assert {TextDelta, *_EVENTS.values()} == {
        event for event in get_args(Event) if not hasattr(event, "__args__")
    }


@pytest.mark.parametrize(
    "value", [2**80, -(2**70), 0.1, [[[]]], {"a": {"\ud800": "\udfff"}}, None, "text", True]
)
def test_json_is_kept_as_it_was_sent(value: Any) -> None:
    events: list[Event] = [
        ToolInputAvailable("c", "t", {"a": value}),
        ToolOutputAvailable("c", value),
    ]

    assert decode(encode(events)[0]) == events


def test_a_piece_of_text_costs_few_bytes() -> None:
    for text in ("", "word ", "x" * 200, "é" * 40_000):
        assert len(encode([TextDelta(text)])[0]) <= len(text.encode()) + 8


def test_a_long_run_of_events_is_cut_into_batches() -> None:
    events: list[Event] = [TextDelta(f"{number} ") for number in range(1000)]

    batches = encode(events, max_bytes=500)

    assert max(map(len, batches)) <= 500
    assert [event for batch in batches for event in decode(batch)] == events


def test_a_text_stands_for_its_delta() -> None:
    texts = ["a", "\ud800", "é" * 100]

    assert encode_items(texts) == encode([TextDelta(text) for text in texts])


def test_one_long_event_is_a_batch_of_its_own() -> None:
    events: list[Event] = [TextDelta("a"), TextDelta("b" * 1000), TextDelta("c")]

    assert [decode(batch) for batch in encode(events, max_bytes=100)] == [[e] for e in events]


def test_fields_that_a_reader_does_not_know_are_ignored() -> None:
    data = msgspec.msgpack.encode([[19, "stop", b'{"input_tokens":1,"dreams":2}', "new"]])

    assert decode(data) == [StepEnd("stop", Usage(1))]


def test_fields_that_a_writer_did_not_know_have_their_defaults() -> None:
    data = msgspec.msgpack.encode([[1, "m"], [20, "stop"]])

    assert decode(data) == [Start("m"), Finish("stop")]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"secret",
        msgspec.msgpack.encode("text"),
        msgspec.msgpack.encode([None]),
        msgspec.msgpack.encode([[]]),
        msgspec.msgpack.encode([["Start", "m"]]),
        msgspec.msgpack.encode([[99, "of a later version"]]),
        msgspec.msgpack.encode([[1]]),
        msgspec.msgpack.encode([[1, 7]]),
        msgspec.msgpack.encode([[[1], "m"]]),
        msgspec.msgpack.encode([[19, "secret", b"{}"]]),
        msgspec.msgpack.encode([[19, "stop", 7]]),
        msgspec.msgpack.encode([[11, "c", b"{secret"]]),
        msgspec.msgpack.encode([[11, "c", b"[" * 100_000]]),
        msgspec.msgpack.encode([b"\xff\xfe"]),
        encode([TextDelta("whole")])[0][:-1],
    ],
    ids=repr,
)
def test_what_is_no_batch_is_an_error_that_quotes_nothing(data: bytes) -> None:
    with pytest.raises(LogDefect) as raised:
        decode(data)

    assert "secret" not in str(raised.value)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_batch_or_an_error(data: bytes) -> None:
    try:
        events = decode(data)
    except LogDefect:
        return
    assert all(isinstance(event, Event) for event in events)

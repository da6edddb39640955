"""`app.protocols.tool_stream`: a chat turn as NDJSON."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.events import (
    Abort,
    Data,
    Error,
    Event,
    File,
    Finish,
    Metadata,
    ReasoningDelta,
    ReasoningRedacted,
    ReasoningSignature,
    Source,
    Start,
    Status,
    StepEnd,
    StepStart,
    TextDelta,
    ToolApprovalRequest,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputError,
    ToolInputStart,
    ToolOutputAvailable,
    ToolOutputDenied,
    ToolOutputError,
    Usage,
)
from app.protocols.tool_stream import ToolStreamEncoder
from tests.sample_turns import TEXT_TURN, any_text

BEGIN: list[Event] = [Start("msg-1"), StepStart()]
END: list[Event] = [StepEnd("stop"), Finish("stop")]


def lines(events: list[Event]) -> list[dict[str, Any]]:
    encoder = ToolStreamEncoder(now=lambda: 1767225600.5)
    wire = b"".join(encoder.encode(event) for event in events)
    assert not wire or wire.endswith(b"\n")
    return [json.loads(line) for line in wire.decode().split("\n")[:-1]]


def statuses(events: list[Event]) -> list[dict[str, Any]]:
    return [line["payload"] for line in lines(events) if line["type"] == "status"]


def result(events: list[Event]) -> dict[str, Any]:
    last = lines(events)[-1]
    assert last["type"] == "result"
    payload: dict[str, Any] = last["payload"]
    return payload


def test_a_text_turn_is_deltas_and_one_result() -> None:
    read = lines(TEXT_TURN)

    text = "".join(event.text for event in TEXT_TURN if isinstance(event, TextDelta))
    assert [line["type"] for line in read] == ["delta"] * (len(read) - 1) + ["result"]
    assert "".join(line["payload"]["text"] for line in read[:-1]) == text
    assert read[-1]["payload"] == {
        "text": text,
        "message_id": "msg-1",
        "finish_reason": "stop",
        "usage": {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18},
    }


def test_lines_have_the_documented_bytes() -> None:
    encoder = ToolStreamEncoder(now=lambda: 1767225600.5)

    assert (encoder.media_type, encoder.headers) == ("application/x-ndjson", {})
    assert encoder.encode(TextDelta("Hi é")) == (
        '{"type":"delta","payload":{"text":"Hi é"},"timestamp":1767225600.5}\n'.encode()
    )
    assert encoder.encode(Status("Thinking")) == (
        b'{"type":"status","payload":{"message":"Thinking"},"timestamp":1767225600.5}\n'
    )
    assert encoder.keep_alive() == b'{"type":"heartbeat","payload":{},"timestamp":1767225600.5}\n'


@given(st.lists(any_text))
def test_any_text_survives(pieces: list[str]) -> None:
    events: list[Event] = [*BEGIN, *(TextDelta(piece) for piece in pieces), *END]

    read = lines(events)

    assert [line["payload"]["text"] for line in read[:-1]] == pieces
    whole = "".join(pieces).encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    assert read[-1]["payload"]["text"] == whole


def test_a_reader_that_splits_at_every_line_end_of_unicode_still_finds_whole_lines() -> None:
    # As `iter_lines` of httpx does, and many a script after it.
    encoder = ToolStreamEncoder(now=lambda: 0.5)

    wire = encoder.encode(TextDelta("a\x85b\u2028c\u2029d\x0be\x1cf"))

    (read,) = wire.decode().splitlines()
    assert json.loads(read)["payload"]["text"] == "a\x85b\u2028c\u2029d\x0be\x1cf"


def test_a_tool_call_is_reported_as_it_goes_on_and_repeated_in_the_result() -> None:
    call = ToolInputAvailable("c1", "search", {"q": "x"})
    events: list[Event] = [
        *BEGIN,
        ToolInputStart("c1", "search"),
        ToolInputDelta("c1", "{"),
        call,
        Status("Asking", "c1"),
        ToolOutputAvailable("c1", ["a"], preliminary=True),
        ToolOutputAvailable("c1", ["a", "b"]),
        *END,
    ]

    assert statuses(events) == [
        {"message": "Calling search", "tool_call_id": "c1"},
        {"message": "Asking", "tool_call_id": "c1"},
        {"message": "search goes on", "tool_call_id": "c1", "output": ["a"]},
        {"message": "search is done", "tool_call_id": "c1"},
    ]
    assert result(events)["tool_calls"] == [
        {
            "tool_call_id": "c1",
            "tool_name": "search",
            "input": {"q": "x"},
            "state": "output-available",
            "output": ["a", "b"],
        }
    ]


@pytest.mark.parametrize(
    ("last", "message", "facts"),
    [
        (ToolOutputError("c1", "No."), "pay failed", {"state": "output-error", "error": "No."}),
        (ToolOutputDenied("c1"), "pay was not allowed", {"state": "output-denied"}),
        (
            ToolApprovalRequest("a1", "c1"),
            "pay needs the user's approval",
            {"state": "approval-requested", "approval_id": "a1"},
        ),
    ],
)
def test_a_call_that_does_not_succeed_says_so(
    last: Event, message: str, facts: dict[str, Any]
) -> None:
    events: list[Event] = [*BEGIN, ToolInputAvailable("c1", "pay", {}), last, *END]

    assert statuses(events)[-1] == {"message": message, "tool_call_id": "c1"}
    call = {"tool_call_id": "c1", "tool_name": "pay", "input": {}}
    assert result(events)["tool_calls"] == [{**call, **facts}]


def test_a_call_that_the_client_executes_is_in_the_result() -> None:
    events: list[Event] = [*BEGIN, ToolInputAvailable("c1", "ask", {}, "client"), *END]

    assert result(events)["tool_calls"][0]["state"] == "input-available"


def test_a_call_with_bad_input_has_failed() -> None:
    events: list[Event] = [*BEGIN, ToolInputError("c1", "pay", "{", "Bad."), *END]

    assert statuses(events) == [{"message": "pay cannot be called", "tool_call_id": "c1"}]
    assert result(events)["tool_calls"] == [
        {
            "tool_call_id": "c1",
            "tool_name": "pay",
            "input": "{",
            "state": "output-error",
            "error": "Bad.",
        }
    ]


def test_a_call_of_the_history_ends_without_its_name() -> None:
    events: list[Event] = [Start("m"), ToolOutputAvailable("c1", 1), Finish("stop")]

    assert statuses(events)[0]["message"] == "The tool is done"
    assert result(events)["tool_calls"] == [
        {"tool_call_id": "c1", "state": "output-available", "output": 1}
    ]


def test_what_belongs_to_the_message_is_in_the_result() -> None:
    events: list[Event] = [
        Start("m", {"model": "x"}),
        Source("s1", url="https://example.org", title="Example"),
        Source("s2", media_type="text/plain", filename="a.txt"),
        File("image/png", "data:image/png;base64,AA=="),
        Data("weather", {"c": 1}, id="w"),
        Data("other", 2),
        Metadata({"a": 1}),
        Finish("stop", Usage(), {"b": 2}),
    ]

    read = lines(events)

    assert len(read) == 1
    assert read[0]["payload"] == {
        "text": "",
        "message_id": "m",
        "finish_reason": "stop",
        "usage": {},
        "sources": [
            {"id": "s1", "url": "https://example.org", "title": "Example"},
            {"id": "s2", "media_type": "text/plain", "filename": "a.txt"},
        ],
        "files": [{"media_type": "image/png", "url": "data:image/png;base64,AA=="}],
        "data": [{"name": "weather", "data": {"c": 1}, "id": "w"}, {"name": "other", "data": 2}],
        "metadata": {"model": "x", "a": 1, "b": 2},
    }


@pytest.mark.parametrize(
    ("last", "payload"),
    [
        (Error("busy", "Try again."), {"error": "Try again.", "error_code": "busy"}),
        (Abort(), {"error": "The answer was stopped.", "error_code": "aborted"}),
        (Abort("Enough."), {"error": "Enough.", "error_code": "aborted"}),
    ],
)
def test_a_turn_that_did_not_finish_ends_with_an_error(
    last: Event, payload: dict[str, Any]
) -> None:
    read = lines([*BEGIN, TextDelta("Hel"), last])

    assert [line["type"] for line in read] == ["delta", "error"]
    assert read[-1]["payload"] == payload


def test_what_the_format_has_no_place_for_is_left_out() -> None:
    events: list[Event] = [
        *BEGIN,
        ReasoningDelta("hm"),
        ReasoningSignature("s"),
        ReasoningRedacted("r"),
    ]

    assert lines(events) == []


def test_an_output_with_no_number_is_null() -> None:
    events: list[Event] = [*BEGIN, ToolInputAvailable("c1", "x", {})]

    read = result([*events, ToolOutputAvailable("c1", {"n": float("inf"), "t": "\ud800"}), *END])

    assert read["tool_calls"][0]["output"] == {"n": None, "t": "\ud800"}

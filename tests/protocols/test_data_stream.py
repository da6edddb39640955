"""The data stream: what its parser demands. See also `test_documented_deviations`."""

import json
from collections.abc import Sequence

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
from app.protocols.data_stream import DataStreamEncoder
from tests import sample_turns as turns
from tests.protocols.traces import encode


def test_a_3_4_client_is_sent_no_code_that_it_does_not_know() -> None:
    annotated: list[Event] = [
        *turns.REASONING_TURN[:-2],
        Source("s1", url="https://example.com"),
        File("image/png", "data:image/png;base64,AAAA"),
        *turns.REASONING_TURN[-2:],
    ]

    wire = encode(DataStreamEncoder("3.4"), annotated)

    assert {line[:1] for line in wire.decode().splitlines()} <= set("0123456789abcde")
    assert b'0:"Then "' in wire


def test_an_error_after_the_first_step_closes_the_message_but_no_step() -> None:
    events: list[Event] = [*turns.BEGIN, StepEnd("tool-calls"), Error("x", "No.")]

    lines = encode(DataStreamEncoder(), events).decode().splitlines()

    assert [line[:2] for line in lines] == ["f:", "e:", "3:", "d:"]


def test_an_abort_before_the_first_step_ends_the_message_all_the_same() -> None:
    wire = encode(DataStreamEncoder(), [Start("m"), Abort("stop")])

    assert [line[:2] for line in wire.decode().splitlines()] == ["d:"]


def test_an_error_before_the_first_step_stands_alone() -> None:
    assert encode(DataStreamEncoder(), [Start("m"), Error("x", "No.")]) == b'3:"No."\n'


def test_an_abort_ends_the_step_and_the_message_without_an_error() -> None:
    wire = encode(DataStreamEncoder(), [*turns.BEGIN, TextDelta("Half"), Abort("stop")])

    assert [line[:2] for line in wire.decode().splitlines()] == ["f:", "0:", "e:", "d:"]
    assert b'"finishReason":"other"' in wire


def test_usage_that_the_model_did_not_count_is_left_out() -> None:
    # JSON.stringify would send null here, which the client reads as NaN.
    wire = encode(DataStreamEncoder(), [*turns.BEGIN, StepEnd("stop"), Finish("stop")])

    assert wire.endswith(
        b'e:{"finishReason":"stop","isContinued":false}\nd:{"finishReason":"stop"}\n'
    )


def test_usage_that_is_counted_by_half_is_completed_with_zero() -> None:
    wire = encode(DataStreamEncoder(), [*turns.BEGIN, StepEnd("stop", Usage(3))])

    assert b'"usage":{"promptTokens":3,"completionTokens":0}' in wire


@pytest.mark.parametrize(
    ("events", "lines"),
    [
        ([ToolOutputError("c", "No.")], ['a:{"toolCallId":"c","result":{"error":"No."}}']),
        (
            [ToolOutputDenied("c")],
            ['a:{"toolCallId":"c","result":{"error":"The user did not allow this call."}}'],
        ),
        (
            [ToolOutputAvailable("c", 1, preliminary=True), ToolOutputAvailable("c", 2)],
            ['a:{"toolCallId":"c","result":2}'],
        ),
        ([ToolApprovalRequest("p", "c")], []),
        (
            [Status("Half done", "c"), ToolOutputAvailable("c", None)],
            [
                '8:[{"type":"status","message":"Half done","toolCallId":"c"}]',
                'a:{"toolCallId":"c","result":null}',
            ],
        ),
    ],
)
def test_however_a_call_ends_it_has_an_ordinary_result(
    events: Sequence[Event], lines: Sequence[str]
) -> None:
    call = ToolInputAvailable("c", "t", {})

    wire = encode(DataStreamEncoder(), [*turns.BEGIN, call, *events])

    assert wire.decode().splitlines()[2:] == list(lines)


def test_arguments_that_are_no_object_are_wrapped_since_the_parser_wants_one() -> None:
    wire = encode(
        DataStreamEncoder(), [*turns.BEGIN, ToolInputError("c", "t", "not json", "Bad input.")]
    )

    assert wire.decode().splitlines()[1:] == [
        '9:{"toolCallId":"c","toolName":"t","args":{"input":"not json"}}',
        'a:{"toolCallId":"c","result":{"error":"Bad input."}}',
    ]


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Status("Working"), '8:[{"type":"status","message":"Working"}]'),
        (Metadata({"model": "m"}), '8:[{"model":"m"}]'),
        (Data("w", 1, id="i"), '2:[{"type":"data-w","data":1,"id":"i"}]'),
        (Data("w", 1), '2:[{"type":"data-w","data":1}]'),
        (
            Source("s", url="https://a.example", title="A"),
            'h:{"sourceType":"url","id":"s","url":"https://a.example","title":"A"}',
        ),
        (
            Source("s", url="https://a.example"),
            'h:{"sourceType":"url","id":"s","url":"https://a.example"}',
        ),
        (Source("s", title="A", media_type="application/pdf"), ""),
        (
            File("image/png", "data:image/png;base64,AAAA"),
            'k:{"data":"AAAA","mimeType":"image/png"}',
        ),
        (File("image/png", "https://a.example/a.png"), ""),
        (ReasoningDelta("Hm"), 'g:"Hm"'),
        (ReasoningSignature("s"), 'j:{"signature":"s"}'),
        (ReasoningRedacted("d"), 'i:{"data":"d"}'),
    ],
)
def test_an_annotation_is_one_line_or_nothing(event: Event, line: str) -> None:
    wire = encode(DataStreamEncoder(), [Start("m"), StepStart(), event])

    assert wire.decode().removeprefix('f:{"messageId":"m"}\n').rstrip("\n") == line


def test_metadata_of_the_start_and_the_end_are_annotations() -> None:
    end = Finish("stop", metadata={"b": 2})
    events: list[Event] = [Start("m", {"a": 1}), StepStart(), StepEnd("stop"), end]

    lines = encode(DataStreamEncoder(), events).decode().splitlines()

    assert [line[:2] for line in lines] == ["8:", "f:", "e:", "8:", "d:"]


def test_the_keep_alive_is_a_blank_line() -> None:
    assert DataStreamEncoder().keep_alive() == b"\n"


@given(st.lists(turns.any_text))
def test_any_text_survives_the_wire(pieces: list[str]) -> None:
    encoder = DataStreamEncoder()

    wire = b"".join(encoder.encode(TextDelta(piece)) for piece in pieces)

    lines = wire.decode().split("\n")[:-1]
    assert [json.loads(line.removeprefix("0:")) for line in lines] == pieces


def test_what_the_provider_ran_itself_is_left_out() -> None:
    # The client would take it for a call of the application and post the finished answer again.
    events: list[Event] = [
        *turns.BEGIN,
        ToolInputStart("c", "web_search", "provider"),
        ToolInputDelta("c", "{}"),
        ToolInputAvailable("c", "web_search", {}, "provider"),
        ToolOutputAvailable("c", []),
        ToolInputAvailable("d", "web_search", {}, "provider"),
        ToolOutputError("d", "No."),
        ToolInputStart("e", "web_search", "provider"),
        ToolInputError("e", "web_search", {}, "No."),
        ToolInputAvailable("f", "web_search", {}, "provider"),
        ToolOutputDenied("f"),
        TextDelta("Found."),
    ]

    wire = encode(DataStreamEncoder(), events)

    assert [line[:2] for line in wire.decode().splitlines()] == ["f:", "0:"]

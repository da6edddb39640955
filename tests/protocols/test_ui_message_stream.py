"""The UI message stream: what its clients demand. See also `test_documented_deviations`."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.events import (
    Abort,
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
)
from app.protocols.ui_message_stream import UIMessageStreamEncoder
from tests import sample_turns as turns
from tests.protocols.traces import encode

TEXT_END = b'data: {"type":"text-end","id":"t1"}\n\n'


def chunks(wire: bytes) -> list[dict[str, Any]]:
    """Return the chunks of a stream without its ``[DONE]``."""
    events = [event.removeprefix("data: ") for event in wire.decode().split("\n\n")]
    return [json.loads(event) for event in events if event not in ("", "[DONE]")]


def test_a_5_0_client_is_sent_no_finish_reason_and_only_parts_it_knows() -> None:
    bad = ToolInputError("c", "t", {"x": 1}, "Bad input.")
    tool: list[Event] = [
        ToolInputAvailable("d", "t", {}),
        ToolOutputAvailable("d", 1, preliminary=True),
        ToolOutputAvailable("d", 2),
    ]

    wire = encode(
        UIMessageStreamEncoder("5.0"),
        [*turns.BEGIN, bad, *tool, StepEnd("stop"), Finish("stop")],
    )

    kinds = [chunk["type"] for chunk in chunks(wire)]
    assert chunks(wire)[-1] == {"type": "finish"}
    assert kinds[2:4] == ["tool-input-available", "tool-output-error"]
    assert "preliminary" not in wire.decode()


def test_a_5_0_client_is_sent_no_finish_reason_after_an_error_either() -> None:
    wire = encode(UIMessageStreamEncoder("5.0"), turns.ERROR_TURN)

    assert chunks(wire)[-1] == {"type": "finish"}


@pytest.mark.parametrize(
    ("sdk", "abort"),
    [(None, {"type": "abort"}), ("6", {"type": "abort", "reason": "stopped"})],
)
def test_an_abort_says_why_to_clients_that_can_read_it(sdk: Any, abort: Any) -> None:
    events = [*turns.BEGIN, TextDelta("Half"), Abort("stopped")]

    wire = encode(UIMessageStreamEncoder(sdk), events)

    assert chunks(wire)[-2:] == [{"type": "text-end", "id": "t1"}, abort]
    assert wire.endswith(b"data: [DONE]\n\n")


def test_an_error_between_two_steps_ends_no_step() -> None:
    events: list[Event] = [*turns.BEGIN, StepEnd("tool-calls"), Error("x", "No.")]

    kinds = [chunk["type"] for chunk in chunks(encode(UIMessageStreamEncoder(), events))]

    assert kinds == ["start", "start-step", "finish-step", "error", "finish"]


def test_text_and_reasoning_blocks_never_overlap_and_have_ids_of_their_own() -> None:
    events: list[Event] = [
        *turns.BEGIN,
        ReasoningDelta("Hm"),
        TextDelta("A"),
        ReasoningDelta("Hm again"),
        TextDelta("B"),
        StepEnd("stop"),
    ]

    blocks = [
        (chunk["type"], chunk["id"])
        for chunk in chunks(encode(UIMessageStreamEncoder(), events))
        if chunk["type"].endswith(("-start", "-end"))
    ]

    assert blocks == [
        *(("reasoning-start", "r1"), ("reasoning-end", "r1")),
        *(("text-start", "t1"), ("text-end", "t1")),
        *(("reasoning-start", "r2"), ("reasoning-end", "r2")),
        *(("text-start", "t2"), ("text-end", "t2")),
    ]


def test_a_source_does_not_cut_the_text_it_belongs_to() -> None:
    events: list[Event] = [*turns.BEGIN, TextDelta("A"), *turns.DATA_PARTS, TextDelta("B")]

    kinds = [chunk["type"] for chunk in chunks(encode(UIMessageStreamEncoder(), events))]

    assert kinds.count("text-start") == 1


def test_a_signature_without_reasoning_still_travels_in_a_part_of_its_own() -> None:
    wire = encode(UIMessageStreamEncoder(), [*turns.BEGIN, ReasoningSignature("s")])

    assert [chunk["type"] for chunk in chunks(wire)[2:]] == ["reasoning-start", "reasoning-end"]


def test_redacted_reasoning_ends_an_open_text() -> None:
    wire = encode(UIMessageStreamEncoder(), [*turns.BEGIN, TextDelta("A"), ReasoningRedacted("d")])

    assert [chunk["type"] for chunk in chunks(wire)[3:]] == [
        "text-delta",
        "text-end",
        "reasoning-start",
        "reasoning-end",
    ]


@pytest.mark.parametrize(
    ("settled", "chunk"),
    [
        (
            ToolOutputAvailable("c", {"ok": True}),
            {"type": "tool-output-available", "toolCallId": "c", "output": {"ok": True}},
        ),
        (
            ToolOutputError("c", "No."),
            {"type": "tool-output-error", "toolCallId": "c", "errorText": "No."},
        ),
    ],
)
def test_statuses_replace_each_other_and_are_done_just_before_the_output(
    settled: Event, chunk: dict[str, Any]
) -> None:
    events: list[Event] = [
        *turns.BEGIN,
        ToolInputAvailable("c", "t", {}),
        Status("One", "c"),
        Status("Two", "c"),
        settled,
    ]

    wire = encode(UIMessageStreamEncoder(), events)

    status = {"type": "data-status", "id": "c"}
    assert chunks(wire)[3:] == [
        {**status, "data": {"state": "running", "message": "One"}},
        {**status, "data": {"state": "running", "message": "Two"}},
        {**status, "data": {"state": "done"}},
        chunk,
    ]


def test_a_status_of_the_turn_is_done_with_its_step() -> None:
    wire = encode(UIMessageStreamEncoder(), [*turns.BEGIN, Status("Busy"), StepEnd("stop")])

    assert chunks(wire)[-2] == {"type": "data-status", "id": "turn", "data": {"state": "done"}}


def test_preliminary_outputs_are_marked_and_the_last_one_is_not() -> None:
    events: list[Event] = [
        *turns.BEGIN,
        ToolInputAvailable("c", "t", {}),
        ToolOutputAvailable("c", 1, preliminary=True),
        ToolOutputAvailable("c", 2),
    ]

    first, last = chunks(encode(UIMessageStreamEncoder(), events))[-2:]

    assert first["preliminary"] is True
    assert "preliminary" not in last


def test_a_call_that_the_provider_ran_is_marked_from_its_start_to_its_result() -> None:
    events: list[Event] = [
        *turns.BEGIN,
        ToolInputStart("c", "web_search", "provider"),
        ToolInputAvailable("c", "web_search", {}, "provider"),
        ToolOutputAvailable("c", []),
    ]

    start, call, result = chunks(encode(UIMessageStreamEncoder(), events))[-3:]

    assert start["providerExecuted"] is call["providerExecuted"] is True
    assert result["providerExecuted"] is True


@pytest.mark.parametrize(
    ("event", "chunk"),
    [
        (
            ToolInputError("c", "t", "raw", "Bad."),
            {
                "type": "tool-input-error",
                "toolCallId": "c",
                "toolName": "t",
                "input": "raw",
                "errorText": "Bad.",
            },
        ),
        (Metadata({"a": 1}), {"type": "message-metadata", "messageMetadata": {"a": 1}}),
        (
            File("image/png", "https://a.example/a.png"),
            {"type": "file", "url": "https://a.example/a.png", "mediaType": "image/png"},
        ),
        (
            Source("s", url="https://a.example"),
            {"type": "source-url", "sourceId": "s", "url": "https://a.example"},
        ),
        (
            Source("s", media_type="application/pdf", filename="a.pdf"),
            {
                "type": "source-document",
                "sourceId": "s",
                "mediaType": "application/pdf",
                "title": "a.pdf",
                "filename": "a.pdf",
            },
        ),
        (
            Source("s"),
            {
                "type": "source-document",
                "sourceId": "s",
                "mediaType": "application/octet-stream",
                "title": "s",
            },
        ),
    ],
)
def test_a_part_is_one_chunk(event: Event, chunk: dict[str, Any]) -> None:
    wire = encode(UIMessageStreamEncoder(), [Start("m"), StepStart(), event])

    assert chunks(wire)[2:] == [chunk]


def test_a_denied_call_says_so() -> None:
    encoder = UIMessageStreamEncoder()

    wire = encoder.encode(ToolOutputDenied("c"))

    assert chunks(wire) == [{"type": "tool-output-denied", "toolCallId": "c"}]


def test_a_call_ends_an_open_text() -> None:
    events: list[Event] = [
        *turns.BEGIN,
        TextDelta("A"),
        ToolInputStart("c", "t"),
        ToolInputDelta("c", "{}"),
        ToolInputAvailable("c", "t", {}),
        ToolApprovalRequest("p", "c"),
    ]

    wire = encode(UIMessageStreamEncoder(), events)

    assert TEXT_END in wire
    assert chunks(wire)[-1]["approvalId"] == "p"


def test_the_keep_alive_is_a_comment() -> None:
    assert UIMessageStreamEncoder().keep_alive() == b": ping\n\n"


@given(st.lists(turns.any_text))
def test_any_text_survives_the_wire(pieces: list[str]) -> None:
    encoder = UIMessageStreamEncoder()

    wire = b"".join(encoder.encode(TextDelta(piece)) for piece in pieces)

    assert [c["delta"] for c in chunks(wire) if c["type"] == "text-delta"] == pieces

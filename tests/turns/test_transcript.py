"""The message that a turn adds up to, event by event."""

import copy
from typing import Any

import pytest

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
from app.turns.transcript import Transcript

CALL = ToolInputAvailable("call_1", "weather", {"city": "Oslo"})
CALLED = {
    "type": "tool-weather",
    "toolCallId": "call_1",
    "state": "input-available",
    "input": {"city": "Oslo"},
}


def _parts(*events: Event) -> list[dict[str, Any]]:
    transcript = Transcript("msg-1")
    for event in events:
        transcript.add(event)
    parts: list[dict[str, Any]] = transcript.message()["parts"]
    return parts


def test_a_text_turn_is_one_message_with_its_steps_and_its_facts() -> None:
    transcript = Transcript("msg-1")

    for event in (
        Start("msg-1", {"model": "m"}),
        StepStart(),
        TextDelta("Hel"),
        TextDelta("lo"),
        StepEnd("stop", Usage(3, 2)),
        Metadata({"rating": 5}),
        Finish("stop", Usage(3, 2), {"durationMs": 7}),
    ):
        transcript.add(event)

    assert transcript.message() == {
        "id": "msg-1",
        "role": "assistant",
        "parts": [
            {"type": "step-start"},
            {"type": "text", "text": "Hello", "state": "done"},
        ],
        "metadata": {"model": "m", "rating": 5, "durationMs": 7},
    }
    assert transcript.text == "Hello"


def test_a_turn_that_never_began_is_an_empty_message_with_its_id() -> None:
    transcript = Transcript("msg-1")

    assert transcript.message() == {"id": "msg-1", "role": "assistant", "parts": []}
    assert transcript.text == ""


def test_the_text_may_be_read_while_it_grows() -> None:
    transcript = Transcript("msg-1")

    transcript.add(TextDelta("Hel"))
    first = transcript.text
    transcript.add(StepStart())
    transcript.add(TextDelta("lo"))

    assert (first, transcript.text) == ("Hel", "Hello")


def test_text_and_reasoning_that_alternate_are_parts_of_their_own() -> None:
    parts = _parts(ReasoningDelta("Hm"), ReasoningDelta("m."), TextDelta("So"), ReasoningDelta("?"))

    assert parts == [
        {"type": "reasoning", "text": "Hmm.", "state": "done"},
        {"type": "text", "text": "So", "state": "done"},
        {"type": "reasoning", "text": "?", "state": "done"},
    ]


def test_the_proof_of_reasoning_is_kept_with_it() -> None:
    parts = _parts(
        ReasoningDelta("Hm"), ReasoningSignature("sig"), ReasoningRedacted("x9"), TextDelta("So")
    )

    assert parts[0]["providerMetadata"] == {"deltaline": {"signature": "sig"}}
    assert parts[1] == {
        "type": "reasoning",
        "text": "",
        "state": "done",
        "providerMetadata": {"deltaline": {"redactedData": "x9"}},
    }


@pytest.mark.parametrize("before", [(), (TextDelta("So"),)])
def test_a_proof_without_reasoning_is_dropped(before: tuple[Event, ...]) -> None:
    assert _parts(*before, ReasoningSignature("sig")) == _parts(*before)


@pytest.mark.parametrize(
    ("events", "changes"),
    [
        ([], {}),
        (
            [ToolOutputAvailable("call_1", {"tempC": 3})],
            {"state": "output-available", "output": {"tempC": 3}},
        ),
        (
            [
                ToolOutputAvailable("call_1", {"tempC": None}, preliminary=True),
                ToolOutputAvailable("call_1", {"tempC": 3}),
            ],
            {"state": "output-available", "output": {"tempC": 3}},
        ),
        ([ToolOutputError("call_1", "No.")], {"state": "output-error", "errorText": "No."}),
        ([ToolOutputDenied("call_1")], {"state": "output-denied"}),
        (
            [ToolApprovalRequest("ask_1", "call_1")],
            {"state": "approval-requested", "approval": {"id": "ask_1"}},
        ),
    ],
)
def test_a_call_is_one_part_that_changes_its_state(
    events: list[Event], changes: dict[str, Any]
) -> None:
    assert _parts(CALL, *events) == [{**CALLED, **changes}]


def test_a_call_of_the_models_own_side_says_so() -> None:
    (part,) = _parts(ToolInputAvailable("call_1", "search", {}, "provider"))

    assert part["providerExecuted"] is True


def test_arguments_that_cannot_be_used_are_a_failed_call() -> None:
    assert _parts(ToolInputError("call_1", "weather", '{"ci', "Not JSON.")) == [
        {
            "type": "tool-weather",
            "toolCallId": "call_1",
            "state": "output-error",
            "input": '{"ci',
            "errorText": "Not JSON.",
        }
    ]


def test_the_answer_to_a_call_of_an_earlier_turn_is_not_part_of_this_message() -> None:
    assert _parts(ToolOutputAvailable("call_0", 1), ToolOutputDenied("call_9")) == []


def test_sources_files_and_data_are_parts() -> None:
    parts = _parts(
        Source("s1", url="https://example.com", title="Example"),
        Source("s2", url="https://example.org"),
        File("image/png", "data:image/png;base64,AA=="),
        Data("note", 1),
        Data("note", 2),
    )

    assert parts == [
        {
            "type": "source-url",
            "sourceId": "s1",
            "url": "https://example.com",
            "title": "Example",
        },
        {"type": "source-url", "sourceId": "s2", "url": "https://example.org"},
        {"type": "file", "mediaType": "image/png", "url": "data:image/png;base64,AA=="},
        {"type": "data-note", "data": 1},
        {"type": "data-note", "data": 2},
    ]


def test_data_with_an_id_replaces_what_had_it() -> None:
    parts = _parts(
        Data("weather", "loading", id="w1"),
        Data("weather", "other", id="w2"),
        Data("note", "same id, other kind", id="w1"),
        Data("weather", "sunny", id="w1"),
    )

    assert parts == [
        {"type": "data-weather", "id": "w1", "data": "sunny"},
        {"type": "data-weather", "id": "w2", "data": "other"},
        {"type": "data-note", "id": "w1", "data": "same id, other kind"},
    ]


def test_what_is_only_progress_leaves_no_trace() -> None:
    parts = _parts(
        ToolInputStart("call_1", "weather"),
        ToolInputDelta("call_1", '{"ci'),
        Status("Looking"),
        Data("status", "working", transient=True),
    )

    assert parts == []


def test_a_document_is_the_part_that_clients_keep_of_it() -> None:
    assert _parts(Source("s1", title="A document", media_type="application/pdf")) == [
        {
            "type": "source-document",
            "sourceId": "s1",
            "mediaType": "application/pdf",
            "title": "A document",
        }
    ]


def test_metadata_is_merged_deeply_as_clients_do_it() -> None:
    transcript = Transcript("msg-1")

    for value in ({"a": {"b": 1}, "c": 1}, {"a": {"d": 2}, "c": {"e": 3}}):
        transcript.add(Metadata(value))

    assert transcript.message()["metadata"] == {"a": {"b": 1, "d": 2}, "c": {"e": 3}}


def test_a_turn_that_fails_keeps_what_was_said() -> None:
    transcript = Transcript("msg-1")
    error = Error("provider_error", "It broke.")

    for event in (
        Start("msg-1"),
        StepStart(),
        StepEnd("tool-calls", Usage(3, 2)),
        StepStart(),
        StepEnd("tool-calls", Usage(5, 1)),
        StepStart(),
        TextDelta("Hal"),
        error,
    ):
        transcript.add(event)

    assert transcript.text == "Hal"
    assert [part["type"] for part in transcript.parts] == ["step-start"] * 3 + ["text"]


def test_a_turn_that_was_stopped_keeps_what_was_said() -> None:
    transcript = Transcript("msg-1")

    for event in (Start("msg-1"), StepStart(), TextDelta("Hal"), Abort()):
        transcript.add(event)

    assert transcript.text == "Hal"


def test_what_comes_between_two_deltas_does_not_part_the_text() -> None:
    source = Source("s1", url="https://example.com")

    parts = _parts(
        StepStart(), TextDelta("a"), Status("Looking"), source, TextDelta("b"), Metadata({"x": 1})
    )

    assert [part["type"] for part in parts] == ["step-start", "text", "source-url"]
    assert parts[1]["text"] == "ab"


def test_a_proof_belongs_to_the_reasoning_that_it_interrupts() -> None:
    parts = _parts(ReasoningDelta("Hm"), Data("note", 1), ReasoningSignature("sig"))

    assert parts[0]["providerMetadata"] == {"deltaline": {"signature": "sig"}}


def test_a_proof_does_not_replace_another() -> None:
    (part,) = _parts(ReasoningRedacted("x9"), ReasoningSignature("sig"))

    assert part["providerMetadata"] == {"deltaline": {"redactedData": "x9"}}


def test_a_call_stands_where_its_first_argument_came() -> None:
    def call(call_id: str) -> ToolInputAvailable:
        return ToolInputAvailable(call_id, "weather", {})

    parts = _parts(
        ToolInputStart("c1", "weather"),
        ToolInputStart("c2", "weather"),
        TextDelta("Wait."),
        ToolInputStart("c3", "weather"),
        call("c2"),
        call("c4"),
        call("c1"),
        call("c3"),
    )

    assert [part.get("toolCallId", "text") for part in parts] == ["c1", "c2", "text", "c3", "c4"]


def test_a_preliminary_output_is_none_once_the_call_has_failed() -> None:
    assert _parts(
        CALL, ToolOutputAvailable("call_1", 1, True), ToolOutputError("call_1", "No.")
    ) == [{**CALLED, "state": "output-error", "errorText": "No."}]


EARLIER: dict[str, Any] = {
    "id": "msg-1",
    "role": "assistant",
    "parts": [
        {"type": "step-start"},
        {"type": "text", "text": "Let me see. ", "state": "done"},
        {**CALLED, "state": "approval-responded", "approval": {"id": "ask", "approved": True}},
        {"type": "data-weather", "id": "w1", "data": "loading"},
    ],
    "metadata": {"usage": {"inputTokens": 1}, "model": "m"},
}


def test_a_continued_message_is_whole() -> None:
    before = copy.deepcopy(EARLIER)
    transcript = Transcript("msg-1", EARLIER)

    for event in (
        Start("msg-1"),
        ToolOutputAvailable("call_1", {"tempC": 3}),
        StepStart(),
        TextDelta("It is 3 °C."),
        Data("weather", "cold", id="w1"),
        StepEnd("stop"),
        Finish("stop", Usage(), {"usage": {"inputTokens": 9}}),
    ):
        transcript.add(event)

    assert transcript.message() == {
        **EARLIER,
        "parts": [
            *EARLIER["parts"][:2],
            {**EARLIER["parts"][2], "state": "output-available", "output": {"tempC": 3}},
            {"type": "data-weather", "id": "w1", "data": "cold"},
            {"type": "step-start"},
            {"type": "text", "text": "It is 3 °C.", "state": "done"},
        ],
        "metadata": {"usage": {"inputTokens": 9}, "model": "m"},
    }
    assert transcript.text == "It is 3 °C."
    assert before == EARLIER


def test_a_continuation_that_says_nothing_leaves_the_message_as_it_was() -> None:
    assert Transcript("msg-1", EARLIER).message() == EARLIER


def test_a_continued_message_may_hold_anything() -> None:
    odd = {"type": "of-tomorrow", "toolCallId": ["no", "id"]}

    assert Transcript("m", {"parts": [odd]}).message()["parts"] == [odd]


def test_what_a_turn_has_said_is_told_apart_from_what_was_there() -> None:
    earlier = {"parts": [{"type": "text", "text": "Before."}]}
    transcript = Transcript("m", earlier)
    transcript.add(StepStart())
    transcript.add(TextDelta("Now."))

    said = transcript.said()
    transcript.add(TextDelta(" And then."))

    text = {"type": "text", "text": "Now.", "state": "done"}
    assert said == [{"type": "step-start"}, text]

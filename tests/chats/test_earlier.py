"""`app.chats.earlier`: a stored message as the events that make it."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.chats.earlier import earlier_events, owed_calls
from app.events import (
    Data,
    Event,
    File,
    ReasoningDelta,
    ReasoningRedacted,
    ReasoningSignature,
    Source,
    Start,
    StepEnd,
    StepStart,
    TextDelta,
    ToolApprovalRequest,
    ToolInputAvailable,
    ToolInputError,
    ToolOutputAvailable,
    ToolOutputDenied,
    ToolOutputError,
)
from app.protocols.framing import Framer
from app.protocols.ui_message_stream import UIMessageStreamEncoder
from app.turns.transcript import Transcript
from tests.chats.stored import STEP, answer, call, said
from tests.protocols.test_every_encoder import turns

INPUT = {"of": 3}
DENIED = {"id": "ask", "approved": False}
APPROVED = {"id": "ask", "approved": True}


def events_of(*parts: object) -> list[Event]:
    """Return the events between the beginning of the message and its end."""
    start, *rest = earlier_events(answer("a1", *parts))
    assert start == Start("a1")
    return rest


def made(executor: Any = "server", tool_input: Any = INPUT) -> ToolInputAvailable:
    return ToolInputAvailable("c1", "pick", tool_input, executor)


def test_a_message_begins_with_its_id_and_its_facts() -> None:
    assert earlier_events(answer("a1", STEP, metadata={"model": "m"}))[0] == Start(
        "a1", {"model": "m"}
    )


def test_each_step_has_its_end() -> None:
    done = call("output-available", output=1)

    assert events_of(STEP, said("Let me see."), done, STEP, said("Two.")) == [
        StepStart(),
        TextDelta("Let me see."),
        made(),
        ToolOutputAvailable("c1", 1),
        StepEnd("tool-calls"),
        StepStart(),
        TextDelta("Two."),
        StepEnd("stop"),
    ]


@pytest.mark.parametrize(
    ("part", "events"),
    [
        (said(""), []),
        ({"type": "reasoning", "text": "Hm."}, [ReasoningDelta("Hm.")]),
        ({"type": "reasoning", "text": ""}, []),
        (
            {
                "type": "reasoning",
                "text": "Hm.",
                "providerMetadata": {"deltaline": {"signature": "s"}},
            },
            [ReasoningDelta("Hm."), ReasoningSignature("s")],
        ),
        (
            {
                "type": "reasoning",
                "text": "",
                "providerMetadata": {"deltaline": {"redactedData": "x"}},
            },
            [ReasoningRedacted("x")],
        ),
        (
            {"type": "file", "mediaType": "image/png", "url": "https://a.b/c"},
            [File("image/png", "https://a.b/c")],
        ),
        (
            {"type": "source-url", "sourceId": "s", "url": "https://a.b"},
            [Source("s", url="https://a.b")],
        ),
        (
            {"type": "source-document", "sourceId": "s", "mediaType": "text/plain", "title": "T"},
            [Source("s", title="T", media_type="text/plain")],
        ),
        ({"type": "data-chart", "id": "d", "data": [1]}, [Data("chart", [1], "d")]),
        ({"type": "steering", "what": "ever"}, []),
        (call("input-available"), [made("client")]),
        (call("input-streaming"), []),
        (
            call("output-available", output=1, providerExecuted=True),
            [made("provider"), ToolOutputAvailable("c1", 1)],
        ),
        (call("output-error", errorText="No."), [made(), ToolOutputError("c1", "No.")]),
        (
            call("output-error", input="{bro", errorText="No."),
            [ToolInputError("c1", "pick", "{bro", "No.")],
        ),
        (
            {**call("output-denied", approval=DENIED), "type": "dynamic-tool", "toolName": "pick"},
            [made(), ToolApprovalRequest("ask", "c1"), ToolOutputDenied("c1")],
        ),
        (call("output-denied"), [made(), ToolOutputDenied("c1")]),
        (
            call("approval-requested", approval={"id": "ask"}),
            [made("client"), ToolApprovalRequest("ask", "c1")],
        ),
    ],
)
def test_each_part_has_its_events(part: Any, events: Sequence[Event]) -> None:
    found = events_of(STEP, part)

    assert found[:-1] == [StepStart(), *events]
    assert isinstance(found[-1], StepEnd)


def test_arguments_that_older_clients_keep_apart_are_found() -> None:
    part = {k: v for k, v in call("output-error", rawInput="{bro").items() if k != "input"}

    assert events_of(STEP, part)[1] == ToolInputError("c1", "pick", "{bro", "")


@pytest.mark.parametrize(
    ("part", "events"),
    [
        (call("approval-responded", approval=APPROVED), [made()]),
        (call("approval-responded", approval=DENIED), [made(), ToolApprovalRequest("ask", "c1")]),
    ],
)
def test_the_last_step_stays_open_for_the_results_of_calls_with_a_reply(
    part: Any, events: Sequence[Event]
) -> None:
    unanswered = call("approval-requested", "c2", approval={"id": "other"})

    found = events_of(STEP, part, unanswered)

    assert found == [
        StepStart(),
        *events,
        ToolInputAvailable("c2", "pick", INPUT, "client"),
        ToolApprovalRequest("other", "c2"),
    ]
    assert owed_calls(found) == {"c1": "pick"}


def test_a_reply_in_an_earlier_step_came_too_late() -> None:
    late = call("approval-responded", approval=APPROVED)

    found = events_of(STEP, late, STEP, said("Well."))

    assert found[1:4] == [made("client"), ToolApprovalRequest("ask", "c1"), StepEnd("tool-calls")]
    assert owed_calls(found) == {}


def test_a_message_without_steps_gets_one_where_it_needs_one() -> None:
    chart = {"type": "data-chart", "data": 1}

    assert events_of(chart, said("Hi")) == [
        Data("chart", 1),
        StepStart(),
        TextDelta("Hi"),
        StepEnd("stop"),
    ]


@given(turns())
def test_any_message_of_a_turn_is_made_again_by_its_events(turn: Sequence[Event]) -> None:
    stored = _message(turn)

    again = _message(earlier_events(stored))

    assert _comparable(again) == _comparable(stored)


@given(turns(), st.sampled_from(["finish", "abort"]))
def test_the_events_of_any_message_are_in_order(turn: Sequence[Event], end: str) -> None:
    framer = Framer(UIMessageStreamEncoder())

    framer.frame(earlier_events(_message(turn)))


def _message(events: Sequence[Event]) -> dict[str, Any]:
    """Return the message of a turn that was sent."""
    framer = Framer(UIMessageStreamEncoder())
    transcript = Transcript("m")
    framer.observe(transcript.add)
    framer.frame(events)
    return transcript.message()


def _comparable(message: dict[str, Any]) -> Any:
    """Return the message as JSON, its texts joined: a proof of no reasoning may part them."""
    parts: list[dict[str, Any]] = []
    for part in message["parts"]:
        last = parts[-1] if parts else {"type": "none"}
        is_same = part["type"] == last["type"] in ("text", "reasoning")
        if is_same and "providerMetadata" not in last:
            parts[-1] = {**part, "text": last["text"] + part["text"]}
        else:
            parts.append(part)
    return json.dumps({**message, "parts": parts}, sort_keys=True)

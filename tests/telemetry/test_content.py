"""What was said, as the conventions want it on a span."""

import json
from typing import Any

import pytest

from app.events import FinishReason
from app.messages import (
    FilePart,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolOutputPart,
    ToolSpec,
)
from app.telemetry import content

SYSTEM = Message("system", (TextPart("Be kind."),))


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        (TextPart("Hi"), {"type": "text", "content": "Hi"}),
        (ReasoningPart("Hm.", "signed"), {"type": "reasoning", "content": "Hm."}),
        (
            ToolCallPart("c1", "add", {"a": 1}),
            {"type": "tool_call", "id": "c1", "name": "add", "arguments": {"a": 1}},
        ),
        (
            ToolOutputPart("c1", "add", [2]),
            {"type": "tool_call_response", "id": "c1", "response": [2]},
        ),
        (
            FilePart("image/png", "https://a.example/x.png"),
            {
                "type": "uri",
                "mime_type": "image/png",
                "modality": "image",
                "uri": "https://a.example/x.png",
            },
        ),
        (
            FilePart("application/pdf", "data:application/pdf;base64,AAAA"),
            {"type": "file", "mime_type": "application/pdf"},
        ),
    ],
)
def test_each_part_has_its_form(part: Part, shown: dict[str, Any]) -> None:
    told = content.input_messages([SYSTEM, Message("user", (part,))])

    assert json.loads(told) == [{"role": "user", "parts": [shown]}]


def test_the_system_speaks_apart() -> None:
    assert json.loads(content.instructions([SYSTEM])) == [{"type": "text", "content": "Be kind."}]
    assert content.instructions([Message("user", (TextPart("Hi"),))]) == ""


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("stop", "stop"),
        ("tool-calls", "tool_call"),
        ("content-filter", "content_filter"),
        ("other", "stop"),
        (None, "error"),
    ],
)
def test_an_answer_says_why_it_ended(reason: FinishReason | None, shown: str) -> None:
    (told,) = json.loads(content.output_messages(Message("assistant", ()), reason))

    assert told == {"role": "assistant", "parts": [], "finish_reason": shown}


def test_tools_are_defined() -> None:
    (told,) = json.loads(content.tool_definitions([ToolSpec("add", "Add.", {"type": "object"})]))

    assert told == {
        "type": "function",
        "name": "add",
        "description": "Add.",
        "parameters": {"type": "object"},
    }


def test_half_a_character_is_no_failure() -> None:
    assert "\\ud800" in content.json_text({"text": "\ud800"})

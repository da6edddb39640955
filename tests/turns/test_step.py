"""What a step leaves for the history of the next one."""

import pytest

from app.events import (
    Event,
    ReasoningDelta,
    ReasoningRedacted,
    ReasoningSignature,
    Source,
    TextDelta,
    ToolInputAvailable,
    ToolInputError,
)
from app.messages import Part, ReasoningPart, TextPart, ToolCallPart
from app.turns.step import StepRecord

CALL = ToolInputAvailable("c", "t", {"x": 1})


@pytest.mark.parametrize(
    ("events", "parts"),
    [
        (
            [TextDelta("a"), TextDelta("b"), CALL],
            [TextPart("ab"), ToolCallPart("c", "t", {"x": 1})],
        ),
        (
            [ReasoningDelta("r"), TextDelta("a"), ReasoningDelta("s"), TextDelta("b")],
            [ReasoningPart("r"), TextPart("a"), ReasoningPart("s"), TextPart("b")],
        ),
        (
            [ReasoningDelta("r"), ReasoningSignature("proof"), TextDelta("a")],
            [ReasoningPart("r", "proof"), TextPart("a")],
        ),
        ([ReasoningSignature("proof")], [ReasoningPart("", "proof")]),
        (
            [TextDelta("a"), ReasoningDelta("r"), ReasoningRedacted("d")],
            [TextPart("a"), ReasoningPart("r"), ReasoningPart("", redacted="d")],
        ),
        ([ToolInputError("c", "t", "not json", "No.")], [ToolCallPart("c", "t", "not json")]),
        ([ToolInputAvailable("c", "search", {}, "provider"), Source("s", url="u")], []),
    ],
)
def test_a_step_is_kept_in_its_order(events: list[Event], parts: list[Part]) -> None:
    record = StepRecord(keeps_text=True)

    for event in events:
        record.add([event])

    message = record.message()
    assert message.role == "assistant"
    assert list(message.parts) == parts


def test_without_a_next_step_no_text_is_kept_but_calls_are() -> None:
    record = StepRecord(keeps_text=False)

    record.add([TextDelta("a"), ReasoningDelta("r"), CALL])

    assert list(record.message().parts) == [ToolCallPart("c", "t", {"x": 1})]

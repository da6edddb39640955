"""What the model said and which calls it made in one step, for the history of the next step.

A step's events are sent as they come; this keeps what the model has to see again.
"""

from collections.abc import Sequence
from typing import assert_never

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
)
from app.growing_text import GrowingText
from app.messages import Message, Part, ReasoningPart, TextPart, ToolCallPart


class StepRecord:
    """Collects one step.

    Args:
        keeps_text: whether text is kept. Without tools no step follows, so nothing is kept and an
            answer of any length costs no memory.
    """

    __slots__ = ("_keeps_text", "_parts", "_reasoning", "_text")

    def __init__(self, *, keeps_text: bool) -> None:
        self._keeps_text = keeps_text
        self._parts: list[Part] = []
        self._text = GrowingText()
        self._reasoning = GrowingText()

    def add(self, events: Sequence[Event]) -> None:
        """Add the events of one network read."""
        for event in events:
            if type(event) is TextDelta:  # a pattern takes several times as long
                if self._keeps_text:
                    if self._reasoning:
                        self._end_reasoning()
                    self._text.append(event.text)
                continue
            match event:
                case ReasoningDelta(text):
                    if self._keeps_text:
                        self._end_text()
                        self._reasoning.append(text)
                case ReasoningSignature(signature):
                    self._end_reasoning(signature=signature)
                case ReasoningRedacted(data):
                    self._end_text()
                    self._end_reasoning()
                    self._parts.append(ReasoningPart("", redacted=data))
                case ToolInputAvailable(call_id, tool_name, tool_input, executor):
                    if executor != "provider":
                        self._call(ToolCallPart(call_id, tool_name, tool_input))
                case ToolInputError(call_id, tool_name, tool_input):
                    self._call(ToolCallPart(call_id, tool_name, tool_input))
                case (
                    # Of a call the whole is kept.
                    (ToolInputDelta() | ToolInputStart() | ToolApprovalRequest())
                    # The history has results in a message of their own.
                    | (ToolOutputAvailable() | ToolOutputError() | ToolOutputDenied())
                    # These are for the user, not for the model.
                    | (Status() | Source() | File() | Data() | Metadata())
                    | (Start() | StepStart() | StepEnd() | Finish() | Abort() | Error())
                ):
                    pass
                case _:
                    assert_never(event)

    def message(self) -> Message:
        """Return the step as an assistant message for the next step's history."""
        self._end_reasoning()
        self._end_text()
        return Message("assistant", tuple(self._parts))

    def _call(self, part: ToolCallPart) -> None:
        self._end_reasoning()
        self._end_text()
        self._parts.append(part)

    def _end_text(self) -> None:
        if self._text:
            self._parts.append(TextPart(str(self._text)))
            self._text.clear()

    def _end_reasoning(self, signature: str | None = None) -> None:
        if self._reasoning or signature is not None:
            self._parts.append(ReasoningPart(str(self._reasoning), signature))
            self._reasoning.clear()

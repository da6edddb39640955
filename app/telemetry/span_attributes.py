"""What a span says about a call to the model; does no I/O. Unknown values are left out."""

from typing import Any

from app.events import FinishReason
from app.messages import StepRequest
from app.telemetry import content
from app.telemetry import conventions as names
from app.tracing import StepOutcome
from app.turns.turn import TurnRequest


def request_attributes(request: TurnRequest | StepRequest) -> dict[str, Any]:
    """Return what a turn, or a step, asks of the model."""
    attributes = {
        names.MAX_TOKENS: request.max_output_tokens,
        names.TEMPERATURE: request.temperature,
        names.OUTPUT_TYPE: None if request.response_schema is None else "json",
    }
    return {name: value for name, value in attributes.items() if value is not None}


def finish_reason(reason: FinishReason) -> str:
    """Return why an answer ended in the words of OpenAI's API, as the conventions' examples do."""
    return reason.replace("-", "_")


def asked(request: StepRequest) -> dict[str, str]:
    """Return the content of what the model is asked."""
    attributes = {
        names.SYSTEM_INSTRUCTIONS: content.instructions(request.messages),
        names.INPUT_MESSAGES: content.input_messages(request.messages),
        names.TOOL_DEFINITIONS: content.tool_definitions(request.tools) if request.tools else "",
    }
    return {name: text for name, text in attributes.items() if text}


def answered(outcome: StepOutcome) -> dict[str, Any]:
    """Return what the model said of its answer, and the answer where content is wanted."""
    usage, reason, output = outcome.usage, outcome.finish_reason, outcome.output
    told = {
        names.FINISH_REASONS: None if reason is None else [finish_reason(reason)],
        names.FIRST_CHUNK: outcome.first_chunk_s,
        names.INPUT_TOKENS: usage.input_tokens,
        names.OUTPUT_TOKENS: usage.output_tokens,
        names.CACHE_READ_TOKENS: usage.cached_input_tokens,
        names.REASONING_TOKENS: usage.reasoning_tokens,
        names.OUTPUT_MESSAGES: (
            None if output is None else content.output_messages(output, reason)
        ),
    }
    return {name: value for name, value in told.items() if value is not None}

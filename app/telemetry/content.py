"""What was said, as the spans of those have it who ask for content; does no I/O.

Source: open-telemetry/semantic-conventions v1.41.0, docs/gen-ai/gen-ai-input-messages.json and
gen-ai-output-messages.json.
"""

from collections.abc import Sequence
from typing import Any, assert_never

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
from app.protocols.json_text import dumps

_REASONS = {
    "length": "length",
    "content-filter": "content_filter",
    "tool-calls": "tool_call",
    "error": "error",
}
# How a file says what it is: the first half of its media type.
_MODALITIES = ("image", "video", "audio")


def json_text(value: Any) -> str:
    """Return ``value``, which is JSON, as text: a span holds no objects."""
    return dumps(value).decode("utf-8", "replace")


def instructions(messages: Sequence[Message]) -> str:
    """Return what the system says, apart from the conversation; "" if it says nothing."""
    parts = [
        _part(part) for message in messages if message.role == "system" for part in message.parts
    ]
    return json_text(parts) if parts else ""


def input_messages(messages: Sequence[Message]) -> str:
    """Return the conversation that the model is given."""
    told = [message for message in messages if message.role != "system"]
    return json_text([{"role": each.role, "parts": _parts(each)} for each in told])


def output_messages(message: Message, finish_reason: FinishReason | None) -> str:
    """Return what the model said, and why it ended; None: by an error."""
    reason = _REASONS.get(finish_reason or "error", "stop")
    return json_text([{"role": message.role, "parts": _parts(message), "finish_reason": reason}])


def tool_definitions(tools: Sequence[ToolSpec]) -> str:
    """Return the tools that the model may call."""
    return json_text(
        [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
            }
            for tool in tools
        ]
    )


def _parts(message: Message) -> list[dict[str, Any]]:
    return [_part(part) for part in message.parts]


def _part(part: Part) -> dict[str, Any]:
    match part:
        case TextPart(text):
            return {"type": "text", "content": text}
        case ReasoningPart(text):
            return {"type": "reasoning", "content": text}
        case ToolCallPart(call_id, name, arguments):
            return {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}
        case ToolOutputPart(call_id, _, output):
            return {"type": "tool_call_response", "id": call_id, "response": output}
        case FilePart(media_type, url):
            modality = media_type.partition("/")[0]
            about = {"mime_type": media_type} | (
                {"modality": modality} if modality in _MODALITIES else {}
            )
            if url.startswith("data:"):
                # Its bytes would be the largest part of a trace by far, and say least.
                return {"type": "file", **about}
            return {"type": "uri", **about, "uri": url}
        case _:
            assert_never(part)

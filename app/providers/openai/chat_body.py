"""A `StepRequest` → the body of ``POST /chat/completions``.

Source: openai-python 3.52, types/chat/completion_create_params.py.

What the API has no place for is left out: reasoning (most servers refuse or ignore it in a
request) and files that the model made. A file that is not an image is sent as its content; if only
its address is known, the model gets the address as text.
"""

from collections.abc import Iterable
from typing import Literal, TypeAlias, assert_never
from urllib.parse import urlsplit

from app.messages import (
    FilePart,
    Message,
    StepRequest,
    ToolCallPart,
    ToolOutputPart,
    ToolSpec,
)
from app.providers.openai.message_parts import (
    JsonObject,
    arguments_of,
    filename_of,
    joined_text,
    output_of,
    user_content,
)
from app.providers.openai.request_json import to_json

# Many compatible servers know only the older name (Ollama, Mistral); OpenAI's reasoning models
# refuse it.
MaxTokensField: TypeAlias = Literal["max_completion_tokens", "max_tokens"]


def max_tokens_field(base_url: str | None) -> MaxTokensField:
    """Return the field that the server at ``base_url`` knows (None: OpenAI's own server)."""
    host = urlsplit(base_url).hostname or "" if base_url else "api.openai.com"
    ours = host == "api.openai.com" or host.endswith((".api.openai.com", ".openai.azure.com"))
    return "max_completion_tokens" if ours else "max_tokens"


def chat_body(
    request: StepRequest, *, max_tokens: MaxTokensField = "max_completion_tokens"
) -> bytes:
    """Return the JSON text of a streaming request. Lone surrogates become U+FFFD.

    Args:
        max_tokens: the field for ``max_output_tokens`` (see `max_tokens_field`).
    """
    body: JsonObject = {
        "model": request.model,
        "messages": [item for message in request.messages for item in _messages(message)],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.max_output_tokens is not None:
        body[max_tokens] = request.max_output_tokens
    if request.response_schema is not None:
        # Not "strict", which refuses all but a subset of JSON Schema.
        name, schema = request.response_schema
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": name, "schema": schema},
        }
    return to_json(body)


def _messages(message: Message) -> Iterable[JsonObject]:
    parts = message.parts
    match message.role:
        case "system":
            yield {"role": "system", "content": joined_text(parts)}
        case "user":
            yield {"role": "user", "content": user_content(parts, "text", _file)}
        case "assistant":
            text = joined_text(parts, "")  # one text, cut into parts by steps and tools
            calls = [_tool_call(part) for part in parts if isinstance(part, ToolCallPart)]
            if calls:
                yield {"role": "assistant", "content": text or None, "tool_calls": calls}
            elif text:
                yield {"role": "assistant", "content": text}
        case "tool":
            for part in parts:
                if isinstance(part, ToolOutputPart):
                    yield _tool_output(part)
        case _:
            assert_never(message.role)


def _file(part: FilePart) -> JsonObject:
    if part.media_type.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": part.url}}
    if not part.url.startswith("data:"):
        name = part.filename or "file"
        return {"type": "text", "text": f"Attached {name} ({part.media_type}): {part.url}"}
    return {"type": "file", "file": {"filename": filename_of(part), "file_data": part.url}}


def _tool_call(part: ToolCallPart) -> JsonObject:
    function = {"name": part.tool_name, "arguments": arguments_of(part)}
    return {"id": part.tool_call_id, "type": "function", "function": function}


def _tool_output(part: ToolOutputPart) -> JsonObject:
    return {"role": "tool", "tool_call_id": part.tool_call_id, "content": output_of(part)}


def _tool(tool: ToolSpec) -> JsonObject:
    function: JsonObject = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
    }
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}

"""A `StepRequest` → the body of ``POST /chat/completions``.

Source: openai-python 3.52, types/chat/completion_create_params.py.

What the API has no place for is left out: reasoning (most servers refuse or ignore it in a
request) and files that the model made. A file that is not an image is sent as its content; where we
only have its address, the model is told the address.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias, assert_never
from urllib.parse import urlsplit

from app.messages import (
    FilePart,
    Message,
    Part,
    StepRequest,
    TextPart,
    ToolCallPart,
    ToolOutputPart,
    ToolSpec,
)
from app.providers.openai.request_json import to_json

# The older name is the only one that many compatible servers know (Ollama, Mistral); OpenAI's
# reasoning models refuse it.
MaxTokensField: TypeAlias = Literal["max_completion_tokens", "max_tokens"]

_JSON: TypeAlias = dict[str, Any]


def max_tokens_field(base_url: str | None) -> MaxTokensField:
    """Return the name that the server at ``base_url`` knows (None: OpenAI's own)."""
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
    body: _JSON = {
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
        # Not "strict": that takes only a part of JSON Schema, and refuses the rest.
        name, schema = request.response_schema
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": name, "schema": schema},
        }
    return to_json(body)


def _messages(message: Message) -> Iterable[_JSON]:
    parts = message.parts
    match message.role:
        case "system":
            yield {"role": "system", "content": _text(parts, "\n")}
        case "user":
            yield {"role": "user", "content": _user_content(parts)}
        case "assistant":
            text = _text(parts, "")  # its parts are where steps and tools cut one text
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


def _text(parts: Sequence[Part], separator: str) -> str:
    return separator.join(part.text for part in parts if isinstance(part, TextPart))


def _user_content(parts: Sequence[Part]) -> str | list[_JSON]:
    if not any(isinstance(part, FilePart) for part in parts):
        return _text(parts, "\n")  # every server knows a plain string
    content: list[_JSON] = []
    for part in parts:
        if isinstance(part, TextPart):
            content.append({"type": "text", "text": part.text})
        elif isinstance(part, FilePart):
            content.append(_file(part))
    return content


def _file(part: FilePart) -> _JSON:
    if part.media_type.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": part.url}}
    if not part.url.startswith("data:"):
        name = part.filename or "file"
        return {"type": "text", "text": f"Attached {name} ({part.media_type}): {part.url}"}
    # The API wants a name, and reads the kind of file off its ending.
    filename = part.filename or f"file.{part.media_type.rpartition('/')[2]}"
    return {"type": "file", "file": {"filename": filename, "file_data": part.url}}


def _tool_call(part: ToolCallPart) -> _JSON:
    function = {"name": part.tool_name, "arguments": to_json(part.input).decode()}
    return {"id": part.tool_call_id, "type": "function", "function": function}


def _tool_output(part: ToolOutputPart) -> _JSON:
    output = part.output if isinstance(part.output, str) else to_json(part.output).decode()
    return {"role": "tool", "tool_call_id": part.tool_call_id, "content": output}


def _tool(tool: ToolSpec) -> _JSON:
    function: _JSON = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
    }
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}

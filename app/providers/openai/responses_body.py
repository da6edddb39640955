"""A `StepRequest` → the body of ``POST /responses``.

The provider stores nothing (``store: false``): the history is the client's, and each request brings
all of it. Reasoning goes back as the encrypted item that it came as (see `responses_proof`), but
only together with the item that it led to: the API refuses reasoning alone. Calls that the provider
ran and files that the model made are left out, since the text after them tells what they gave.

Source: openai-python 3.52, types/responses/response_create_params.py and
response_input_item_param.py.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, assert_never

from app.messages import (
    FilePart,
    Message,
    Part,
    ReasoningPart,
    StepRequest,
    TextPart,
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
from app.providers.openai.responses_proof import ReasoningProof, read_proof

BuiltinTool: TypeAlias = Literal["web_search", "code_interpreter", "image_generation"]
ReasoningSummary: TypeAlias = Literal["auto", "concise", "detailed"]

# Tools of the provider that need no more than their name.
BUILTIN_TOOLS: Mapping[BuiltinTool, Mapping[str, Any]] = {
    "web_search": {"type": "web_search"},
    "code_interpreter": {"type": "code_interpreter", "container": {"type": "auto"}},
    "image_generation": {"type": "image_generation"},
}

# What a tool of the provider tells only on request.
_INCLUDED = {
    "web_search": "web_search_call.action.sources",
    "web_search_preview": "web_search_call.action.sources",
    "code_interpreter": "code_interpreter_call.outputs",
    "file_search": "file_search_call.results",
}
# Any other model refuses a request for encrypted reasoning.
_REASONING_MODEL = re.compile(r"\b(?:o\d|gpt-(?:[5-9]|1\d)(?!.*\bchat\b)|gpt-oss)")


def responses_body(
    request: StepRequest,
    *,
    builtin_tools: Sequence[Mapping[str, Any]] = (),
    reasoning_summary: ReasoningSummary | None = None,
    with_reasoning: bool = True,
) -> bytes:
    """Return the JSON text of a streaming request. Lone surrogates become U+FFFD.

    Args:
        builtin_tools: tools of the provider, in the API's form.
        reasoning_summary: asks for a summary of the reasoning; models that do not reason refuse it.
        with_reasoning: whether encrypted reasoning is sent back and asked for.
    """
    include = [_INCLUDED[tool["type"]] for tool in builtin_tools if tool["type"] in _INCLUDED]
    if with_reasoning and _REASONING_MODEL.search(request.model):
        include.append("reasoning.encrypted_content")
    body: JsonObject = {
        "model": request.model,
        "input": [item for message in request.messages for item in _items(message, with_reasoning)],
        "stream": True,
        "store": False,
    }
    if include:
        body["include"] = include
    if request.tools or builtin_tools:
        body["tools"] = [*(_tool(tool) for tool in request.tools), *builtin_tools]
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.max_output_tokens is not None:
        body["max_output_tokens"] = request.max_output_tokens
    if reasoning_summary is not None:
        body["reasoning"] = {"summary": reasoning_summary}
    if request.response_schema is not None:
        # Not "strict", which refuses all but a subset of JSON Schema.
        name, schema = request.response_schema
        body["text"] = {
            "format": {"type": "json_schema", "name": name, "schema": schema, "strict": False}
        }
    return to_json(body)


def _items(message: Message, with_reasoning: bool) -> Iterable[JsonObject]:
    parts = message.parts
    match message.role:
        case "system":
            yield _message("system", joined_text(parts))
        case "user":
            yield _message("user", user_content(parts, "input_text", _file))
        case "assistant":
            yield from _assistant_items(parts, with_reasoning)
        case "tool":
            for part in parts:
                if isinstance(part, ToolOutputPart):
                    yield _tool_output(part)
        case _:
            assert_never(message.role)


def _message(role: str, content: str | list[JsonObject]) -> JsonObject:
    # llama.cpp refuses an assistant's message without its type, which OpenAI leaves to be guessed.
    return {"type": "message", "role": role, "content": content}


def _file(part: FilePart) -> JsonObject:
    if part.media_type.startswith("image/"):
        return {"type": "input_image", "detail": "auto", "image_url": part.url}
    if not part.url.startswith("data:"):
        return {"type": "input_file", "file_url": part.url}
    return {"type": "input_file", "filename": filename_of(part), "file_data": part.url}


def _assistant_items(parts: Sequence[Part], with_reasoning: bool) -> Iterable[JsonObject]:
    thought: JsonObject | None = None  # waits for the item that it led to
    for part in parts:
        match part:
            case ReasoningPart():
                proof = _proof(part) if with_reasoning else None
                thought = _reasoning(part, proof) if proof else None
                continue
            case TextPart(text) if text:
                # The short form of a message needs no id, and all servers know it.
                item: JsonObject = _message("assistant", text)
            case ToolCallPart():
                item = _tool_call(part)
            case _:
                continue
        if thought is not None:
            yield thought
            thought = None
        yield item


def _proof(part: ReasoningPart) -> ReasoningProof | None:
    text = part.signature or part.redacted
    return read_proof(text) if text else None


def _reasoning(part: ReasoningPart, proof: ReasoningProof) -> JsonObject:
    return {
        "type": "reasoning",
        "id": proof.id,
        "summary": [{"type": "summary_text", "text": part.text}] if part.text else [],
        "encrypted_content": proof.encrypted_content,
    }


def _tool_call(part: ToolCallPart) -> JsonObject:
    call = {"type": "function_call", "call_id": part.tool_call_id, "name": part.tool_name}
    return {**call, "arguments": arguments_of(part)}


def _tool_output(part: ToolOutputPart) -> JsonObject:
    call = {"type": "function_call_output", "call_id": part.tool_call_id}
    return {**call, "output": output_of(part)}


def _tool(tool: ToolSpec) -> JsonObject:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": tool.strict,  # the API takes an absent one for true
    }

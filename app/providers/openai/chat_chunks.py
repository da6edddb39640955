"""One chunk of an OpenAI chat completion stream: the fields that we read, and servers' variants.

    {"choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}],"usage":null}

Source: openai-python 3.52, types/chat/chat_completion_chunk.py; ``reasoning_content`` is DeepSeek's
and vLLM's, ``reasoning`` OpenRouter's, Groq's and Ollama's (their API pages, 2025).
"""

import json
from typing import Any

import msgspec

from app.providers.openai.token_counts import ChatTokenCounts

# Only the fields that we use, in the order of the wire: the decoder skips the rest, which is most
# of a chunk, and looks for each key after the previous one.


class Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class ToolCallDelta(msgspec.Struct, gc=False):
    index: int | None = None
    id: str | None = None
    function: Function | None = None


class UrlCitation(msgspec.Struct, gc=False):
    url: str | None = None
    title: str | None = None


class Annotation(msgspec.Struct, gc=False):
    url_citation: UrlCitation | None = None


class Delta(msgspec.Struct, gc=False):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCallDelta] | None = None
    function_call: Function | None = None  # the predecessor of tool_calls
    annotations: list[Annotation] | None = None  # of models that search the web


class Choice(msgspec.Struct, gc=False):
    index: int | None = None
    delta: Delta | None = None
    finish_reason: str | None = None


class Chunk(msgspec.Struct, gc=False):
    choices: list[Choice] | None = None
    usage: ChatTokenCounts | None = None
    error: Any = None


# Raises ValueError or RecursionError for data that `decode_variant` may still be able to read.
decode_chunk = msgspec.json.Decoder(Chunk).decode


def decode_variant(data: bytes) -> Chunk:
    """Read a chunk that `decode_chunk` refuses. If it is unreadable, the chunk's ``error`` says so.

    - Lone surrogates, which msgspec refuses, and bytes that are not UTF-8 (read as U+FFFD, as the
      standard of server-sent events demands).
    - Numbers in strings, and whole numbers with a fraction.
    - ``content`` as a list of parts, text and thinking (Mistral).
    - ``arguments`` as a JSON object instead of its text.
    - No data at all.
    """
    if not data:
        return Chunk()
    text = data.decode("utf-8", "replace")
    try:
        value = json.loads(text)
        for choice in _dicts(value, "choices"):
            if isinstance(delta := choice.get("delta"), dict):
                _straighten(delta)
        return msgspec.convert(value, Chunk, strict=False)
    except (ValueError, RecursionError) as error:
        return Chunk(error=f"malformed chunk ({error}): {text}")


def _straighten(delta: dict[str, Any]) -> None:
    if isinstance(delta.get("content"), list):
        parts = _dicts(delta, "content")
        thoughts = (thought for part in parts for thought in _dicts(part, "thinking"))
        delta["reasoning_content"] = _joined_text(thoughts)
        delta["content"] = _joined_text(parts)
    for holder in (delta, *_dicts(delta, "tool_calls")):
        function = holder.get("function" if holder is not delta else "function_call")
        if isinstance(function, dict) and isinstance(function.get("arguments"), dict):
            function["arguments"] = json.dumps(function["arguments"])


def _dicts(value: Any, key: str) -> list[dict[str, Any]]:
    """Return the objects in the list ``value[key]``, if there is such a list."""
    items = value.get(key) if isinstance(value, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _joined_text(parts: Any) -> str:
    return "".join(text for part in parts if isinstance(text := part.get("text"), str))

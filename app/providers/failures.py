"""A failure at the provider → one of our errors.

The provider's text goes into ``str(error)``, which is for our log only. Clients see the error's
``public_message``.

Sources: the OpenAI API's error object, ``{"error": {"message", "type", "param", "code"}}``
(platform.openai.com/docs/guides/error-codes, 2025), and the variants of vLLM 0.11, llama.cpp,
Groq and OpenRouter. LiteLLM's proxy (1.106) wraps what the server behind it said:
``litellm.ContextWindowExceededError: litellm.BadRequestError: … - request (9 tokens) exceeds the
available context size (8 tokens)``.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from app.errors import (
    ContextTooLong,
    InputNotSupported,
    ProviderError,
    ProviderModelNotFound,
    ProviderRateLimited,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnauthorized,
)

# How many bytes of an error's body are read, and how many characters of it are logged.
MAX_BODY_BYTES = 16 * 1024
_MAX_TEXT = 500

_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|ContextWindowExceeded|context window"
    r"|maximum context (?:length|limit)|context length is only|maximum model length"  # vLLM
    r"|exceed\w* (?:the |model |max\w* |available )*context (?:size|length|limit)"  # llama.cpp
    r"|longer than the model's context length"  # SGLang
    r"|tokens \+ `max_new_tokens` must be"  # text-generation-inference
    r"|exceeds the maximum number of tokens allowed|prompt is too long",  # Gemini, Anthropic
    re.IGNORECASE,
)
_NOT_READABLE = re.compile(
    r"image input is not supported"  # llama.cpp, and for other files:
    r"|unsupported content\[\]\.type|'input_file' is not supported"
    r"|not support (?:image|multimodal|file|vision)"  # Ollama
    r"|is not a multimodal model"  # vLLM
    r"|support image input|image_url is only supported by"  # OpenRouter, OpenAI
    r"|unknown variant `(?:image_url|file)`",  # DeepSeek
    re.IGNORECASE,
)
# LiteLLM's statuses for a model that it does not have, and for a key while it has no database.
_NO_MODEL = re.compile(r"Invalid model name passed in", re.IGNORECASE)
_NO_KEY = re.compile(r"\bno_db_connection\b")


def error_for_status(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Return the error for a response whose status is not 2xx.

    Args:
        headers: a case-insensitive mapping, or one with lower-case names.
        body: the first `MAX_BODY_BYTES` of the response's body.
    """
    try:
        value = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        value = body.decode("utf-8", "replace")
    error = value.get("error", value) if isinstance(value, dict) else value
    text = f"status {status}: {_describe(error)}"
    code = _code(error)
    if status in (400, 413, 422, 500) and _TOO_LONG.search(text):
        return ContextTooLong(text)
    if status in (400, 404, 413, 415, 422, 500, 501) and _NOT_READABLE.search(text):
        return InputNotSupported(text)
    if status == 404 or code == "model_not_found" or (status == 400 and _NO_MODEL.search(text)):
        return ProviderModelNotFound(text)
    if status == 429:
        return ProviderRateLimited(text, retry_after=headers.get("retry-after"))
    if status in (401, 403) or (status == 400 and _NO_KEY.search(text)):
        return ProviderUnauthorized(text)
    if status in (400, 413, 422):
        return ProviderRefused(text)
    if status in (408, 504):
        return ProviderTimeout(text)
    return ProviderError(text)


def error_in_stream(error: Any) -> ProviderError:
    """Return the error for an error object, or a text, inside the stream."""
    text = f"error in the stream: {_describe(error)}"
    code = _code(error)
    if code in ("429", "rate_limit_exceeded", "insufficient_quota"):
        return ProviderRateLimited(text)
    if _TOO_LONG.search(text):
        return ContextTooLong(text)
    if _NOT_READABLE.search(text):
        return InputNotSupported(text)
    return ProviderError(text)


def _code(error: Any) -> str:
    if not isinstance(error, dict):
        return ""
    code = error.get("code")
    return str(error.get("type", "") if code is None else code)


def _describe(error: Any) -> str:
    if isinstance(error, dict):
        named = (f"{key}={error[key]!r}" for key in ("type", "code", "param") if error.get(key))
        error = " ".join([*named, str(error.get("message", error.get("detail", "")))])
    text = str(error)
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"

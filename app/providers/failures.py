"""A failure at the provider → one of our errors.

Clients see the error's ``public_message``. The provider's text goes into ``str(error)``, masked; it
may repeat the conversation, so the log gets ``error.log_text``, which is what names the failure:
status, type, code, parameter, and the classes of exceptions that the text names. The text itself is
logged only where `LOGGER` is set to DEBUG, as ``CHAT_LOG_MODEL_ERRORS`` does.

Sources: the OpenAI API's error object, ``{"error": {"message", "type", "param", "code"}}``
(platform.openai.com/docs/guides/error-codes, 2025), and the variants of vLLM 0.11, llama.cpp,
Groq and OpenRouter. LiteLLM's proxy (1.106) wraps what the server behind it said:
``litellm.ContextWindowExceededError: litellm.BadRequestError: … - request (9 tokens) exceeds the
available context size (8 tokens)``.
"""

import logging
import math
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

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
from app.known_secrets import mask

LOGGER = "deltaline.provider"
logger = logging.getLogger(LOGGER)

# How many bytes of an error's body are read, for how many seconds, and how many characters of it
# are logged.
MAX_BODY_BYTES = 16 * 1024
ERROR_BODY_TIMEOUT_S = 5.0
_MAX_TEXT = 500
# Of one name in the log, and how many classes of exceptions.
_MAX_NAME = 100
_MAX_CLASSES = 3

# How the decoders begin a text about a chunk that they cannot read.
_MALFORMED = "malformed chunk"
_NAME = re.compile(r"[\w.:\[\]/-]*", re.ASCII)
_CLASS = re.compile(r"\b[A-Z][A-Za-z0-9]*(?:Error|Exception)\b")
# The longest wait that is handed on to our client, in seconds: a day.
_MAX_RETRY_AFTER_S = 86_400

_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_HOST_NAME = re.compile(r"[a-z0-9._:-]{1,253}")

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


def error_for_status(
    status: int, headers: Mapping[str, str], body: bytes, *, api_key: str | None = None
) -> ProviderError:
    """Return the error for a response whose status is not 2xx.

    Args:
        headers: a case-insensitive mapping, or one with lower-case names.
        body: of the response; only the first `MAX_BODY_BYTES` are looked at.
        api_key: what was sent with the request; some servers repeat it in the body.
    """
    body = body[:MAX_BODY_BYTES]
    if api_key:
        body = body.replace(api_key.encode(), b"[key]")
    if 300 <= status < 400:
        return ProviderError(_redirect(status, headers.get("location", "")))
    try:
        value = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        value = body.decode("utf-8", "replace")
    error = value.get("error", value) if isinstance(value, dict) else value
    failed = _error_for_status(status, headers, error)
    return _with_log_text(failed, f"status {status}", error)


def _error_for_status(status: int, headers: Mapping[str, str], error: Any) -> ProviderError:
    text = f"status {status}: {_describe(error)}"
    code = _code(error)
    if status in (400, 413, 422, 500) and _TOO_LONG.search(text):
        return ContextTooLong(text)
    if status in (400, 404, 413, 415, 422, 500, 501) and _NOT_READABLE.search(text):
        return InputNotSupported(text)
    if status == 404 or code == "model_not_found" or (status == 400 and _NO_MODEL.search(text)):
        return ProviderModelNotFound(text)
    if status == 429:
        return ProviderRateLimited(text, retry_after=_retry_after(headers))
    if status in (401, 403) or (status == 400 and _NO_KEY.search(text)):
        return ProviderUnauthorized(text)
    if status in (400, 413, 422):
        return ProviderRefused(text)
    if status in (408, 504):
        return ProviderTimeout(text)
    return ProviderError(text)


def _redirect(status: int, location: str) -> str:
    """Return the log's text for a redirect. Of the address only the host is named."""
    try:
        host = urlsplit(location).hostname or ""
    except ValueError:
        host = ""
    where = host if _HOST_NAME.fullmatch(host) else "another address"
    return (
        f"status {status}: the server redirects to {where}, which is not followed, since the "
        "conversation would go there; OPENAI_BASE_URL has to be the final address"
    )


def _retry_after(headers: Mapping[str, str]) -> str | None:
    """Return the ``Retry-After`` to hand on: whole seconds, or nothing.

    Anything else (a date, ``nan``, ``-5``, what is not Latin-1) is left out: our client cannot use
    it, or our server cannot send it.
    """
    text = headers.get("retry-after", "")
    if not _SECONDS.fullmatch(text):
        return None
    return str(min(math.ceil(float(text)), _MAX_RETRY_AFTER_S))


def compressed(coding: str) -> ProviderError:
    """Return the error for a body that is compressed."""
    return ProviderError(f"the response is compressed ({coding}), although identity was asked for")


def error_in_stream(error: Any) -> ProviderError:
    """Return the error for an error object, or a text, inside the stream."""
    return _with_log_text(_error_in_stream(error), "error in the stream", error)


def _error_in_stream(error: Any) -> ProviderError:
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
    text = mask(str(error))  # before it is cut: half a key is one too
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"


def _with_log_text(failed: ProviderError, beginning: str, error: Any) -> ProviderError:
    failed.log_text = ": ".join(filter(None, (beginning, _named(error))))
    logger.debug("the model's server says: %s", failed)
    return failed


def _named(error: Any) -> str:
    """Return what names the failure and cannot be text of the conversation."""
    named = []
    if isinstance(error, str) and error.startswith(_MALFORMED):
        named = [_MALFORMED]
    elif isinstance(error, dict):
        given = {key: str(error[key]) for key in ("type", "code", "param") if error.get(key)}
        named = [f"{key}={mask(value)!r}" for key, value in given.items() if _is_name(value)]
    classes = dict.fromkeys(_CLASS.findall(_describe(error)))
    return " ".join([*named, *(name[:_MAX_NAME] for name in tuple(classes)[:_MAX_CLASSES])])


def _is_name(value: str) -> bool:
    return len(value) <= _MAX_NAME and _NAME.fullmatch(value) is not None

"""A request body's bytes → a JSON value, within limits."""

import json
from math import isfinite
from typing import Any, NoReturn

import msgspec

from app.errors import BodyTooLarge, InvalidJson, UnsupportedMediaType
from app.requests.amount import too_many_values
from app.requests.value_count import MAX_VALUES, count_values

# The largest payload that Lambda accepts for one invocation.
DEFAULT_MAX_BYTES = 6 * 1024 * 1024

# Encoding a deeper value again could raise a RecursionError.
MAX_DEPTH = 100


_CURL_DEFAULT = "application/x-www-form-urlencoded"
_READ_AS_JSON = frozenset(("", "application/json", "text/plain", _CURL_DEFAULT))


def parse_json(
    body: bytes | str, *, content_type: str | None = None, max_bytes: int = DEFAULT_MAX_BYTES
) -> Any:
    r"""Return the JSON value that ``body`` holds.

    Accepts whatever `JSON.stringify` and `fetch` can send: UTF-8 with or without a byte order mark,
    and ``\ud800`` escapes without their other half, which become lone surrogates. If a key comes
    twice, the last one counts, as in `JSON.parse`.

    Args:
        body: JSON in UTF-8, or JSON text that was inside another JSON document.
        content_type: the request's header. Accepted are None, JSON, ``text/plain`` (all that
            `navigator.sendBeacon` and simple cross-origin requests may send), and the form type
            that ``curl --data`` sends by default, provided that the body is JSON.
        max_bytes: the largest ``body`` accepted, in bytes; a ``str`` is not measured.

    Raises:
        UnsupportedMediaType: ``content_type`` is neither JSON nor plain text.
        BodyTooLarge: ``body`` is longer than ``max_bytes``, or holds more than 200,000 values.
        InvalidJson: not JSON, not UTF-8, empty, more than 100 levels deep, or with a number that
            JSON or a double cannot hold (``NaN``, ``1e400``).
    """
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type not in _READ_AS_JSON and not media_type.endswith("+json"):
        raise _not_json()
    if isinstance(body, bytes) and len(body) > max_bytes:
        raise BodyTooLarge(f"The request body is larger than {max_bytes} bytes.")
    if count_values(body, limit=MAX_VALUES) > MAX_VALUES:
        raise _too_deep() if _begins_deep(body) else too_many_values()
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError):
        if media_type == _CURL_DEFAULT:
            raise _not_json() from None
        value = _decode_with_care(body)
    except RecursionError:
        raise _too_deep() from None
    if _may_be_deep(body) and _is_deeper_than(MAX_DEPTH, value):
        raise _too_deep()
    return value


def _not_json() -> UnsupportedMediaType:
    return UnsupportedMediaType("The content type must be application/json.")


def _decode_with_care(body: bytes | str) -> Any:
    """Decode what msgspec refuses (lone surrogates, a byte order mark), or say what is wrong."""
    try:
        text = (body if isinstance(body, str) else body.decode()).removeprefix("\ufeff")
        if not text.strip():
            raise InvalidJson("The request body is empty; it must be a JSON document.")
        return json.loads(text, parse_float=_finite, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise InvalidJson("The request body is not valid UTF-8.") from None
    except json.JSONDecodeError as error:
        raise InvalidJson(
            f"The request body is not valid JSON (line {error.lineno}, column {error.colno})."
        ) from None
    except ValueError:  # Python's own limit on the digits of an integer
        raise _number_out_of_range() from None
    except RecursionError:
        raise _too_deep() from None


def _finite(literal: str) -> float:
    number = float(literal)
    if not isfinite(number):
        raise _number_out_of_range()
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJson(f"The request body is not valid JSON: {name} is not a JSON value.")


def _number_out_of_range() -> InvalidJson:
    return InvalidJson("The request body holds a number that is out of range.")


def _too_deep() -> InvalidJson:
    return InvalidJson(f"The request body is nested more than {MAX_DEPTH} levels deep.")


def _begins_deep(body: bytes | str) -> bool:
    # Nothing but brackets is the shortest way to be deep; other deep values are found when decoded.
    start = body[:1000]
    text = start if isinstance(start, str) else start.decode("latin-1")
    return "[" * (MAX_DEPTH + 1) in text


def _may_be_deep(body: bytes | str) -> bool:
    # Counting brackets is cheap, and most bodies have fewer than this.
    if isinstance(body, bytes):
        return body.count(b"[") + body.count(b"{") > MAX_DEPTH
    return body.count("[") + body.count("{") > MAX_DEPTH


def _is_deeper_than(depth: int, value: Any) -> bool:
    level = [value]
    for _ in range(depth):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True

"""JSON as the wire formats want it: compact, raw UTF-8, never invalid, as ``JSON.stringify``.

Two things that Python values may hold and UTF-8 JSON may not: lone surrogates, which are written
as ``\\udXXX`` escapes (the same that ``JSON.stringify`` writes, so a pair split over two deltas is
whole again in the browser), and NaN or infinities, which become ``null`` as in JavaScript.
"""

import json
import math
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode


def dumps(value: Any) -> bytes:
    """Return ``value`` as compact JSON in UTF-8.

    Raises:
        TypeError: ``value`` holds something that has no JSON form.
    """
    try:
        return _encode(value)
    except UnicodeEncodeError:
        text = json.dumps(
            _finite(msgspec.to_builtins(value)), ensure_ascii=False, separators=(",", ":")
        )
        return text.encode("utf-8", "backslashreplace")


def _finite(value: Any) -> Any:
    match value:
        case float() if not math.isfinite(value):
            return None
        case dict():
            return {key: _finite(item) for key, item in value.items()}
        case list():
            return [_finite(item) for item in value]
        case _:
            return value

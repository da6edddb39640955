"""JSON as ``JSON.stringify`` writes it: compact, in raw UTF-8, always valid.

Python values may hold two things that JSON in UTF-8 may not. Lone surrogates are written as
``\\udXXX`` escapes, so that the browser joins a pair that was split over two deltas. NaN and
infinities become ``null``.
"""

import json
import math
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode


def dumps(value: Any) -> bytes:
    """Return ``value`` as compact JSON in UTF-8.

    Raises:
        TypeError: ``value`` holds something that JSON cannot express.
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

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
    """Return ``value``, which is ours alone, with ``None`` for the numbers that JSON has not.

    Not by calling itself: a model may nest its arguments almost as deeply as Python can call.
    """
    root = [value]
    unread: list[list[Any] | dict[str, Any]] = [root]
    while unread:
        holder = unread.pop()
        for key, item in holder.items() if isinstance(holder, dict) else enumerate(holder):
            match item:
                case float() if not math.isfinite(item):
                    holder[key] = None  # type: ignore[index]  # a key of this very holder
                case dict() | list():
                    unread.append(item)
                case tuple():
                    unread.append(list(item))
                    holder[key] = unread[-1]  # type: ignore[index]
                case _:
                    pass
    return root[0]

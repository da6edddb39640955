"""One spelling for every JSON value that JavaScript holds for the same.

What we send to a browser comes back as `JSON.parse` and `JSON.stringify` leave it: every number is
a double (integers beyond 2^53 lose digits, beyond 1.8e308 they become null; 1.0 is 1 and -0 is 0),
keys that look like integers move to the front, and two halves of a surrogate pair that stood side
by side are one character. Both the value that was sent and the one that came back have the same
canonical form, which is all that it is good for: it is never sent.
"""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any


def canonical_json(value: Any) -> bytes:
    """Return the canonical form of ``value`` (JSON as Python has it), in ASCII."""
    return json.dumps(
        _as_javascript_has_it(value), sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def _as_javascript_has_it(value: Any) -> Any:
    match value:
        case bool() | None:
            return value
        case int() | float():
            return _double(value)
        case str():
            return _text(value)
        case Mapping():
            return {_text(key): _as_javascript_has_it(item) for key, item in value.items()}
        case _:
            return [_as_javascript_has_it(item) for item in value]


def _double(number: int | float) -> float | None:
    try:
        double = float(number)
    except OverflowError:
        return None
    return double + 0.0 if isfinite(double) else None  # -0.0 + 0.0 is 0.0


def _text(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")

"""One spelling for all JSON values that JavaScript cannot tell apart.

A value that we send to a browser comes back changed by `JSON.parse` and `JSON.stringify`: every
number is a double (integers beyond 2^53 lose digits, numbers beyond 1.8e308 become null, 1.0
becomes 1 and -0 becomes 0), keys that look like integers move to the front, and two adjacent halves
of a surrogate pair become one character. The value that was sent and the one that came back have
the same canonical form. The form is only compared or signed, never sent.
"""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any


def canonical_json(value: Any) -> bytes:
    """Return the canonical form of ``value`` (parsed JSON), in ASCII."""
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

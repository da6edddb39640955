"""What a foreign server writes about its tools, before a model or a user reads it.

A description goes into every request to the model. So it is short, and holds nothing that a person
who looks at it would not see: text may be hidden in characters without width, or in a direction of
its own. A schema is one that OpenAI's API takes: it refuses the whole request for one tool that it
does not like, and with it every chat.

Source of what is refused: OpenAI's "Function calling", and its ``invalid_function_parameters``.
"""

import json
import unicodedata
from collections.abc import Mapping
from typing import Any

MOST_DESCRIPTION_CHARS = 2000
MOST_SCHEMA_BYTES = 32 * 1024
MOST_STATUS_CHARS = 500
# Of objects inside objects. Deeper schemas are not for people, and OpenAI allows ten.
_MOST_DEPTH = 24

# Control characters, those that only change how others look, private ones, and halves of pairs.
_HIDDEN = ("Cc", "Cf", "Co", "Cs")
# Keys of a schema whose value is text for the model.
_PROSE = ("title", "description")
# At the top of a schema OpenAI takes an object and nothing else; the server checks the rest.
_NOT_AT_THE_TOP = ("oneOf", "anyOf", "allOf", "enum", "const", "not", "if", "then", "else")


def clean_text(text: str, *, most_chars: int = MOST_DESCRIPTION_CHARS) -> str:
    """Return ``text`` without what cannot be seen, cut to ``most_chars`` characters."""
    # What is left out may be most of it; what is never read need not be looked at.
    text = text[: 4 * most_chars]
    seen = "".join(
        char for char in text if char in "\n\t" or unicodedata.category(char) not in _HIDDEN
    ).strip()
    return seen if len(seen) <= most_chars else f"{seen[: most_chars - 1]}…"


def one_line(text: str, *, most_chars: int = MOST_STATUS_CHARS) -> str:
    """Return ``text`` as one clean line."""
    return clean_text(" ".join(text[: 4 * most_chars].split()), most_chars=most_chars)


def clean_schema(schema: object) -> dict[str, Any] | None:
    """Return the schema of a tool's input as the model is shown it.

    ``None``: there is no way to show it. It is larger than `MOST_SCHEMA_BYTES`, no JSON, or not of
    an object.
    """
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        return None
    try:
        if len(json.dumps(schema, allow_nan=False)) > MOST_SCHEMA_BYTES:
            return None
    except (TypeError, ValueError, RecursionError):
        return None
    try:
        cleaned: dict[str, Any] = _cleaned(schema, depth=0)
    except _TooDeep:
        return None
    for key in _NOT_AT_THE_TOP:
        cleaned.pop(key, None)
    if not isinstance(cleaned.setdefault("properties", {}), dict):
        return None
    required = cleaned.get("required", [])
    if not (isinstance(required, list) and all(isinstance(key, str) for key in required)):
        return None
    return cleaned


class _TooDeep(Exception):
    """There are more objects inside objects than `_MOST_DEPTH`."""


def _cleaned(value: Any, *, depth: int) -> Any:
    if depth > _MOST_DEPTH:
        raise _TooDeep
    if isinstance(value, list | tuple):
        return [_cleaned(item, depth=depth + 1) for item in value]
    if not isinstance(value, Mapping):
        return value
    cleaned = {
        key: clean_text(item)
        if key in _PROSE and isinstance(item, str)
        else _cleaned(item, depth=depth + 1)
        for key, item in value.items()
    }
    if cleaned.get("type") == "array":
        cleaned.setdefault("items", {})  # OpenAI refuses an array that does not say of what
    return cleaned

"""What pydantic finds wrong in a client's JSON, as one sentence that names the place.

The sentence never repeats the client's content.
"""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from app.errors import RequestError

M = TypeVar("M", bound=BaseModel)

# Our own error type. Its message is a reason as it stands.
LOCATED = "located"

# pydantic's error types, each as the rest of a sentence that begins with the place.
_REASONS: Mapping[str, str] = {
    "bool_type": "must be true or false",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "literal_error": "must be {expected}",
    "missing": "is missing",
    "model_type": "must be an object",
    "string_too_long": "must be at most {max_length} characters long",
    "string_too_short": "must not be empty",
    "string_type": "must be a string",
    "string_unicode": "must be valid Unicode text",
}


def located(reason: str) -> PydanticCustomError:
    """Return the error that a validator raises; ``reason`` is the rest of the sentence."""
    return PydanticCustomError(LOCATED, "{reason}", {"reason": reason})


def sentence(error: ValidationError, place: str = "") -> str:
    """Return a sentence about the first error: "messages[2].parts[0].text must be a string.".

    Args:
        place: the place of the validated value in the body, such as "messages[2]"; "" or "payload."
            for an envelope.
    """
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == LOCATED:
        reason = first["msg"]
    else:
        reason = _REASONS.get(first["type"], "is not valid").format_map(first.get("ctx", {}))
    return f"{_join(place, first['loc'])} {reason}."


def _join(place: str, steps: Iterable[str | int]) -> str:
    for step in steps:
        if isinstance(step, int):
            place += f"[{step}]"
        elif not step.startswith("<"):  # the tag of a member of a union
            place += f".{step}" if place and not place.endswith(".") else step
    return place


def validated(
    model: type[M],
    value: object,
    place: str,
    error_type: type[RequestError],
    context: object = None,
) -> M:
    """Return ``value`` as a ``model``.

    Raises:
        RequestError: of ``error_type``, with the sentence.
    """
    try:
        return model.model_validate(value, context=context)
    except ValidationError as error:
        raise error_type(sentence(error, place)) from None

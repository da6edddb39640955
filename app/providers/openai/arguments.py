"""The arguments of a tool call: the JSON text that the model wrote."""

import json
from typing import Any, NoReturn

import msgspec

from app.events import ToolInputAvailable, ToolInputError

NOT_AN_OBJECT = "The model's arguments for this tool are not a JSON object."
NOT_FINISHED = "The model did not finish this call."
NOT_CERTAIN = "The model's server contradicted itself about this call, so it was not run."


def parse_arguments(text: str) -> Any:
    """Parse the arguments' JSON; empty text means no arguments.

    Raises:
        ValueError, RecursionError: not JSON, or nested too deeply to read.
    """
    if not text.strip():
        return {}
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        # The standard library also reads lone surrogates, raw and escaped.
        return json.loads(text, parse_constant=_refuse)


def is_object(text: str) -> bool:
    """Return whether the arguments are a whole JSON object."""
    try:
        return isinstance(parse_arguments(text), dict)
    except (ValueError, RecursionError):
        return False


def readable(text: str) -> Any:
    """Return the arguments' value, or ``text`` itself if it is not JSON."""
    try:
        return parse_arguments(text)
    except (ValueError, RecursionError):
        return text


def finished_call(
    call_id: str, tool_name: str, text: str, *, is_whole: bool = True
) -> ToolInputAvailable | ToolInputError:
    """Return the event that ends the input of a call.

    Args:
        text: the arguments.
        is_whole: false if the model was cut off; the call then fails whatever ``text`` is.
    """
    message = NOT_AN_OBJECT if is_whole else NOT_FINISHED
    try:
        value = parse_arguments(text)
    except (ValueError, RecursionError):
        return ToolInputError(call_id, tool_name, text, message)
    if is_whole and isinstance(value, dict):
        return ToolInputAvailable(call_id, tool_name, value)
    return ToolInputError(call_id, tool_name, value, message)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")

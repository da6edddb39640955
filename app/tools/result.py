"""The result of a tool call: an output in JSON, or a failure in words that anyone may read."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from app.protocols.json_text import dumps
from app.protocols.tool_result import ToolResult, data_object_to_json
from app.tools.definition import ToolError

# The message of a failure whose own text was not meant for the user.
MASKED = "An error occurred."

# A larger output is more than a model can read, and every later request would carry it again.
MAX_OUTPUT_BYTES = 512 * 1024


class Success(msgspec.Struct, frozen=True):
    """The tool's output: JSON, or a `ToolResult` made of JSON whose status is not "error"."""

    output: Any


class Failure(msgspec.Struct, frozen=True):
    """Why there is no output. ``message`` may be shown to the user; ``code`` is for programs.

    ``tool_result`` is set if the tool itself returned a `ToolResult` of status "error".
    """

    message: str
    code: str = "EXECUTION_ERROR"
    tool_result: ToolResult | None = None


CallResult: TypeAlias = Success | Failure


def call_result(returned: Any, *, tool_name: str, max_bytes: int) -> CallResult:
    """Turn a tool's return value into the result of the call.

    Raises:
        ToolError: the value has no JSON form, or its JSON is longer than ``max_bytes`` bytes.
    """
    if not isinstance(returned, ToolResult):
        return Success(_json(returned, tool_name, max_bytes))
    data = _json(returned.data, tool_name, max_bytes)
    if not (data is None or isinstance(data, dict)):
        data = {"result": data}
    result = msgspec.structs.replace(returned, data=data)
    _json(chat_output(result), tool_name, max_bytes)
    if result.status != "error":
        return Success(result)
    message, code = str(result.message or MASKED), result.error_code or "EXECUTION_ERROR"
    return Failure(message, code, msgspec.structs.replace(result, message=message, error_code=code))


def chat_output(output: Any) -> Any:
    """Return the part of a `Success`'s output that a chat's client and model are shown."""
    if not isinstance(output, ToolResult):
        return output
    shown: dict[str, Any] = {"status": output.status, "message": output.message}
    if output.data is not None:
        shown["data"] = output.data
    if output.data_objects:
        shown["data_objects"] = [data_object_to_json(item) for item in output.data_objects]
    return shown


def _json(value: Any, tool_name: str, max_bytes: int) -> Any:
    """Return a copy of ``value`` as plain JSON, which the tool cannot change any more.

    pydantic models, dataclasses, msgspec structs, enums, dates, sets, decimals and bytes (base64)
    have a JSON form.
    """
    try:
        plain = msgspec.to_builtins(value, str_keys=True, enc_hook=_plain)
        size = len(dumps(plain))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ToolError(
            f"{tool_name} returned a value that has no JSON form.", code="INVALID_OUTPUT"
        ) from error
    if size > max_bytes:
        raise ToolError(
            f"{tool_name} returned {size} bytes of JSON, more than the {max_bytes} allowed.",
            code="OUTPUT_TOO_LARGE",
        )
    return plain


def _plain(value: Any) -> Any:
    if hasattr(type(value), "model_dump"):  # a pydantic model, recognised without loading pydantic
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")

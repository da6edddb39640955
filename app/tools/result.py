"""The result of a tool call: an output in JSON, or a failure in words that anyone may read."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from app.protocols.json_text import dumps
from app.protocols.tool_result import DataObject, ToolResult, data_object_to_json
from app.tools.definition import ToolError

# The message of a failure whose own text was not meant for the user.
MASKED = "An error occurred."

# Of a file's name, in a message, in characters.
_SHOWN_NAME = 100

# A larger output is more than a model can read, and every later request would carry it again.
MAX_OUTPUT_BYTES = 512 * 1024
# Of the files of a single run, whose caller stores them. They are made and sent in one line.
MAX_FILES_BYTES = 64 * 1024 * 1024


class OutputLimits(msgspec.Struct, frozen=True):
    """How large a call's output may be, in bytes of JSON.

    Attributes:
        output: all but the files.
        files: the files together; ``None``: what the rest of the output leaves of ``output``.
    """

    output: int = MAX_OUTPUT_BYTES
    files: int | None = None


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


def call_result(returned: Any, *, tool_name: str, limits: OutputLimits) -> CallResult:
    """Turn a tool's return value into the result of the call.

    Files that are too long are left out, and the message says so.

    Raises:
        ToolError: the value has no JSON form, or its JSON is longer than ``limits.output`` bytes.
    """
    if not isinstance(returned, ToolResult):
        return Success(_json(returned, tool_name, limits.output)[0])
    data, _ = _json(returned.data, tool_name, limits.output)
    if not (data is None or isinstance(data, dict)):
        data = {"result": data}
    result = msgspec.structs.replace(returned, data=data, data_objects=())
    _, size = _json(chat_output(result), tool_name, limits.output)
    if returned.data_objects:
        left = max(0, limits.output - size) if limits.files is None else limits.files
        result = _with_files(result, returned.data_objects, left, tool_name)
    if result.status != "error":
        return Success(result)
    message, code = str(result.message or MASKED), result.error_code or "EXECUTION_ERROR"
    return Failure(message, code, msgspec.structs.replace(result, message=message, error_code=code))


def _with_files(
    result: ToolResult, files: Sequence[DataObject], left: int, tool_name: str
) -> ToolResult:
    """Return ``result`` with those of ``files`` that fit into ``left`` bytes."""
    allowed = left
    kept: list[DataObject] = []
    message = result.message
    for file in files:
        # What is certainly too long is not even encoded.
        size = len(file.content)
        if size <= left:
            _, size = _measured(data_object_to_json(file), tool_name)
        if size <= left:
            left -= size
            kept.append(file)
        else:
            why = f"it has {len(file.content)} {_unit(file)}, and files may have {allowed} bytes"
            message = f"{message} ({file.name[:_SHOWN_NAME]} is left out: {why}.)".strip()
    return msgspec.structs.replace(result, message=message, data_objects=tuple(kept))


def _unit(file: DataObject) -> str:
    return "bytes" if isinstance(file.content, bytes) else "characters"


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


def _json(value: Any, tool_name: str, max_bytes: int) -> tuple[Any, int]:
    """Return a copy of ``value`` as plain JSON, and how many bytes that has.

    The tool cannot change it any more. pydantic models, dataclasses, msgspec structs, enums, dates,
    sets, decimals and bytes (base64) have a JSON form.
    """
    plain, size = _measured(value, tool_name)
    if size > max_bytes:
        raise ToolError(
            f"{tool_name} returned {size} bytes of JSON, more than the {max_bytes} allowed.",
            code="OUTPUT_TOO_LARGE",
        )
    return plain, size


def _measured(value: Any, tool_name: str) -> tuple[Any, int]:
    """Return ``value`` as plain JSON, and how many bytes that has."""
    try:
        plain = msgspec.to_builtins(value, str_keys=True, enc_hook=_plain)
        return plain, len(dumps(plain))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ToolError(
            f"{tool_name} returned a value that has no JSON form.", code="INVALID_OUTPUT"
        ) from error


def _plain(value: Any) -> Any:
    if hasattr(type(value), "model_dump"):  # a pydantic model, recognised without loading pydantic
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")

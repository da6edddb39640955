"""The result of a tool run, in the form that tool streams carry.

    {"_schema": "ToolResult", "_schema_version": "1.0", "status": "success",
     "message": "Processed in 5 steps", "data": null, "data_objects": [], "error_code": null}

Source: Solace Agent Mesh, the `lambda` executor and `sam-lambda-tools` (2026).
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self, TypeAlias

import msgspec

Disposition: TypeAlias = Literal["auto", "artifact", "inline", "artifact_with_preview"]


class DataObject(msgspec.Struct, frozen=True, kw_only=True):
    """A file or another large value that a tool made. ``bytes`` are sent as base64."""

    name: str
    content: str | bytes
    mime_type: str | None = None
    disposition: Disposition = "auto"
    description: str | None = None
    preview: str | None = None
    metadata: Mapping[str, Any] | None = None


class ToolResult(msgspec.Struct, frozen=True, kw_only=True):
    """A tool's output with a message for the user.

    ``status`` "error" is a failure whose ``message`` the user may read; "partial" is an incomplete
    output.
    """

    status: Literal["success", "error", "partial"]
    message: str = ""
    data: Mapping[str, Any] | None = None
    data_objects: Sequence[DataObject] = ()
    error_code: str | None = None

    @classmethod
    def ok(
        cls,
        message: str = "",
        data: Mapping[str, Any] | None = None,
        data_objects: Sequence[DataObject] = (),
    ) -> Self:
        """Return a success."""
        return cls(status="success", message=message, data=data, data_objects=data_objects)

    @classmethod
    def error(
        cls,
        message: str,
        data: Mapping[str, Any] | None = None,
        data_objects: Sequence[DataObject] = (),
        *,
        error_code: str | None = None,
    ) -> Self:
        """Return a failure; the user may read ``message``."""
        return cls(
            status="error",
            message=message,
            data=data,
            data_objects=data_objects,
            error_code=error_code,
        )

    @classmethod
    def partial(
        cls,
        message: str,
        data: Mapping[str, Any] | None = None,
        data_objects: Sequence[DataObject] = (),
    ) -> Self:
        """Return an incomplete output."""
        return cls(status="partial", message=message, data=data, data_objects=data_objects)


class InvalidToolResult(ValueError):
    """A value is not the JSON of a tool result."""


def wrapped(output: Any) -> ToolResult:
    """Return ``output`` as a `ToolResult`: an object is its data, a value its ``data.result``."""
    if isinstance(output, ToolResult):
        return output
    if isinstance(output, Mapping):
        return ToolResult.ok(data=output)
    return ToolResult.ok(data=None if output is None else {"result": output})


def to_json(result: ToolResult) -> dict[str, Any]:
    """Return the JSON object for ``result``."""
    return {
        "_schema": "ToolResult",
        "_schema_version": "1.0",
        "status": result.status,
        "message": result.message,
        "data": result.data,
        "data_objects": [data_object_to_json(item) for item in result.data_objects],
        "error_code": result.error_code,
    }


def data_object_to_json(item: DataObject) -> dict[str, Any]:
    """Return the JSON object for ``item``."""
    is_binary = isinstance(item.content, bytes)
    return {
        "name": item.name,
        "content": b64encode(item.content).decode()
        if isinstance(item.content, bytes)
        else item.content,
        "is_binary": is_binary,
        "mime_type": item.mime_type,
        "disposition": item.disposition,
        "description": item.description,
        "preview": item.preview,
        "metadata": item.metadata,
    }


class _DataObjectJson(msgspec.Struct, kw_only=True):
    name: str
    content: str = ""
    is_binary: bool = False
    mime_type: str | None = None
    disposition: Disposition = "auto"
    description: str | None = None
    preview: str | None = None
    metadata: dict[str, Any] | None = None


class _ToolResultJson(msgspec.Struct, kw_only=True):
    status: Literal["success", "error", "partial"]
    message: str | None = None
    data: dict[str, Any] | None = None
    data_objects: list[_DataObjectJson] | None = None
    error_code: str | None = None


def from_json(value: Any) -> ToolResult:
    """Return the result that ``value`` (parsed JSON) describes. Unknown keys are ignored.

    Raises:
        InvalidToolResult: ``value`` does not fit; the message says where.
    """
    try:
        result = msgspec.convert(value, _ToolResultJson)
        objects = [_data_object(item) for item in result.data_objects or ()]
    except ValueError as error:
        raise InvalidToolResult(f"The tool result does not fit: {error}") from None
    return ToolResult(
        status=result.status,
        message=result.message or "",
        data=result.data,
        data_objects=objects,
        error_code=result.error_code,
    )


def _data_object(item: _DataObjectJson) -> DataObject:
    return DataObject(
        name=item.name,
        content=b64decode(item.content, validate=True) if item.is_binary else item.content,
        mime_type=item.mime_type,
        disposition=item.disposition,
        description=item.description,
        preview=item.preview,
        metadata=item.metadata,
    )

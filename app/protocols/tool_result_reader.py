"""Reads the result of somebody else's tool.

Tools answer in many forms, and their usual caller takes nearly all of them. So nothing is refused
here: what is no tool result is the data of one.

Source: Solace Agent Mesh, `ToolResult.from_serialized` of `agent/tools/tool_result.py` (1.28) and
its `lambda` executor (branch `ed/lambda-executor`, 2026).
"""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

import msgspec

from app.protocols.tool_result import DataObject, ToolResult, wrapped

_SCHEMA = ("_schema", "ToolResult")
_UNREADABLE = "The content of this file could not be read."


class _DataObjectJson(msgspec.Struct, kw_only=True):
    name: str
    content: str = ""
    is_binary: bool = False
    mime_type: str | None = None
    disposition: str | None = None
    description: str | None = None
    preview: str | None = None
    metadata: dict[str, Any] | None = None


class _ToolResultJson(msgspec.Struct, kw_only=True):
    status: str = "success"
    message: str | None = None
    data: dict[str, Any] | None = None
    data_objects: list[Any] | None = None
    error_code: str | None = None


_FIELDS = frozenset(_ToolResultJson.__struct_fields__)


def is_marked(value: Any) -> bool:
    """Return whether ``value`` says that it is a tool result."""
    return isinstance(value, dict) and value.get(_SCHEMA[0]) == _SCHEMA[1]


def read_result(value: Any) -> ToolResult:
    """Read parsed JSON as a result.

    An object that is marked as a tool result is one, and so is an object that has a ``status`` and
    nothing that a tool result has not. Anything else is data, also what is marked and does not fit.
    A file that cannot be read stays as an empty one that says so.
    """
    if not (is_marked(value) or _could_be_one(value)):
        return wrapped(value)
    try:
        result = msgspec.convert(value, _ToolResultJson)
    except msgspec.ValidationError:
        status = "error" if value.get("status") == "error" else "success"
        return msgspec.structs.replace(wrapped(value), status=status)
    return ToolResult(
        status=result.status,
        message=result.message or "",
        data=result.data,
        data_objects=[_data_object(item) for item in result.data_objects or ()],
        error_code=result.error_code,
    )


def _could_be_one(value: Any) -> bool:
    return isinstance(value, Mapping) and "status" in value and value.keys() <= _FIELDS


def _data_object(value: Any) -> DataObject:
    try:
        item = msgspec.convert(value, _DataObjectJson)
        # As Python decodes it by default, which skips line ends.
        content = b64decode(item.content) if item.is_binary else item.content
    except ValueError:
        name = value.get("name") if isinstance(value, dict) else None
        name = name if isinstance(name, str) else "file"
        return DataObject(name=name, content="", description=_UNREADABLE)
    return DataObject(
        name=item.name,
        content=content,
        mime_type=item.mime_type,
        disposition=item.disposition or "auto",
        description=item.description,
        preview=item.preview,
        metadata=item.metadata,
    )

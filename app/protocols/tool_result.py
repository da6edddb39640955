"""The result of a tool, in the form that tool streams carry.

    {"_schema": "ToolResult", "_schema_version": "1.0", "status": "success",
     "message": "Processed in 5 steps", "data": null, "data_objects": [], "error_code": null}

Source: Solace Agent Mesh, the `lambda` executor and `sam-lambda-tools` (2026).
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Self

import msgspec

# What callers know; one of them drops a file that says anything else.
DISPOSITIONS = frozenset({"auto", "artifact", "inline", "artifact_with_preview"})


class DataObject(msgspec.Struct, frozen=True, kw_only=True):
    """A file or another large value that a tool made. ``bytes`` travel as base64.

    Attributes:
        mime_type: ``text/plain`` for text and ``application/octet-stream`` for bytes if not given.
        disposition: ``artifact`` and ``artifact_with_preview``: to be stored by who called the
            tool, and not read by the model; ``inline``: to be read; ``auto``: as the caller likes.
        preview: what the model reads of a file that is stored.
    """

    name: str
    content: str | bytes
    mime_type: str | None = None
    disposition: str = "auto"
    description: str | None = None
    preview: str | None = None
    metadata: Mapping[str, Any] | None = None


class ToolResult(msgspec.Struct, frozen=True, kw_only=True):
    """A tool's result with a message for the user.

    ``status`` "error" is a failure whose ``message`` the user may read; "partial" is an output that
    is not complete. A remote tool may have words of its own, which mean a success.
    """

    status: str
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
        """Return a failure. ``message`` may be shown to the user."""
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
        """Return an output that is not complete."""
        return cls(status="partial", message=message, data=data, data_objects=data_objects)


def wrapped(output: Any) -> ToolResult:
    """Return ``output`` as a `ToolResult`.

    An object becomes ``data``; any other value but None becomes ``{"result": value}`` there.
    """
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
    """Return the JSON object for ``item``.

    Callers leave out a file whose ``mime_type`` is null or whose ``disposition`` they do not know.
    """
    content, is_binary = item.content, isinstance(item.content, bytes)
    return {
        "name": item.name,
        "content": b64encode(content).decode() if isinstance(content, bytes) else content,
        "is_binary": is_binary,
        "mime_type": item.mime_type or _mime_type(is_binary=is_binary),
        "disposition": item.disposition if item.disposition in DISPOSITIONS else "auto",
        "description": item.description,
        "preview": item.preview,
        "metadata": item.metadata,
    }


def _mime_type(*, is_binary: bool) -> str:
    return "application/octet-stream" if is_binary else "text/plain"

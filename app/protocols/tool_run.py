"""The response to a request that runs one tool: NDJSON while the tool works, or one JSON object.

    {"type":"status","payload":{"message":"Tool execution started"},"timestamp":1704067200.0}
    {"type":"status","payload":{"message":"Step 1/5 complete..."},"timestamp":1704067201.0}
    {"type":"heartbeat","payload":{},"timestamp":1704067211.0}
    {"type":"result","payload":{"tool_result":{…}},"timestamp":1704067215.0}

A tool that failed has a ``result`` too, of status "error". An ``error`` line means that the run
itself failed: the server stops.

Source: Solace Agent Mesh, `lambda` executor and `sam-lambda-tools` (2026).
"""

from collections.abc import Callable
from typing import Any, ClassVar

from app.protocols.tool_result import ToolResult, data_object_to_json, to_json
from app.protocols.tool_stream import MEDIA_TYPE, line

STARTED = "Tool execution started"


class ToolRunEncoder:
    """Encodes one run. After the last line, every call returns ``b""``.

    Args:
        now: Unix time in seconds.
    """

    media_type: ClassVar[str] = MEDIA_TYPE

    def __init__(self, *, now: Callable[[], float]) -> None:
        self._now = now
        self._is_over = False

    def start(self) -> bytes:
        """Return the first line."""
        return self._line("status", {"message": STARTED})

    def status(self, message: str) -> bytes:
        """Return a line of progress, or ``b""`` for what a remote tool says by itself too."""
        return b"" if message == STARTED else self._line("status", {"message": message})

    def keep_alive(self) -> bytes:
        """Return a heartbeat line."""
        return self._line("heartbeat", {})

    def result(self, result: ToolResult) -> bytes:
        """Return the last line of a run."""
        return self._last("result", {"tool_result": to_json(result)})

    def error(self, message: str, code: str) -> bytes:
        """Return the last line of a run that failed."""
        return self._last("error", {"error": message, "error_code": code})

    def _last(self, kind: str, payload: dict[str, Any]) -> bytes:
        last = self._line(kind, payload)
        self._is_over = True
        return last

    def _line(self, kind: str, payload: dict[str, Any]) -> bytes:
        return b"" if self._is_over else line(kind, payload, self._now())


def buffered(result: ToolResult) -> dict[str, Any]:
    """Return ``{"success", "data", "error", "error_code"}``, the response as one object.

    The format has no place for the message and files of a success. They go into ``data`` under
    ``message`` and ``data_objects``, unless the tool's own data uses these names.
    """
    is_error = result.status == "error"
    data: dict[str, Any] = {}
    if result.message and not is_error:
        data["message"] = result.message
    if result.data_objects:
        data["data_objects"] = [data_object_to_json(item) for item in result.data_objects]
    data |= result.data or {}
    return {
        "success": not is_error,
        "data": data or None,
        "error": result.message if is_error else None,
        "error_code": result.error_code,
    }


def for_invoker(result: ToolResult) -> dict[str, Any]:
    """Return the response as one object for who invokes the function itself, without a URL.

    That caller stores files only if they come in a tool result, so a result with files is both.
    """
    whole = buffered(result)
    return {**whole, **to_json(result)} if result.data_objects else whole

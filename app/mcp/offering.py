"""Our tools as other people's agents see them: which, how they are described, and their results.

Source: Model Context Protocol, revision 2025-11-25, "Tools".
"""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from app.mcp.messages import INTERNAL_ERROR, Ask, Refusal, answered, refusal_message
from app.protocols.json_text import dumps
from app.protocols.tool_result import DataObject, ToolResult
from app.tools.tool import Tool

KEEP_ALIVE = b": keep-alive\n\n"
# The code of the error that ends a call which its client has taken back: it is owed nothing more.
CANCELLED = "cancelled"


def offered(tools: Mapping[str, Tool]) -> Mapping[str, Tool]:
    """Return the tools that anybody may run who may ask: nobody is here to approve a call."""
    return {
        name: tool
        for name, tool in tools.items()
        if tool.run is not None and tool.needs_approval is False
    }


def description_of(tool: Tool) -> dict[str, Any]:
    """Return a tool as ``tools/list`` has it."""
    return {
        "name": tool.name,
        "description": tool.description,
        "inputSchema": dict(tool.parameters),
    }


def call_result(result: ToolResult) -> dict[str, Any]:
    """Return the result of ``tools/call``."""
    content: list[dict[str, Any]] = []
    more: dict[str, Any] = {}
    if result.message:
        content.append(_text(result.message))
    data = result.data
    if data is not None and list(data) == ["result"] and isinstance(data["result"], str):
        content.append(_text(data["result"]))
    elif data is not None:
        # For clients that do not know structured content.
        content.append(_text(dumps(data).decode()))
        more["structuredContent"] = data
    content += [_file(item) for item in result.data_objects]
    return {"content": content, **more, "isError": result.status == "error"}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _file(item: DataObject) -> dict[str, Any]:
    content = item.content
    media_type = item.mime_type
    if isinstance(content, bytes):
        media_type = media_type or "application/octet-stream"
        data, kind = b64encode(content).decode(), media_type.partition("/")[0]
        if kind in ("image", "audio"):
            return {"type": kind, "data": data, "mimeType": media_type}
        of_it = {"blob": data}
    else:
        of_it = {"text": content}
    uri = f"file:///{quote(item.name)}"
    resource = {"uri": uri, "mimeType": media_type or "text/plain", **of_it}
    return {"type": "resource", "resource": resource}


class CallEncoder:
    """Encodes one call as server-sent events, as `run_tool_stream` has it run.

    Args:
        ask: the call.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._statuses = 0

    def start(self) -> bytes:
        """Return nothing: the headers say that the call has been taken."""
        return KEEP_ALIVE

    def status(self, message: str) -> bytes:
        """Return a progress notification, if the client wants them."""
        token = self._ask.progress_token
        if token is None:
            return b""
        self._statuses += 1
        params = {"progressToken": token, "progress": self._statuses, "message": message}
        return _event(
            dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})
        )

    def keep_alive(self) -> bytes:
        """Return a comment."""
        return KEEP_ALIVE

    def result(self, result: ToolResult) -> bytes:
        """Return the result, which is the last event."""
        return _event(answered(self._ask, call_result(result)))

    def error(self, message: str, code: str) -> bytes:
        """Return the error in place of a result."""
        if code == CANCELLED:
            return b""
        return _event(refusal_message(Refusal(self._ask.id, INTERNAL_ERROR, message)))


def _event(message: bytes) -> bytes:
    return b"event: message\ndata: " + message + b"\n\n"

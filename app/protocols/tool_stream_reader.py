"""Reads the response of a remote tool: what `tool_run` writes, from the caller's side.

Source: Solace Agent Mesh, `lambda` executor and `sam-lambda-tools` (2026).
"""

import json
from typing import Any, TypeAlias

import msgspec

from app.protocols.tool_result import InvalidToolResult, ToolResult, from_json, wrapped

# A result may hold files. Lambda streams up to 200 MB, but no chat can use a line of that length.
MAX_LINE_BYTES = 16 * 1024 * 1024

_SHOWN_CHARACTERS = 80


class ToolStreamError(Exception):
    """The response is not a tool stream. ``code`` tells programs what is wrong with it."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class RunStatus(msgspec.Struct, frozen=True, gc=False):
    """A line of progress."""

    message: str


class RunResult(msgspec.Struct, frozen=True):
    """The run is over. Its ``result`` may be a failure."""

    result: ToolResult


class RunError(msgspec.Struct, frozen=True, gc=False):
    """The run broke."""

    message: str
    code: str


RunLine: TypeAlias = RunStatus | RunResult | RunError


class ToolStreamReader:
    """Cuts bytes into lines and reads them. Also reads a response that is one JSON object.

    Heartbeats, lines of unknown types and everything after the last line are skipped.
    """

    def __init__(self, *, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max_line_bytes = max_line_bytes
        self._buffer = bytearray()
        self._searched = 0
        self._is_over = False

    def feed(self, data: bytes) -> list[RunLine]:
        """Read the lines that ``data`` completes.

        Raises:
            ToolStreamError: ``BAD_LINE``: a line is not one of a tool stream, or is too long.
        """
        self._buffer += data
        lines: list[RunLine] = []
        while not self._is_over and (end := self._buffer.find(b"\n", self._searched)) >= 0:
            text = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._searched = 0
            lines += self._read(text)
        if self._is_over:
            self._buffer.clear()
        self._searched = len(self._buffer)
        if self._searched > self._max_line_bytes:
            raise ToolStreamError("a line of the answer is far too long", code="BAD_LINE")
        return lines

    def close(self) -> list[RunLine]:
        """End the stream; read a last line that has no newline.

        Raises:
            ToolStreamError: ``NO_RESULT``: no line held a result or an error; ``BAD_LINE``: see
                `feed`.
        """
        lines = self._read(bytes(self._buffer))
        self._buffer.clear()
        if not self._is_over:
            raise ToolStreamError("the answer ended without a result", code="NO_RESULT")
        return lines

    def _read(self, text: bytes) -> list[RunLine]:
        if not text.strip():
            return []
        value = _parsed(text)
        read = _read_line(value) if "type" in value else _read_whole(value)
        if read is None:
            return []
        self._is_over = not isinstance(read, RunStatus)
        return [read]


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        shown = text[:_SHOWN_CHARACTERS].decode("utf-8", "replace")
        raise ToolStreamError(f"a line of the answer is no JSON object: {shown!r}", code="BAD_LINE")
    return value


def _read_line(value: dict[str, Any]) -> RunLine | None:
    payload = value.get("payload")
    fields = payload if isinstance(payload, dict) else {}
    match value["type"]:
        case "status":
            return RunStatus(_string(fields.get("message")))
        case "result":
            return RunResult(_result(fields.get("tool_result")))
        case "error":
            return _error(fields)
        case _:
            return None


def _read_whole(value: dict[str, Any]) -> RunLine:
    """Read a response that is one JSON object: ``{"success": …}`` or a bare tool result."""
    if value.get("_schema") == "ToolResult":
        return RunResult(_result(value))
    if value.get("success") is True:
        return RunResult(wrapped(value.get("data")))
    if value.get("success") is False:
        return _error(value)
    raise ToolStreamError("a line of the answer has no type", code="BAD_LINE")


def _result(value: Any) -> ToolResult:
    try:
        return from_json(value)
    except InvalidToolResult as error:
        raise ToolStreamError(str(error), code="BAD_LINE") from None


def _error(fields: dict[str, Any]) -> RunError:
    code = _string(fields.get("error_code")) or "REMOTE_ERROR"
    return RunError(_string(fields.get("error")) or "The tool gave no reason.", code)


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""

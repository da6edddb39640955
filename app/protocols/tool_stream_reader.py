"""Reads the response of a remote tool: the caller's side of `tool_run`.

Source: Solace Agent Mesh, `lambda` executor and `sam-lambda-tools` (2026).
"""

import json
from typing import Any, TypeAlias

import msgspec

from app.protocols.tool_result import InvalidToolResult, ToolResult, from_json, wrapped

# A result may hold files. Lambda streams up to 200 MB, but no chat can use a line of that length;
# parsed, it takes several times as much memory.
MAX_LINE_BYTES = 4 * 1024 * 1024
# Of all lines together, and how many there may be. A heartbeat every second makes 900 lines in the
# longest time that Lambda gives a function.
MAX_BYTES = 64 * 1024 * 1024
MAX_LINES = 100_000
# The longest status, in characters; the user is shown one line.
MAX_STATUS_CHARACTERS = 2000

_SHOWN_CHARACTERS = 80


class ToolStreamError(Exception):
    """The response is not a tool stream. ``code`` tells programs what is wrong."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class RunStatus(msgspec.Struct, frozen=True, gc=False):
    """A line of progress."""

    message: str


class RunResult(msgspec.Struct, frozen=True):
    """The run is over. Its ``result`` may be a failure of the tool."""

    result: ToolResult


class RunError(msgspec.Struct, frozen=True, gc=False):
    """The run itself failed."""

    message: str
    code: str


RunLine: TypeAlias = RunStatus | RunResult | RunError


class ToolStreamReader:
    """Cuts bytes into lines and reads them; also reads a response that is one JSON object.

    Heartbeats, lines of unknown types and anything after the last line are skipped.

    Args:
        max_line_bytes, max_bytes, max_lines: what a response may have; empty lines count too.
    """

    def __init__(
        self,
        *,
        max_line_bytes: int = MAX_LINE_BYTES,
        max_bytes: int = MAX_BYTES,
        max_lines: int = MAX_LINES,
    ) -> None:
        self._max_line_bytes = max_line_bytes
        self._bytes_left = max_bytes
        self._lines_left = max_lines
        self._line = bytearray()  # an unfinished line
        self._is_over = False

    def feed(self, data: bytes) -> list[RunLine]:
        """Return the lines that ``data`` completes.

        Raises:
            ToolStreamError: ``BAD_LINE``: a line is malformed, or too long; ``TOO_LONG``: too many
                lines, or too many bytes. The lines before it in ``data`` are lost.
        """
        self._count(data)
        *texts, rest = data.split(b"\n")
        lines: list[RunLine] = []
        for text in texts:
            if self._is_over:
                break
            if self._line:
                self._grow(text)
                text = bytes(self._line)
                self._line.clear()
            lines += self._read(text)
        if not self._is_over:
            self._grow(rest)
        return lines

    def close(self) -> list[RunLine]:
        """Return the last line if it has no newline. Call this when no more bytes come.

        Raises:
            ToolStreamError: ``NO_RESULT``: the run has no result; ``BAD_LINE``: see `feed`.
        """
        lines = self._read(bytes(self._line))
        self._line.clear()
        if not self._is_over:
            raise ToolStreamError("the answer ended without a result", code="NO_RESULT")
        return lines

    def _count(self, data: bytes) -> None:
        self._bytes_left -= len(data)
        self._lines_left -= data.count(b"\n")
        if self._bytes_left < 0 or self._lines_left < 0:
            raise ToolStreamError("the answer is far too long", code="TOO_LONG")

    def _grow(self, text: bytes) -> None:
        if len(self._line) + len(text) > self._max_line_bytes:
            raise ToolStreamError("a line of the answer is far too long", code="BAD_LINE")
        self._line += text

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
            return RunStatus(_string(fields.get("message"))[:MAX_STATUS_CHARACTERS])
        case "result":
            return RunResult(_result(fields.get("tool_result")))
        case "error":
            return _error(fields)
        case _:
            return None


def _read_whole(value: dict[str, Any]) -> RunLine:
    """Read a response that is one object: ``{"success": …}``, or a bare tool result."""
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

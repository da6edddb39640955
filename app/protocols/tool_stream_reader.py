"""Reads the response of a remote tool: the caller's side of `tool_run`.

A function that does not stream gives one JSON value, in one of the forms that its usual caller
takes: ``{"success", "data", "error", "error_code"}``, a tool result, the ``{"statusCode", "body"}``
of API Gateway, or anything else, which is then the tool's data.

Source: Solace Agent Mesh, `lambda` executor (branch `ed/lambda-executor`) and `sam-lambda-tools`
(2026).
"""

import json
from typing import Any, TypeAlias

import msgspec

from app.protocols.tool_result import ToolResult, wrapped
from app.protocols.tool_result_reader import is_marked, read_result

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
_NO_JSON = object()
_BESIDE_PAYLOAD = frozenset({"type", "timestamp"})


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


class _Heartbeat(msgspec.Struct, frozen=True, gc=False):
    """A line that says nothing but that the tool works."""


RunLine: TypeAlias = RunStatus | RunResult | RunError


class ToolStreamReader:
    """Cuts bytes into lines and reads them; also reads a response that is one JSON value.

    Heartbeats, empty statuses, anything that is no line of a tool stream and what follows the last
    line are skipped. Only a response without any such line is read as a value.

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
        self._value = bytearray()  # what has come, as long as it may be one value
        self._is_stream = False
        self._is_over = False

    def feed(self, data: bytes) -> list[RunLine]:
        """Return the lines that ``data`` completes.

        Raises:
            ToolStreamError: ``BAD_LINE``: a line is too long; ``TOO_LONG``: too many lines, or too
                many bytes. The lines before it in ``data`` are lost.
        """
        self._count(data)
        *texts, rest = data.split(b"\n")
        lines: list[RunLine] = []
        for text in texts:
            if self._is_over:
                break
            if self._line:
                self._grow(self._line, text)
                text = bytes(self._line)
                self._line.clear()
            lines += self._read(text)
        if not self._is_over:
            self._grow(self._line, rest)
        return lines

    def close(self) -> list[RunLine]:
        """Return the last line if it has no newline. Call this when no more bytes come.

        Raises:
            ToolStreamError: ``NO_RESULT``: the run has no result; ``BAD_LINE``: what came is
                neither a stream nor JSON, or it is too long.
        """
        lines = self._read(bytes(self._line))
        self._line.clear()
        if self._is_over:
            return lines
        if self._is_stream or not self._value:
            raise ToolStreamError("the response ended without a result", code="NO_RESULT")
        value = _parsed(self._value)
        if value is _NO_JSON:
            shown = self._value[:_SHOWN_CHARACTERS].decode("utf-8", "replace")
            raise ToolStreamError(f"the response is no JSON: {shown!r}", code="BAD_LINE")
        return [_read_whole(value)]

    def _count(self, data: bytes) -> None:
        self._bytes_left -= len(data)
        self._lines_left -= data.count(b"\n")
        if self._bytes_left < 0 or self._lines_left < 0:
            raise ToolStreamError("the response is far too long", code="TOO_LONG")

    def _grow(self, held: bytearray, text: bytes) -> None:
        if len(held) + len(text) > self._max_line_bytes:
            raise ToolStreamError("a line of the response is far too long", code="BAD_LINE")
        held += text

    def _read(self, text: bytes) -> list[RunLine]:
        if not text.strip():
            return []
        line = _read_line(_parsed(text))
        if line is None:
            if not self._is_stream:
                self._grow(self._value, text + b"\n" if self._value else text)
            return []
        self._is_stream = True
        self._value.clear()
        if isinstance(line, _Heartbeat) or line == RunStatus(""):
            return []
        self._is_over = not isinstance(line, RunStatus)
        return [line]


def _parsed(text: bytes | bytearray) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _NO_JSON


def _read_line(value: Any) -> RunLine | _Heartbeat | None:
    """Read a line of a tool stream; return None if ``value`` is something else."""
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        return None
    if "payload" not in value and not value.keys() <= _BESIDE_PAYLOAD:
        return None  # an object of its own, which happens to have a type
    payload = value.get("payload")
    fields = payload if isinstance(payload, dict) else {}
    match value["type"]:
        case "status":
            return RunStatus(_string(fields.get("message"))[:MAX_STATUS_CHARACTERS])
        case "heartbeat":
            return _Heartbeat()
        case "result":
            return RunResult(read_result(fields.get("tool_result", {})))
        case "error":
            return _error(fields)
        case _:
            return None


def _read_whole(value: Any) -> RunLine:
    """Read a response that is one value. Its keys are asked for in their caller's order."""
    if isinstance(value, dict) and not is_marked(value):
        if "success" in value:
            return RunResult(wrapped(value.get("data"))) if value["success"] else _error(value)
        status = value.get("statusCode")
        if isinstance(status, int):
            return _read_response(status, value.get("body"))
        return RunResult(wrapped(value))
    return RunResult(read_result(value))


def _read_response(status: int, body: Any) -> RunLine:
    """Read a response in the form that API Gateway takes from a function."""
    if status >= 400:
        return RunError(f"The tool answered with HTTP status {status}.", f"HTTP_{status}")
    if isinstance(body, str):
        value = _parsed(body.encode("utf-8", "surrogatepass"))
        body = body if value is _NO_JSON else value
    if isinstance(body, dict) and ("success" in body or is_marked(body)):
        return _read_whole(body)
    return RunResult(wrapped(body))


def _error(fields: dict[str, Any]) -> RunError:
    code = _string(fields.get("error_code")) or "REMOTE_ERROR"
    return RunError(_string(fields.get("error")) or "The tool gave no reason.", code)


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""

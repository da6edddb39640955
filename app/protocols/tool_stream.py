"""NDJSON, one JSON object a line: of a chat turn here, of a single tool in `tool_run`.

    {"type":"status","payload":{"message":"Looking up Oslo"},"timestamp":1767225600.0}
    {"type":"delta","payload":{"text":"It is "},"timestamp":1767225600.9}
    {"type":"heartbeat","payload":{},"timestamp":1767225610.9}
    {"type":"result","payload":{"text":"It is 9 °C.", …},"timestamp":1767225611.2}

The timestamp is Unix time in seconds. The last line is one ``result``, or one ``error``:
``{"error": sentence, "error_code": code}``. Readers ignore unknown types and keys.

Source: the tool streams of Solace Agent Mesh (`lambda` executor and `sam-lambda-tools`, 2026);
``delta`` and the payload of a turn's ``result`` are ours.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, assert_never

from app.events import (
    Abort,
    Data,
    Error,
    Event,
    File,
    Finish,
    Metadata,
    ReasoningDelta,
    ReasoningRedacted,
    ReasoningSignature,
    Source,
    Start,
    Status,
    StepEnd,
    StepStart,
    TextDelta,
    ToolApprovalRequest,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputError,
    ToolInputStart,
    ToolOutputAvailable,
    ToolOutputDenied,
    ToolOutputError,
)
from app.protocols.json_text import dumps

MEDIA_TYPE = "application/x-ndjson"

# Characters that JSON may hold unescaped, and that `str.splitlines` of Python (and so `iter_lines`
# of httpx) takes for the end of a line.
_LINE_ENDS = tuple((end.encode(), f"\\u{ord(end):04x}".encode()) for end in "\x85\u2028\u2029")


def line(kind: str, payload: Mapping[str, Any], timestamp: float) -> bytes:
    """Return one line with its newline, the only line end in it for any reader."""
    text = dumps({"type": kind, "payload": payload, "timestamp": timestamp})
    if not text.isascii():
        for end, escape in _LINE_ENDS:
            text = text.replace(end, escape)
    return text + b"\n"


class ToolStreamEncoder:
    """Encodes one turn. Keeps the text and the tool calls for the last line, which repeats them.

    The payload of ``result``::

        {"text", "message_id", "finish_reason", "usage", "tool_calls"?, "sources"?, "files"?,
         "data"?, "metadata"?}

    An item of ``tool_calls`` has a ``tool_call_id``, ``tool_name``, ``input`` and ``state``:
    ``input-available`` (the client runs it), ``approval-requested`` (with ``approval_id``),
    ``output-available`` (with ``output``), ``output-error`` (with ``error``) or ``output-denied``.

    Args:
        now: Unix time in seconds.
    """

    media_type: ClassVar[str] = MEDIA_TYPE
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, *, now: Callable[[], float]) -> None:
        self._now = now
        self._message_id = ""
        self._text: list[str] = []
        self._calls: dict[str, dict[str, Any]] = {}
        self._more: dict[str, list[Any]] = {}
        self._metadata: dict[str, Any] = {}

    def encode(self, event: Event, by_provider: bool = False, /) -> bytes:
        """Return whole lines, or ``b""`` if only the last line tells ``event``, or none does."""
        match event:
            case TextDelta(text):
                self._text.append(text)
                return self._line("delta", {"text": text})
            case Start(message_id, metadata):
                self._message_id = message_id
                self._metadata.update(metadata or {})
            case Status(message, tool_call_id):
                return self._status(message, tool_call_id)
            case ToolInputAvailable(tool_call_id, tool_name, tool_input):
                self._call(tool_call_id, "input-available", tool_name=tool_name, input=tool_input)
                return self._status(f"Calling {tool_name}", tool_call_id)
            case ToolInputError(tool_call_id, tool_name, tool_input, message):
                self._call(
                    tool_call_id,
                    "output-error",
                    tool_name=tool_name,
                    input=tool_input,
                    error=message,
                )
                return self._status(f"{tool_name} cannot be called", tool_call_id)
            case ToolApprovalRequest(approval_id, tool_call_id):
                name = self._call(tool_call_id, "approval-requested", approval_id=approval_id)
                return self._status(f"{name} needs the user's approval", tool_call_id)
            case ToolOutputAvailable(tool_call_id, output, preliminary):
                if preliminary:
                    name = self._name(tool_call_id)
                    return self._status(f"{name} goes on", tool_call_id, output=output)
                name = self._call(tool_call_id, "output-available", output=output)
                return self._status(f"{name} is done", tool_call_id)
            case ToolOutputError(tool_call_id, message):
                name = self._call(tool_call_id, "output-error", error=message)
                return self._status(f"{name} failed", tool_call_id)
            case ToolOutputDenied(tool_call_id):
                name = self._call(tool_call_id, "output-denied")
                return self._status(f"{name} was not allowed", tool_call_id)
            case Source(source_id, url, title, media_type, filename):
                about = {"url": url, "title": title, "media_type": media_type, "filename": filename}
                known = {key: value for key, value in about.items() if value is not None}
                self._keep("sources", {"id": source_id, **known})
            case File(media_type, url):
                self._keep("files", {"media_type": media_type, "url": url})
            case Data(name, data, data_id):
                item = {"name": name, "data": data}
                self._keep("data", item if data_id is None else {**item, "id": data_id})
            case Metadata(value):
                self._metadata.update(value)
            case Finish(finish_reason, usage, metadata):
                self._metadata.update(metadata or {})
                return self._result(finish_reason, usage.counted())
            case Error(code, message):
                return self._line("error", {"error": message, "error_code": code})
            case Abort(reason):
                message = reason or "The answer was stopped."
                return self._line("error", {"error": message, "error_code": "aborted"})
            case (
                ReasoningDelta()
                | ReasoningSignature()
                | ReasoningRedacted()
                | ToolInputStart()
                | ToolInputDelta()
                | StepStart()
                | StepEnd()
            ):
                pass
            case _:
                assert_never(event)
        return b""

    def keep_alive(self) -> bytes:
        """Return a heartbeat line."""
        return self._line("heartbeat", {})

    def _line(self, kind: str, payload: Mapping[str, Any]) -> bytes:
        return line(kind, payload, self._now())

    def _status(self, message: str, tool_call_id: str | None, **more: Any) -> bytes:
        about = {} if tool_call_id is None else {"tool_call_id": tool_call_id}
        return self._line("status", {"message": message, **about, **more})

    def _call(self, tool_call_id: str, state: str, **facts: Any) -> str:
        """Record what is new about a call and return its tool's name."""
        call = self._calls.setdefault(tool_call_id, {"tool_call_id": tool_call_id})
        call.update(state=state, **facts)
        return self._name(tool_call_id)

    def _name(self, tool_call_id: str) -> str:
        # The name of a call from the history, approved since, is not known here.
        call = self._calls.get(tool_call_id, {})
        return str(call.get("tool_name", "The tool"))

    def _keep(self, key: str, item: Mapping[str, Any]) -> None:
        self._more.setdefault(key, []).append(item)

    def _result(self, finish_reason: str, usage: Mapping[str, int]) -> bytes:
        payload: dict[str, Any] = {
            "text": "".join(self._text),
            "message_id": self._message_id,
            "finish_reason": finish_reason,
            "usage": usage,
        }
        if self._calls:
            payload["tool_calls"] = list(self._calls.values())
        payload |= self._more
        if self._metadata:
            payload["metadata"] = self._metadata
        return self._line("result", payload)

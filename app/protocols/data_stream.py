"""AI SDK data stream protocol v1, which `useChat` of AI SDK 3.4 and 4 reads.

One part per line, ``<code>:<JSON>`` and a newline::

    f:{"messageId":"msg-1"}
    0:"Hello"
    e:{"finishReason":"stop","usage":{"promptTokens":3,"completionTokens":1},"isContinued":false}
    d:{"finishReason":"stop","usage":{"promptTokens":3,"completionTokens":1}}

The parser is strict: an unknown code, a wrong shape or an ``a`` without its ``9`` fails the whole
answer, and nothing is read after a ``3``. AI SDK 3.4 (and 4.0 before 4.0.39) knows only the codes
0-9 and a-e, so the ``"3.4"`` dialect leaves the others out. A 3.4 client starts a new message at
the first text or call of a step. It has to see a later step even if that step says nothing (see
`last_step`), so every later step begins with an empty text.

Calls that the model's provider runs are left out: these clients would take them for calls of the
application and, with `maxSteps`, post the finished answer again.

Source: vercel/ai at ai@4.3, packages/ui-utils/src/data-stream-parts.ts (codes and shapes) and
process-data-stream.ts (the parser); @ai-sdk/ui-utils 0.0.50 for AI SDK 3.4.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias, assert_never

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
    Usage,
)
from app.forbidden_keys import neutralise
from app.protocols.json_text import dumps

ClientVersion: TypeAlias = Literal["3.4", "4"]

DENIED = "The user did not allow this call."

_NO_USAGE = {"promptTokens": 0, "completionTokens": 0}


class DataStreamEncoder:
    """Encodes one turn. Keeps the message id, since v1 repeats it at each step.

    Args:
        version: the client's version of the AI SDK.
    """

    __slots__ = ("_in_step", "_knows_f_to_k", "_message_id", "_steps")

    media_type: ClassVar[str] = "text/plain; charset=utf-8"
    headers: ClassVar[Mapping[str, str]] = {"x-vercel-ai-data-stream": "v1"}

    def __init__(self, version: ClientVersion = "4") -> None:
        self._knows_f_to_k = version == "4"
        self._message_id = ""
        self._in_step = False
        self._steps = 0

    def encode(self, event: Event, by_provider: bool = False, /) -> bytes:
        """Return whole lines, or ``b""`` if v1 has no part for ``event``."""
        if type(event) is TextDelta:  # a pattern takes several times as long
            return b"0:" + dumps(event.text) + b"\n"
        match event:
            case Start(message_id, metadata):
                self._message_id = message_id
                return _annotation(metadata)
            case StepStart():
                self._in_step = True
                self._steps += 1
                if self._knows_f_to_k:
                    return _part("f", {"messageId": self._message_id})
                return _part("0", "") if self._steps > 1 else b""
            case StepEnd(finish_reason, usage):
                self._in_step = False
                return _part("e", _end(finish_reason, _usage(usage), isContinued=False))
            case Finish(finish_reason, usage, metadata):
                return _annotation(metadata) + _part("d", _end(finish_reason, _usage(usage)))
            case ReasoningDelta(text):
                return self._newer("g", text)
            case ReasoningSignature(signature):
                return self._newer("j", {"signature": signature})
            case ReasoningRedacted(data):
                return self._newer("i", {"data": data})
            case _ if by_provider:
                return b""
            case ToolInputStart(tool_call_id, tool_name):
                return _part("b", {"toolCallId": tool_call_id, "toolName": tool_name})
            case ToolInputDelta(tool_call_id, text):
                return _part("c", {"toolCallId": tool_call_id, "argsTextDelta": text})
            case ToolInputAvailable(tool_call_id, tool_name, tool_input):
                return _call(tool_call_id, tool_name, tool_input)
            case ToolInputError(tool_call_id, tool_name, tool_input, message):
                # `3:` would end the whole answer, so the result says that the call failed.
                call = _call(tool_call_id, tool_name, tool_input)
                return call + _result(tool_call_id, {"error": message})
            case ToolOutputAvailable(tool_call_id, output, preliminary):
                return b"" if preliminary else _result(tool_call_id, output)
            case ToolOutputError(tool_call_id, message):
                return _result(tool_call_id, {"error": message})
            case ToolOutputDenied(tool_call_id):
                return _result(tool_call_id, {"error": DENIED})
            case ToolApprovalRequest():
                return b""  # v1 cannot ask, so the turn refuses such calls in this protocol
            case Status(message, tool_call_id):
                status = {"type": "status", "message": message}
                if tool_call_id is not None:
                    status["toolCallId"] = tool_call_id
                return _annotation(status)
            case Metadata(value):
                return _annotation(value)
            case Source(source_id, url, title):
                return b"" if url is None else self._newer("h", _source(source_id, url, title))
            case File(media_type, url):
                head, comma, data = url.partition(";base64,")
                if not (comma and head.startswith("data:")):
                    return b""  # v1 carries a file's bytes, not its address
                return self._newer("k", {"data": data, "mimeType": media_type})
            case Data(name, data, data_id):
                item = {"type": f"data-{name}", "data": data}
                if data_id is not None:
                    item["id"] = data_id
                return _part("2", [item])
            case Error(_, message):
                return _part("3", message) + (self._ended("error") if self._steps else b"")
            case Abort():
                return self._ended("other")  # v1 has no part for an abort
            case _:
                assert_never(event)

    def keep_alive(self) -> bytes:
        """Return a blank line, the only thing that a v1 parser skips."""
        return b"\n"

    def _newer(self, code: str, value: Any) -> bytes:
        return _part(code, value) if self._knows_f_to_k else b""

    def _ended(self, finish_reason: str) -> bytes:
        """Return the closing lines of a turn that did not finish; they count no usage.

        After an error the AI SDK's server sends them too, unless it came before the first step. A
        stop has them there too: who reads the answer by another connection could not tell a stream
        without an end from one that broke.
        """
        step = _part("e", _end(finish_reason, _NO_USAGE, isContinued=False))
        return (step if self._in_step else b"") + _part("d", _end(finish_reason, _NO_USAGE))


def _part(code: str, value: Any) -> bytes:
    return code.encode() + b":" + neutralise(dumps(value)) + b"\n"


def _annotation(value: Mapping[str, Any] | None) -> bytes:
    return b"" if value is None else _part("8", [value])


def _call(tool_call_id: str, tool_name: str, tool_input: Any) -> bytes:
    args = tool_input if isinstance(tool_input, Mapping) else {"input": tool_input}
    return _part("9", {"toolCallId": tool_call_id, "toolName": tool_name, "args": args})


def _result(tool_call_id: str, result: Any) -> bytes:
    return _part("a", {"toolCallId": tool_call_id, "result": result})


def _source(source_id: str, url: str, title: str | None) -> dict[str, str]:
    source = {"sourceType": "url", "id": source_id, "url": url}
    return source if title is None else {**source, "title": title}


def _end(finish_reason: str, usage: Mapping[str, int] | None, **more: bool) -> dict[str, Any]:
    # The client reads a null as NaN, so a usage that the model did not report is left out.
    return {"finishReason": finish_reason, **({"usage": usage} if usage else {}), **more}


def _usage(usage: Usage) -> Mapping[str, int] | None:
    if usage.input_tokens is None and usage.output_tokens is None:
        return None
    return {"promptTokens": usage.input_tokens or 0, "completionTokens": usage.output_tokens or 0}

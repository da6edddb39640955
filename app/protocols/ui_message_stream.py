"""AI SDK UI message stream v1, which `useChat` of AI SDK 5, 6 and 7 reads.

Server-sent events, each ``data: <JSON>`` and a blank line, at the end ``data: [DONE]``::

    data: {"type":"start","messageId":"msg-1"}
    data: {"type":"start-step"}
    data: {"type":"text-start","id":"t1"}
    data: {"type":"text-delta","id":"t1","delta":"Hello"}
    data: {"type":"text-end","id":"t1"}
    data: {"type":"finish-step"}
    data: {"type":"finish","finishReason":"stop"}
    data: [DONE]

Many released clients validate each chunk strictly: an unknown key, a null or an unknown chunk type
ends the answer with an error. So each chunk has the keys of the oldest schema that knows it, and
chunks that only newer clients know are sent only when a feature needs them.

Source: vercel/ai, packages/ai/src/ui-message-stream/ui-message-chunks.ts and
packages/ai/src/ui/process-ui-message-stream.ts at ai 5.0.0 to 7.0.173.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias, assert_never

from app.events import (
    Abort,
    CallEvent,
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
from app.forbidden_keys import neutralise
from app.protocols.json_text import dumps

ClientVersion: TypeAlias = Literal["5.0", "5", "6", "7"]

# Reasoning proofs travel to the client and back under this key of ``providerMetadata``.
METADATA_KEY = "deltaline"

_DONE = b"data: [DONE]\n\n"
_TURN_STATUS_ID = "turn"


class UIMessageStreamEncoder:
    """Encodes one turn. Keeps track of the open text or reasoning block, to send its end.

    Args:
        version: the client's version of the AI SDK; None for any from 5.0.92 on. ``"5.0"`` means
            5.0.0 to 5.0.91, which know neither ``finish.finishReason`` nor ``tool-input-error``.
            The reason of an abort is sent from ``"6"`` on.
        continues: whether the turn continues a message, which has steps already.
    """

    media_type: ClassVar[str] = "text/event-stream"
    headers: ClassVar[Mapping[str, str]] = {"x-vercel-ai-ui-message-stream": "v1"}

    def __init__(self, version: ClientVersion | None = None, *, continues: bool = False) -> None:
        self._continues = continues
        self._is_first_5 = version == "5.0"
        self._knows_reason = version in ("6", "7")
        self._block: Literal["text", "reasoning"] | None = None
        self._block_id = ""
        self._delta_head = b""
        self._blocks = {"text": 0, "reasoning": 0}
        self._in_step = False
        self._steps = 0
        self._step_is_bare = False
        self._statuses: set[str] = set()

    def encode(self, event: Event, by_provider: bool = False, /) -> bytes:
        """Return whole server-sent events, or ``b""`` if the format has none for ``event``."""
        if type(event) is TextDelta:  # a pattern takes several times as long
            head = b"" if self._block == "text" else self._open("text")
            return head + self._delta_head + dumps(event.text) + b"}\n\n"
        match event:
            case Start(message_id, metadata):
                about = {} if metadata is None else {"messageMetadata": metadata}
                return _chunk("start", **about, messageId=message_id)
            case StepStart():
                self._in_step = self._step_is_bare = True
                self._steps += 1
                return _chunk("start-step")
            case StepEnd():
                self._in_step = False
                return self._close() + self._status_done(_TURN_STATUS_ID) + _chunk("finish-step")
            case Finish(finish_reason, _, metadata):
                reason = {} if self._is_first_5 else {"finishReason": finish_reason}
                about = {} if metadata is None else {"messageMetadata": metadata}
                shown = b"" if about else self._bare_step_shown()
                return shown + _chunk("finish", **reason, **about) + _DONE
            case ReasoningDelta(text):
                head = b"" if self._block == "reasoning" else self._open("reasoning")
                return head + self._delta_head + dumps(text) + b"}\n\n"
            case ReasoningSignature(signature):
                head = b"" if self._block == "reasoning" else self._open("reasoning")
                return head + self._close(providerMetadata={METADATA_KEY: {"signature": signature}})
            case ReasoningRedacted(data):
                proof = {"providerMetadata": {METADATA_KEY: {"redactedData": data}}}
                return self._open("reasoning", **proof) + self._close()
            case Status(message, tool_call_id):
                status_id = tool_call_id or _TURN_STATUS_ID
                self._statuses.add(status_id)
                status = {"state": "running", "message": message}
                return _chunk("data-status", id=status_id, data=status)
            case Metadata(value):
                return _chunk("message-metadata", messageMetadata=value)
            case Data(name, data, data_id, transient):
                more = {} if data_id is None else {"id": data_id}
                last = {"transient": True} if transient else {}
                return _chunk(f"data-{name}", **more, data=data, **last)
            case Source():
                return b"data: " + dumps(source_chunk(event)) + b"\n\n"
            case File(media_type, url):
                return _chunk("file", url=url, mediaType=media_type)
            case Abort(reason):
                why = {"reason": reason} if reason and self._knows_reason else {}
                return self._close() + self._bare_step_shown() + _chunk("abort", **why) + _DONE
            case Error(_, message):
                # Clients stop reading at the error. A block left open would stay "streaming" for
                # ever, in the message and in every later request, so it is closed first.
                head = self._close() + self._bare_step_shown()
                return head + _chunk("error", errorText=message) + self._failed() + _DONE
            case (
                ToolInputStart()
                | ToolInputDelta()
                | ToolInputAvailable()
                | ToolInputError()
                | ToolApprovalRequest()
                | ToolOutputAvailable()
                | ToolOutputError()
                | ToolOutputDenied()
            ):
                return self._close() + self._tool(event, by_provider)
            case _:
                assert_never(event)

    def keep_alive(self) -> bytes:
        """Return a comment, which every reader of server-sent events skips."""
        return b": ping\n\n"

    def _tool(self, event: CallEvent, by_provider: bool) -> bytes:
        call_id = event.tool_call_id
        by = {"providerExecuted": True} if by_provider else {}
        self._step_is_bare = False
        match event:
            case ToolInputStart(_, tool_name):
                call = {"toolCallId": call_id, "toolName": tool_name}
                return _chunk("tool-input-start", **call, **by)
            case ToolInputDelta(_, text):
                return _chunk("tool-input-delta", toolCallId=call_id, inputTextDelta=text)
            case ToolInputAvailable(_, tool_name, tool_input):
                call = {"toolCallId": call_id, "toolName": tool_name, "input": tool_input}
                return _chunk("tool-input-available", **call, **by)
            case ToolInputError(_, tool_name, tool_input, message):
                call = {"toolCallId": call_id, "toolName": tool_name, "input": tool_input}
                if self._is_first_5:
                    known = _chunk("tool-input-available", **call)
                    return known + _chunk(
                        "tool-output-error", toolCallId=call_id, errorText=message
                    )
                return _chunk("tool-input-error", **call, errorText=message)
            case ToolApprovalRequest(approval_id):
                return _chunk("tool-approval-request", approvalId=approval_id, toolCallId=call_id)
            case ToolOutputAvailable(_, output, preliminary):
                if preliminary and self._is_first_5:
                    return b""
                done = b"" if preliminary else self._status_done(call_id)
                more = {"preliminary": True} if preliminary else {}
                result = {"toolCallId": call_id, "output": output}
                return done + _chunk("tool-output-available", **result, **by, **more)
            case ToolOutputError(_, message):
                result = {"toolCallId": call_id, "errorText": message, **by}
                return self._status_done(call_id) + _chunk("tool-output-error", **result)
            case ToolOutputDenied():
                return _chunk("tool-output-denied", toolCallId=call_id)
            case _:
                assert_never(event)

    def _open(self, block: Literal["text", "reasoning"], **more: Any) -> bytes:
        closing = self._close()
        self._blocks[block] += 1
        self._block = block
        self._step_is_bare = False
        self._block_id = f"{block[0]}{self._blocks[block]}"
        self._delta_head = (
            f'data: {{"type":"{block}-delta","id":"{self._block_id}","delta":'.encode()
        )
        return closing + _chunk(f"{block}-start", id=self._block_id, **more)

    def _close(self, **more: Any) -> bytes:
        if self._block is None:
            return b""
        block, self._block = self._block, None
        return _chunk(f"{block}-end", id=self._block_id, **more)

    def _status_done(self, status_id: str) -> bytes:
        if status_id not in self._statuses:
            return b""
        self._statuses.remove(status_id)
        return _chunk("data-status", id=status_id, data={"state": "done"})

    def _bare_step_shown(self) -> bytes:
        """Return a chunk that makes the client notice a later step in which nothing was said.

        The client looks at the last step to decide whether to post tool results. It takes in a
        `start-step` only with the next chunk that updates the message; an empty
        `message-metadata` is such a chunk and changes nothing.
        """
        is_unseen = self._step_is_bare and (self._steps > 1 or self._continues)
        return _chunk("message-metadata", messageMetadata={}) if is_unseen else b""

    def _failed(self) -> bytes:
        if not self._steps:
            return b""
        step = _chunk("finish-step") if self._in_step else b""
        reason = {} if self._is_first_5 else {"finishReason": "error"}
        return step + _chunk("finish", **reason)


def _chunk(kind: str, **fields: Any) -> bytes:
    return b"data: " + neutralise(dumps({"type": kind, **fields})) + b"\n\n"


def source_chunk(source: Source) -> dict[str, str]:
    """Return the chunk of a source, which is also the part that clients keep in the message."""
    title = {} if source.title is None else {"title": source.title}
    if source.url is not None:
        return {
            "type": "source-url",
            "sourceId": source.source_id,
            "url": source.url,
            **title,
        }
    name = {} if source.filename is None else {"filename": source.filename}
    return {
        "type": "source-document",
        "sourceId": source.source_id,
        # The schema requires a document's media type and title.
        "mediaType": source.media_type or "application/octet-stream",
        "title": source.title or source.filename or source.source_id,
        **name,
    }

"""The message that an AI SDK client would hold at the end of a turn.

Used where the whole answer is needed at once: ``"stream": false``, ``on_finish`` and the check of
``POST /api/object/{schema}``. Otherwise none of it is kept.

Source of the part shapes: vercel/ai, packages/ai/src/ui/ui-messages.ts (AI SDK 5 and later).
"""

from collections.abc import Mapping
from typing import Any, assert_never

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
from app.growing_text import GrowingText
from app.protocols.ui_message_stream import METADATA_KEY, source_chunk

_DELTAS = (TextDelta, ReasoningDelta)
# Between two deltas, these do not end the text or reasoning: clients keep it as one part, before
# the part of the other event. A signature belongs to the reasoning before it.
_WITHIN_A_BLOCK = (Status, Source, File, Data, Metadata, ReasoningSignature)


class Transcript:
    """Collects the events of one turn.

    Args:
        message_id: of the assistant's message, for a turn that ends before its `Start`.
        earlier: the message that the turn continues: `message` has its parts before the new ones.

    Attributes:
        message_id: the assistant message's id.
        parts: the message's parts, as AI SDK 5 and later keep them.
    """

    def __init__(self, message_id: str, earlier: Mapping[str, Any] | None = None) -> None:
        self.message_id = message_id
        earlier = earlier or {}
        # Copies: a call of an earlier request gets its result here.
        self.parts: list[dict[str, Any]] = [dict(part) for part in earlier.get("parts", ())]
        self._said_before = len(self.parts)
        self._metadata: dict[str, Any] = dict(earlier.get("metadata") or {})
        self._block: tuple[dict[str, Any], GrowingText] | None = None
        self._calls = {
            part["toolCallId"]: part
            for part in self.parts
            if isinstance(part.get("toolCallId"), str)  # a client may write anything
        }
        # Where in ``parts`` the calls belong whose arguments are still coming, oldest first.
        self._places: dict[str, int] = {}

    @property
    def text(self) -> str:
        """What this turn has said in all its steps."""
        self._write_block()
        said = self.parts[self._said_before :]
        return "".join(part["text"] for part in said if part["type"] == "text")

    def message(self) -> dict[str, Any]:
        """Return the message: ``{"id", "role", "parts", "metadata"?}``."""
        self._write_block()
        about = {"metadata": self._metadata} if self._metadata else {}
        return {"id": self.message_id, "role": "assistant", "parts": self.parts, **about}

    def said(self) -> list[dict[str, Any]]:
        """Return copies of the parts that this turn has added."""
        self._write_block()
        return [dict(part) for part in self.parts[self._said_before :]]

    def add(self, event: Event) -> None:
        """Add the next event of the turn."""
        if isinstance(event, _DELTAS):
            kind = "text" if type(event) is TextDelta else "reasoning"
            if self._block is None or self._block[0]["type"] != kind:
                self._end_block()
                self._block = ({"type": kind, "text": "", "state": "done"}, GrowingText())
                self.parts.append(self._block[0])
            self._block[1].append(event.text)
            return
        if not isinstance(event, _WITHIN_A_BLOCK):
            self._end_block()
        match event:
            case Start(message_id, metadata):
                self.message_id = message_id
                self._metadata = _merged(self._metadata, metadata or {})
            case StepStart():
                self.parts.append({"type": "step-start"})
            case StepEnd() | Abort() | Error() | ToolInputDelta() | Status():
                pass  # not part of the message
            case Finish(_, _, metadata):
                self._metadata = _merged(self._metadata, metadata or {})
            case ReasoningSignature(signature):
                self._prove({"signature": signature})
                self._end_block()
            case ReasoningRedacted(data):
                self.parts.append({"type": "reasoning", "text": "", "state": "done"})
                self._prove({"redactedData": data})
            case ToolInputAvailable(call_id, tool_name, tool_input, executor):
                more = {"providerExecuted": True} if executor == "provider" else {}
                self._call(call_id, tool_name, "input-available", input=tool_input, **more)
            case ToolInputError(call_id, tool_name, tool_input, message):
                self._call(call_id, tool_name, "output-error", input=tool_input, errorText=message)
            case ToolApprovalRequest(approval_id, call_id):
                self._answer(call_id, "approval-requested", approval={"id": approval_id})
            case ToolOutputAvailable(call_id, output):
                self._answer(call_id, "output-available", output=output)
            case ToolOutputError(call_id, message):
                self._answer(call_id, "output-error", errorText=message)
            case ToolOutputDenied(call_id):
                self._answer(call_id, "output-denied")
            case Source():
                self.parts.append(source_chunk(event))
            case File(media_type, url):
                self.parts.append({"type": "file", "mediaType": media_type, "url": url})
            case Data(name, data, data_id, transient):
                if not transient:
                    self._data(name, data, data_id)
            case Metadata(value):
                self._metadata = _merged(self._metadata, value)
            case ToolInputStart(call_id):
                self._places[call_id] = len(self.parts)
            case _:
                assert_never(event)

    def _end_block(self) -> None:
        self._write_block()
        self._block = None

    def _write_block(self) -> None:
        if self._block is not None:
            part, text = self._block
            part["text"] = str(text)

    def _prove(self, proof: dict[str, str]) -> None:
        proved = self._block[0] if self._block else self.parts[-1] if self.parts else {}
        if proved.get("type") == "reasoning" and "providerMetadata" not in proved:
            proved["providerMetadata"] = {METADATA_KEY: proof}

    def _call(self, call_id: str, tool_name: str, state: str, **fields: Any) -> None:
        part = {"type": f"tool-{tool_name}", "toolCallId": call_id, "state": state, **fields}
        self._calls[call_id] = part
        # Clients show a call from its first argument on, so it stands before what came meanwhile.
        begun = list(self._places)
        later = begun[begun.index(call_id) + 1 :] if call_id in self._places else ()
        self.parts.insert(self._places.pop(call_id, len(self.parts)), part)
        for other in later:
            self._places[other] += 1

    def _answer(self, call_id: str, state: str, **fields: Any) -> None:
        part = self._calls.get(call_id)
        if part is None:
            return  # a call of an earlier request, whose message is not known here
        part.pop("output", None)  # a preliminary one
        part.update(state=state, **fields)

    def _data(self, name: str, data: Any, data_id: str | None) -> None:
        kind = f"data-{name}"
        for part in self.parts:
            if data_id is not None and part["type"] == kind and part.get("id") == data_id:
                part["data"] = data
                return
        more = {} if data_id is None else {"id": data_id}
        self.parts.append({"type": kind, **more, "data": data})


def _merged(old: dict[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``old`` updated with ``new``, nested objects included, as clients merge metadata."""
    merged = dict(old)
    for key, value in new.items():
        known = merged.get(key)
        if isinstance(known, dict) and isinstance(value, Mapping):
            value = _merged(known, value)
        merged[key] = value
    return merged

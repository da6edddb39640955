"""A stored message → the events that make it, for the log of a turn that continues it.

A follower that reads such a log from its beginning shows the whole message. Where the user has
replied to an approval request, the last step stays open for the call's result, which the turn
gives. A call that the user approved is announced without the request: the turn runs it, and nobody
is to be asked again. A denial needs the request before it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.events import (
    Data,
    Event,
    Executor,
    File,
    ReasoningDelta,
    ReasoningRedacted,
    ReasoningSignature,
    Source,
    Start,
    StepEnd,
    StepStart,
    TextDelta,
    ToolApprovalRequest,
    ToolInputAvailable,
    ToolInputError,
    ToolOutputAvailable,
    ToolOutputDenied,
    ToolOutputError,
)
from app.protocols.ui_message_stream import METADATA_KEY
from app.store.store import UIMessage

_DATA = "data-"
_TOOL = "tool-"


def earlier_events(message: UIMessage) -> Sequence[Event]:
    """Return the events of the message's parts, from `Start` to the end of its last step."""
    parts: Sequence[Mapping[str, Any]] = message["parts"]
    events: list[Event] = [Start(message["id"], message.get("metadata") or None)]
    steps = [index for index, part in enumerate(parts) if part.get("type") == "step-start"]
    last = steps[-1] if steps else 0
    in_step = has_calls = False

    def end_step() -> Iterator[Event]:
        if in_step:
            yield StepEnd("tool-calls" if has_calls else "stop")

    for index, part in enumerate(parts):
        if part.get("type") == "step-start":
            events += end_step()
            events.append(StepStart())
            in_step, has_calls = True, False
            continue
        made = list(_events(part, is_last_step=index >= last))
        if made and not in_step and not isinstance(made[0], Data | File | Source):
            events.append(StepStart())  # only a message of somebody else's store has none
            in_step = True
        has_calls = has_calls or "toolCallId" in part
        events += made
    if not owed_calls(events):
        events += end_step()
    return events


def owed_calls(earlier: Sequence[Event]) -> Mapping[str, str]:
    """Return the calls whose result the turn gives, since the user has replied: id → tool name."""
    owed: dict[str, str] = {}
    for event in earlier:
        match event:
            case ToolInputAvailable(call_id, tool_name, _, "server"):
                owed[call_id] = tool_name
            case (
                ToolOutputAvailable(call_id) | ToolOutputError(call_id) | ToolOutputDenied(call_id)
            ):
                owed.pop(call_id, None)
            case _:
                pass
    return owed


def _events(part: Mapping[str, Any], *, is_last_step: bool) -> Iterator[Event]:
    match part:
        case {"type": "text", "text": text}:
            if text:
                yield TextDelta(text)
        case {"type": "reasoning", "text": text}:
            yield from _reasoning(part, text)
        case {"type": "file", "mediaType": media_type, "url": url}:
            yield File(media_type, url)
        case {"type": "source-url", "sourceId": source_id, "url": url}:
            yield Source(source_id, url=url, title=part.get("title"))
        case {"type": "source-document", "sourceId": source_id}:
            yield Source(
                source_id,
                title=part.get("title"),
                media_type=part.get("mediaType"),
                filename=part.get("filename"),
            )
        case {"type": str(kind), "data": data} if kind.startswith(_DATA):
            yield Data(kind.removeprefix(_DATA), data, part.get("id"))
        case {"type": "dynamic-tool", "toolCallId": call_id, "toolName": name}:
            yield from _call(part, call_id, name, is_last_step)
        case {"type": str(kind), "toolCallId": call_id} if kind.startswith(_TOOL):
            yield from _call(part, call_id, kind.removeprefix(_TOOL), is_last_step)
        case _:
            pass  # no event makes it


def _reasoning(part: Mapping[str, Any], text: str) -> Iterator[Event]:
    proof = (part.get("providerMetadata") or {}).get(METADATA_KEY) or {}
    if "redactedData" in proof:
        yield ReasoningRedacted(proof["redactedData"])
        return
    if text:
        yield ReasoningDelta(text)
    if "signature" in proof:
        yield ReasoningSignature(proof["signature"])


def _call(part: Mapping[str, Any], call_id: str, name: str, is_last_step: bool) -> Iterator[Event]:
    approval = part.get("approval") or {}
    settled: Executor = "provider" if part.get("providerExecuted") else "server"

    # 5 and 6 keep arguments that cannot be used apart.
    written = part.get("input", part.get("rawInput"))

    def announced(executor: Executor) -> Iterator[Event]:
        yield ToolInputAvailable(call_id, name, written, executor)

    def asked(executor: Executor) -> Iterator[Event]:
        yield from announced(executor)
        yield ToolApprovalRequest(approval["id"], call_id)

    match part.get("state"):
        case "output-available":
            yield from announced(settled)
            yield ToolOutputAvailable(call_id, part.get("output"))
        case "output-error" if settled == "server" and not isinstance(written, Mapping):
            yield ToolInputError(call_id, name, written, part.get("errorText") or "")
        case "output-error":
            yield from announced(settled)
            yield ToolOutputError(call_id, part.get("errorText") or "")
        case "output-denied":
            yield from asked(settled) if approval else announced(settled)
            yield ToolOutputDenied(call_id)
        case "approval-responded" if is_last_step:
            yield from announced("server") if approval.get("approved") else asked("server")
        case "approval-requested" | "approval-responded":
            # As a call of the client, which no turn owes a result.
            yield from asked("provider" if settled == "provider" else "client")
        case "input-available":
            yield from announced("client")
        case _:
            pass  # its arguments never came completely

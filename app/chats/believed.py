"""What a request says of the calls that wait for its client or its user.

A turn that leaves a call to the client, or asks the user about one, ends there; the next request
brings the result or the reply. The rest of the assistant's message that comes with it is the
client's claim and is ignored: its text, the inputs of calls, results of calls that the server or
the model's provider runs, second results, and replies to what was never asked.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

import msgspec

from app.messages import ApprovalReply, ChatRequest, Message, ToolOutputPart
from app.store.store import UIMessage


class Brought(msgspec.Struct, frozen=True):
    """What a request says of calls, believed or not.

    Attributes:
        results: by the id of the call.
        replies: to approval requests, by the id of the call.
        calls: the ids of all calls that the posted message holds.
        digest: the same for a request that comes twice, another one once its client has received
            more of the message.
    """

    results: Mapping[str, ToolOutputPart]
    replies: Mapping[str, ApprovalReply]
    calls: frozenset[str]
    digest: str


def brought_by(asked: ChatRequest) -> Brought:
    """Return what the assistant's message at the end of a request says of its calls."""
    after_user = [
        *takewhile(lambda message: message.role in ("assistant", "tool"), asked.messages[::-1])
    ]
    outputs = list(_outputs(after_user[::-1]))
    results: dict[str, ToolOutputPart] = {}
    for output in outputs:
        if not output.closed:
            results.setdefault(output.tool_call_id, output)
    replies: dict[str, ApprovalReply] = {}
    for reply in asked.approval_replies:
        replies.setdefault(reply.call.tool_call_id, reply)
    said = [
        len(after_user),
        *sorted(results),
        *sorted(reply.approval_id for reply in replies.values()),
    ]
    return Brought(
        results,
        replies,
        frozenset({output.tool_call_id for output in outputs} | replies.keys()),
        hashlib.sha256(msgspec.json.encode(said)).hexdigest(),
    )


def with_what_was_brought(stored: UIMessage, brought: Brought) -> UIMessage:
    """Return the message with the results and replies of calls that its last step holds open."""
    parts = list(stored["parts"])
    for index in _last_step(parts):
        parts[index] = _settled(parts[index], brought)
    return {**stored, "parts": parts}


def _outputs(messages: Sequence[Message]) -> Iterator[ToolOutputPart]:
    for message in messages:
        yield from (part for part in message.parts if isinstance(part, ToolOutputPart))


def _last_step(parts: Sequence[Mapping[str, Any]]) -> Iterator[int]:
    for index in range(len(parts) - 1, -1, -1):
        if parts[index].get("type") == "step-start":
            return
        yield index


def _settled(part: Mapping[str, Any], brought: Brought) -> Mapping[str, Any]:
    match part:
        case {"state": "input-available", "toolCallId": call_id} if not part.get(
            "providerExecuted"
        ):
            result = brought.results.get(call_id)
            if result is None:
                return part
            if result.is_error:
                return {**part, "state": "output-error", "errorText": str(result.output)}
            return {**part, "state": "output-available", "output": result.output}
        case {
            "state": "approval-requested",
            "toolCallId": call_id,
            "approval": {"id": approval_id},
        }:
            reply = brought.replies.get(call_id)
            if reply is None or reply.approval_id != approval_id:
                return part
            reason = {} if reply.reason is None else {"reason": reply.reason}
            approval = {"id": approval_id, "approved": reply.approved, **reason}
            return {**part, "state": "approval-responded", "approval": approval}
        case _:
            return part

"""The tool calls of a history, each with its result.

The model's API accepts no call without a result, so a call that has none gets one that says so,
marked ``closed``. A call whose input had not arrived completely is dropped.
"""

from typing import Any

import msgspec

from app.errors import InvalidJson
from app.messages import ApprovalReply, ToolCallPart, ToolOutputPart
from app.requests.body import parse_json
from app.requests.client_message import Approval, Invocation, Tool, ToolCall

NOT_FINISHED = "This call was not finished; it has no result."
NOT_APPROVED = "This call was not run; the user did not approve it."
DENIED = "This call was not run; the user denied it"
FAILED = "The tool failed."


class PastCall(msgspec.Struct, frozen=True):
    """A call and its result.

    ``approval`` is the user's reply to the approval request; it counts only in the last step of the
    history. ``step`` is the number of the step, if the client tells it (AI SDK 3.4 and 4).
    """

    call: ToolCallPart
    result: ToolOutputPart
    approval: ApprovalReply | None = None
    step: Any = None


def tool_call(part: Tool) -> PastCall | None:
    """Read a call of AI SDK 5 to 7; None if the model never finished it or the provider ran it.

    A preliminary output, left by a turn that was stopped, counts as the output.
    """
    if part.state == "input-streaming" or part.provider_executed:
        return None
    # If the arguments did not fit, the AI SDK keeps what the model wrote in ``rawInput``.
    call = _call(part.tool_call_id, part.name, part.raw_input if part.input is None else part.input)
    match part.state:
        case "output-available":
            return PastCall(call, _output(call, part.output))
        case "output-error":
            return PastCall(call, _output(call, part.error_text or FAILED, is_error=True))
        case "output-denied":
            return PastCall(call, _output(call, _denied(part.approval), is_error=True))
        case "approval-responded":
            return _replied(call, part.approval)
        case "approval-requested":
            return PastCall(call, _closed(call, NOT_APPROVED))
        case _:
            return PastCall(call, _closed(call, NOT_FINISHED))


def invocation_call(part: Invocation) -> PastCall | None:
    """Read a call of AI SDK 3.4 or 4; None if the model never finished it."""
    call = _call(part.tool_call_id, part.tool_name, part.args)
    if part.has_result:
        return PastCall(call, _output(call, part.result), step=part.step)
    if part.state == "partial-call":
        return None
    return PastCall(call, _closed(call, NOT_FINISHED), step=part.step)


def openai_call(part: ToolCall, output: str | None) -> PastCall:
    """Read a call of an OpenAI message; ``output`` is the text of its ``tool`` message, if any."""
    arguments = part.arguments
    try:
        tool_input = parse_json(arguments)
    except InvalidJson:
        tool_input = arguments
    call = _call(part.id, part.name, tool_input)
    result = _closed(call, NOT_FINISHED) if output is None else _output(call, output)
    return PastCall(call, result)


def _replied(call: ToolCallPart, reply: Approval | None) -> PastCall:
    if reply is None or reply.approved is None:
        return PastCall(call, _closed(call, NOT_APPROVED))
    approval = ApprovalReply(reply.id, reply.approved, reply.reason, call)
    closed = _closed(call, NOT_FINISHED if reply.approved else _denied(reply))
    return PastCall(call, closed, approval)


def _call(tool_call_id: str, tool_name: str, tool_input: Any) -> ToolCallPart:
    return ToolCallPart(tool_call_id, tool_name, {} if tool_input is None else tool_input)


def _output(call: ToolCallPart, output: Any, *, is_error: bool = False) -> ToolOutputPart:
    return ToolOutputPart(call.tool_call_id, call.tool_name, output, is_error)


def _closed(call: ToolCallPart, text: str) -> ToolOutputPart:
    return ToolOutputPart(call.tool_call_id, call.tool_name, text, is_error=True, closed=True)


def _denied(approval: Approval | None) -> str:
    reason = approval.reason if approval else None
    return f"{DENIED}: {reason}" if reason else f"{DENIED}."

"""The tool calls of a history, each with its answer.

A call without an answer gets one that says so, marked ``closed``, because the model's API accepts
no call without one. A call of which only a part of the input had arrived is dropped.
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
    """A call and its answer.

    ``approval`` is the user's word on the call; it counts in the last step of the history only.
    ``step`` is the number of the step, where the client tells (AI SDK 3.4 and 4).
    """

    call: ToolCallPart
    answer: ToolOutputPart
    approval: ApprovalReply | None = None
    step: Any = None


def tool_call(part: Tool) -> PastCall | None:
    """Read a call of AI SDK 5 to 7; ``None`` if the model never finished or itself answered it.

    A preliminary output of a reply that was stopped is taken as the output.
    """
    if part.state == "input-streaming" or part.provider_executed:
        return None
    # Of arguments that did not fit, the SDK keeps what the model wrote in ``rawInput``.
    call = _call(part.tool_call_id, part.name, part.raw_input if part.input is None else part.input)
    match part.state:
        case "output-available":
            return PastCall(call, _output(call, part.output))
        case "output-error":
            return PastCall(call, _output(call, part.error_text or FAILED, is_error=True))
        case "output-denied":
            return PastCall(call, _output(call, _denied(part.approval), is_error=True))
        case "approval-responded":
            return _responded(call, part.approval)
        case "approval-requested":
            return PastCall(call, _closed(call, NOT_APPROVED))
        case _:
            return PastCall(call, _closed(call, NOT_FINISHED))


def invocation_call(part: Invocation) -> PastCall | None:
    """Read a call of AI SDK 3.4 or 4; ``None`` if the model never finished it."""
    call = _call(part.tool_call_id, part.tool_name, part.args)
    if part.has_result:
        return PastCall(call, _output(call, part.result), step=part.step)
    if part.state == "partial-call":
        return None
    return PastCall(call, _closed(call, NOT_FINISHED), step=part.step)


def openai_call(part: ToolCall, output: str | None) -> PastCall:
    """Read a call of an OpenAI message; ``output`` is what the message of role `tool` says."""
    arguments = part.function.arguments
    try:
        tool_input = parse_json(arguments)
    except InvalidJson:
        tool_input = arguments
    call = _call(part.id, part.function.name, tool_input)
    answer = _closed(call, NOT_FINISHED) if output is None else _output(call, output)
    return PastCall(call, answer)


def _responded(call: ToolCallPart, word: Approval | None) -> PastCall:
    if word is None or word.approved is None:
        return PastCall(call, _closed(call, NOT_APPROVED))
    approval = ApprovalReply(word.id, word.approved, word.reason, call)
    return PastCall(call, _closed(call, NOT_FINISHED if word.approved else _denied(word)), approval)


def _call(tool_call_id: str, tool_name: str, tool_input: Any) -> ToolCallPart:
    return ToolCallPart(tool_call_id, tool_name, {} if tool_input is None else tool_input)


def _output(call: ToolCallPart, output: Any, *, is_error: bool = False) -> ToolOutputPart:
    return ToolOutputPart(call.tool_call_id, call.tool_name, output, is_error)


def _closed(call: ToolCallPart, text: str) -> ToolOutputPart:
    return ToolOutputPart(call.tool_call_id, call.tool_name, text, is_error=True, closed=True)


def _denied(approval: Approval | None) -> str:
    reason = approval.reason if approval else None
    return f"{DENIED}: {reason}" if reason else f"{DENIED}."

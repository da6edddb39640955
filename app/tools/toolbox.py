"""The tools of one turn: what the model is told of them, and what becomes of each call it makes."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

from app.events import Emit, ToolInputAvailable, ToolInputError, ToolOutputError
from app.messages import ApprovalReply, ToolOutputPart, ToolSpec
from app.tools.approval import Approvals
from app.tools.context import Scene
from app.tools.runner import RefusedCall, run_calls, validate
from app.tools.tool import Tool

_CANNOT_ASK = (
    "This call needs the user's approval, which this chat client cannot ask for. It was not run."
)
_DENIED = "The user did not allow this call. It was not run."


class Run(msgspec.Struct, frozen=True):
    """This turn runs the call and answers it."""

    call: ToolInputAvailable


class Leave(msgspec.Struct, frozen=True):
    """The client answers the call, with its next request."""

    call: ToolInputAvailable


class Ask(msgspec.Struct, frozen=True):
    """The user is asked first; the word comes with the next request."""

    call: ToolInputAvailable
    approval_id: str


class Refuse(msgspec.Struct, frozen=True):
    """The call is not run.

    ``event`` tells the client: a `ToolInputError` instead of a call that is wrong in itself, a
    `ToolOutputError` behind one that is right but may not run. ``output`` tells the model.
    """

    call: ToolInputAvailable | None
    event: ToolInputError | ToolOutputError
    output: ToolOutputPart


class Deny(msgspec.Struct, frozen=True):
    """The user has refused the call; ``output`` tells the model so."""

    output: ToolOutputPart


Plan: TypeAlias = Run | Leave | Ask | Refuse | Deny


class Toolbox:
    """The tools that the model may call in one turn.

    Args:
        tools: by name.
        scene: what the calls of the turn have in common.
        approvals: signs and checks the user's word.
        can_ask: whether the client can ask its user to approve a call.
    """

    def __init__(
        self, tools: Mapping[str, Tool], scene: Scene, approvals: Approvals, *, can_ask: bool
    ) -> None:
        self._tools = tools
        self._scene = scene
        self._approvals = approvals
        self._can_ask = can_ask
        self._approved: dict[str, str] = {}
        self.specs: Sequence[ToolSpec] = tuple(tool.spec() for tool in tools.values())

    def plan(self, call: ToolInputAvailable) -> Plan:
        """Say what is to be done with a call that the model made."""
        checked = validate(call, self._tools)
        if isinstance(checked, RefusedCall):
            return Refuse(None, checked.event, checked.output)
        if checked.executor == "client":
            return Leave(checked)
        if not self._tools[checked.tool_name].asks_approval(checked.input):
            return Run(checked)
        if not self._can_ask:
            return _refusal(checked, _CANNOT_ASK)
        approval_id = self._approvals.issue(
            self._scene.chat_id, checked.tool_call_id, checked.tool_name, checked.input
        )
        return Ask(checked, approval_id)

    def refuse_broken(self, event: ToolInputError) -> Refuse:
        """Say what is to be done with a call whose arguments are not even a JSON object."""
        output = ToolOutputPart(event.tool_call_id, event.tool_name, event.message, is_error=True)
        return Refuse(None, event, output)

    def judge_all(self, approvals: Sequence[ApprovalReply]) -> Sequence[Plan]:
        """Say what is to be done with the calls on which the user has had a word, each once."""
        return [self._judge(approval) for approval in _first_of_each_call(approvals)]

    def _judge(self, approval: ApprovalReply) -> Plan:
        """Say what is to be done with a call of the history on which the user has had a word.

        The history is the client's: the call is checked like one of the model's, and the approval
        has to be one that we have asked for, for just this call.
        """
        part = approval.call
        if not approval.approved:
            reason = f"{_DENIED} Reason: {approval.reason}" if approval.reason else _DENIED
            output = ToolOutputPart(part.tool_call_id, part.tool_name, reason, is_error=True)
            return Deny(output)
        call = ToolInputAvailable(part.tool_call_id, part.tool_name, part.input)
        checked = validate(call, self._tools)
        if isinstance(checked, RefusedCall):
            return _refusal(call, str(checked.output.output))
        refusal = self._approvals.redeem(
            approval.approval_id,
            self._scene.chat_id,
            checked.tool_call_id,
            checked.tool_name,
            checked.input,
        )
        if refusal is not None:
            return _refusal(call, refusal.sentence)
        self._approved[checked.tool_call_id] = approval.approval_id
        return Run(checked)

    async def run(self, runs: Sequence[Run], emit: Emit) -> Sequence[ToolOutputPart]:
        """Run calls side by side and return their answers for the model, in the calls' order."""
        if not runs:
            return ()
        scene = msgspec.structs.replace(self._scene, approval_ids=self._approved)
        return await run_calls(
            [run.call for run in runs], tools=self._tools, emit=emit, scene=scene
        )


def earlier_calls(approvals: Sequence[ApprovalReply]) -> Mapping[str, str]:
    """Return the tools of the calls that a turn with these approvals answers, by call id."""
    calls = (approval.call for approval in _first_of_each_call(approvals))
    return {call.tool_call_id: call.tool_name for call in calls}


def _first_of_each_call(approvals: Sequence[ApprovalReply]) -> Sequence[ApprovalReply]:
    # The history is the client's: it may name one call twice.
    first: dict[str, ApprovalReply] = {}
    for approval in approvals:
        first.setdefault(approval.call.tool_call_id, approval)
    return tuple(first.values())


def _refusal(call: ToolInputAvailable, sentence: str) -> Refuse:
    return Refuse(
        call,
        ToolOutputError(call.tool_call_id, sentence),
        ToolOutputPart(call.tool_call_id, call.tool_name, sentence, is_error=True),
    )

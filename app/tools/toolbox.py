"""The tools of one turn: what the model may call, and what is done with each call it makes."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from app.events import (
    Emit,
    ToolInputAvailable,
    ToolInputError,
    ToolOutputDenied,
    ToolOutputError,
)
from app.messages import ApprovalReply, ToolCallPart, ToolOutputPart, ToolSpec
from app.tools.approval import Approvals
from app.tools.context import Scene
from app.tools.definition import InvalidToolInput
from app.tools.execution import run_calls
from app.tools.result import MASKED
from app.tools.tool import Tool
from app.tools.valid_call import ValidCall, validate

logger = logging.getLogger("deltaline.tools")

_CANNOT_ASK = (
    "This call needs the user's approval, which this chat client cannot ask for. It was not run."
)
_DENIED = "The user did not allow this call. It was not run."

_RefusalEvent: TypeAlias = ToolInputAvailable | ToolInputError | ToolOutputError | ToolOutputDenied


class Execute(msgspec.Struct, frozen=True):
    """This turn executes the call."""

    call: ValidCall


class LeaveToClient(msgspec.Struct, frozen=True):
    """The client executes the call; its next request has the output."""

    call: ValidCall


class AskUser(msgspec.Struct, frozen=True):
    """The user is asked for approval; the client's next request has the reply.

    ``call`` is announced with the input that will run (`ValidCall.as_it_runs`).
    """

    call: ValidCall
    approval_id: str


class Refuse(msgspec.Struct, frozen=True):
    """The call is not executed. ``events`` tell the client so, ``output`` tells the model."""

    events: Sequence[_RefusalEvent]
    output: ToolOutputPart


Plan: TypeAlias = Execute | LeaveToClient | AskUser | Refuse


class Toolbox:
    """The tools that the model may call in one turn.

    Args:
        tools: by name.
        scene: what the calls of the turn have in common.
        approvals: issues approval ids and redeems them.
        can_ask: whether the client can ask its user to approve a call.
    """

    __slots__ = ("_approvals", "_approved", "_can_ask", "_scene", "_tools", "specs")

    def __init__(
        self, tools: Mapping[str, Tool], scene: Scene, approvals: Approvals, *, can_ask: bool
    ) -> None:
        self._tools = dict(tools)  # a server's may change while the turn runs
        self._scene = scene
        self._approvals = approvals
        self._can_ask = can_ask
        self._approved: dict[str, str] = {}
        self.specs: Sequence[ToolSpec] = tuple(tool.spec() for tool in tools.values())

    def plan(self, made: ToolInputAvailable) -> Plan:
        """Decide what is done with a call of the model, before it is announced.

        Args:
            made: a call that the model's own side does not execute.
        """
        call = self._validated(made.tool_call_id, made.tool_name, made.input)
        if isinstance(call, str):
            # Only the model is told the reason, so that it can repair the call.
            event = ToolInputError(made.tool_call_id, made.tool_name, made.input, MASKED)
            return Refuse((event,), _no_output(made, call))
        if call.tool.run is None:
            return LeaveToClient(call)
        if not call.asks_approval():
            return Execute(call)
        if not self._can_ask:
            events = (call.announcement(), ToolOutputError(made.tool_call_id, _CANNOT_ASK))
            return Refuse(events, _no_output(made, _CANNOT_ASK))
        approval_id = self._approvals.issue(
            self._scene.chat_id,
            call.tool_call_id,
            call.tool.name,
            call.for_approval,
            owner=self._scene.owner,
        )
        return AskUser(call.as_it_runs(), approval_id)

    def refuse_broken(self, event: ToolInputError) -> Refuse:
        """Refuse a call whose arguments are not even a JSON object."""
        return Refuse((event,), _no_output(event, event.message))

    def judge_replies(self, replies: Sequence[ApprovalReply]) -> Sequence[Execute | Refuse]:
        """Decide what is done with the calls of the history that the user has replied to.

        Only the first reply to a call counts.
        """
        return [self._judge(reply) for reply in _first_of_each_call(replies)]

    def _judge(self, reply: ApprovalReply) -> Execute | Refuse:
        # The client writes the history. So the call is validated like a new one of the model, and
        # the approval has to be one that we issued, for exactly this call.
        made = reply.call
        if not reply.approved:
            self._approvals.deny(reply.approval_id)
            reason = f"{_DENIED} Reason: {reply.reason}" if reply.reason else _DENIED
            return Refuse((ToolOutputDenied(made.tool_call_id),), _no_output(made, reason))
        call = self._validated(made.tool_call_id, made.tool_name, made.input)
        if isinstance(call, str):
            return _refusal(made, call)
        refusal = self._approvals.redeem(
            reply.approval_id,
            self._scene.chat_id,
            call.tool_call_id,
            call.tool.name,
            call.for_approval,
            owner=self._scene.owner,
        )
        if refusal is not None:
            return _refusal(made, refusal.sentence)
        if call.tool.run is None:  # it had a function here when the user was asked
            return _refusal(made, self._unknown(made.tool_name))
        self._approved[call.tool_call_id] = reply.approval_id
        return Execute(call)

    async def run(self, calls: Sequence[ValidCall], emit: Emit) -> Sequence[ToolOutputPart]:
        """Run calls side by side and return their outputs for the model, in the calls' order."""
        if not calls:
            return ()
        scene = msgspec.structs.replace(self._scene, approval_ids=self._approved)
        return await run_calls(calls, emit=emit, scene=scene)

    def _validated(self, tool_call_id: str, tool_name: str, tool_input: Any) -> ValidCall | str:
        """Return the call, or for the model the reason why it cannot run."""
        tool = self._tools.get(tool_name)
        if tool is None:
            reason = self._unknown(tool_name)
        else:
            try:
                return validate(tool, tool_call_id, tool_input)
            except InvalidToolInput as error:
                reason = str(error)
            except BaseException:  # a validator may panic or exit, which would end the server
                logger.exception("the input of %s cannot be checked", tool_name)
                reason = MASKED
        logger.info("a call of %s cannot run: %s", tool_name, reason)
        return reason

    def _unknown(self, name: str) -> str:
        known = ", ".join(sorted(self._tools)) or "none"
        return f"There is no tool {name[:64]!r} to run; the tools are: {known}."


def earlier_calls(replies: Sequence[ApprovalReply]) -> Mapping[str, str]:
    """Return the calls of the history that a turn with these replies ends: id → tool name."""
    calls = (reply.call for reply in _first_of_each_call(replies))
    return {call.tool_call_id: call.tool_name for call in calls}


def _first_of_each_call(replies: Sequence[ApprovalReply]) -> Sequence[ApprovalReply]:
    # The client writes the history, which may name one call twice.
    first: dict[str, ApprovalReply] = {}
    for reply in replies:
        first.setdefault(reply.call.tool_call_id, reply)
    return tuple(first.values())


def _refusal(made: ToolCallPart, sentence: str) -> Refuse:
    """Refuse a call that the client knows already."""
    return Refuse((ToolOutputError(made.tool_call_id, sentence),), _no_output(made, sentence))


def _no_output(
    made: ToolInputAvailable | ToolInputError | ToolCallPart, reason: str
) -> ToolOutputPart:
    return ToolOutputPart(made.tool_call_id, made.tool_name, reason, is_error=True)

"""One assistant turn: step → tools → step …, until the model has answered.

A turn pushes: it awaits ``emit`` with the events as they come and knows nothing of protocols,
responses or clients. Who runs it (`app.turns.live_turn`) decides when it has to end.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, assert_never

import msgspec

from app.events import (
    Emit,
    Event,
    Finish,
    FinishReason,
    Start,
    StepEnd,
    TextDelta,
    ToolApprovalRequest,
    ToolInputAvailable,
    ToolInputError,
    ToolOutputDenied,
    Usage,
)
from app.messages import (
    ApprovalReply,
    Message,
    StepRequest,
    TextPart,
    ToolOutputPart,
)
from app.providers.provider import Provider
from app.tools.toolbox import Ask, Deny, Leave, Plan, Refuse, Run, Toolbox
from app.turns.step import StepRecord

About: TypeAlias = Callable[[Usage], Mapping[str, Any] | None]


class TurnRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What one turn needs to know. ``message_id`` is the old one when a message is continued."""

    message_id: str
    model: str
    messages: Sequence[Message]
    approval_replies: Sequence[ApprovalReply] = ()
    system_prompt: str | None = None
    temperature: float | None = None
    max_output_tokens: int | None = None
    max_steps: int = 8
    response_schema: tuple[str, Mapping[str, Any]] | None = None


async def run_turn(
    request: TurnRequest,
    emit: Emit,
    *,
    provider: Provider,
    about: About,
    tools: Toolbox,
) -> None:
    """Run the turn to its end.

    Args:
        request: what is asked.
        emit: awaited with the events, in order.
        provider: the model.
        about: makes the metadata of the finished message from the usage of all steps.
        tools: what the model may call.

    Raises:
        ProviderError: the model could not be called. Whether that becomes an HTTP status or an
            `Error` event is not for the turn to say.
    """
    turn = _Turn(request, emit, provider, about, tools)
    await turn.answer_approvals()
    for steps_left in reversed(range(request.max_steps)):
        if not await turn.step(is_last=steps_left == 0):
            return


class _Turn:
    def __init__(
        self,
        request: TurnRequest,
        emit: Emit,
        provider: Provider,
        about: About,
        tools: Toolbox,
    ) -> None:
        self._request = request
        self._emit = emit
        self._provider = provider
        self._about = about
        self._tools = tools
        self._messages = list(request.messages)
        if request.system_prompt is not None:
            self._messages.insert(0, Message("system", (TextPart(request.system_prompt),)))
        self._usage = Usage()
        self._unsent_start: list[Event] = [Start(request.message_id)]
        self._begin_step()

    async def answer_approvals(self) -> None:
        """Answer the calls on which the user has had a word, before the first step."""
        plans = self._tools.judge_all(self._request.approval_replies)
        for plan in plans:
            if isinstance(plan, Deny):
                await self._send([ToolOutputDenied(plan.output.tool_call_id)])
            elif isinstance(plan, Refuse):
                await self._send([plan.event])
        if plans:
            self._messages.append(Message("tool", await self._answers(plans)))

    async def step(self, *, is_last: bool) -> bool:
        """Call the model and run the tools it wants; return whether a step has to follow."""
        request = self._request
        self._begin_step()
        step = StepRequest(
            model=request.model,
            messages=self._messages,
            tools=self._tools.specs,
            temperature=request.temperature,
            max_output_tokens=request.max_output_tokens,
            response_schema=request.response_schema,
        )
        await self._provider.stream_step(step, self._forward)
        if self._end is None:
            return False  # no calls, or the model's stream failed: the end has been sent
        outputs = await self._answers(self._plans)
        if is_last or any(isinstance(plan, Ask | Leave) for plan in self._plans):
            await self._send([self._end, self._finish("tool-calls")])
            return False
        await self._send([self._end])
        self._messages += (self._record.message(), Message("tool", outputs))
        return True

    def _begin_step(self) -> None:
        self._record = StepRecord(keeps_text=bool(self._tools.specs))
        self._plans: list[Plan] = []
        self._end: StepEnd | None = None

    async def _forward(self, events: Sequence[Event]) -> None:
        """Send what one network read of the model brought, and plan the calls in it."""
        self._record.add(events)
        last = events[-1]
        if isinstance(last, StepEnd):
            self._usage += last.usage
            events = self._with_plans(events[:-1])
            if self._plans:
                self._end = StepEnd("tool-calls", last.usage)  # not before its calls are answered
            else:
                events = [*events, last, self._finish(last.finish_reason)]
        elif len(events) > 1 or not isinstance(last, TextDelta):
            events = self._with_plans(events)
        await self._send(events)

    def _with_plans(self, events: Sequence[Event]) -> Sequence[Event]:
        sent: list[Event] = []
        for event in events:
            if isinstance(event, ToolInputAvailable) and event.executor != "provider":
                plan = self._tools.plan(event)
            elif isinstance(event, ToolInputError):
                plan = self._tools.refuse_broken(event)
            else:
                sent.append(event)
                continue
            self._plans.append(plan)
            sent += _announced(plan)
        return sent

    async def _answers(self, plans: Sequence[Plan]) -> Sequence[ToolOutputPart]:
        """Run what is to run, side by side; return every answer, for the model to see."""
        runs = [plan for plan in plans if isinstance(plan, Run)]
        outputs = list(await self._tools.run(runs, self._send))
        return [*outputs, *(plan.output for plan in plans if isinstance(plan, Deny | Refuse))]

    async def _send(self, events: Sequence[Event]) -> None:
        if self._unsent_start and events:
            events = [*self._unsent_start, *events]
            self._unsent_start.clear()
        if events:
            await self._emit(events)

    def _finish(self, finish_reason: FinishReason) -> Finish:
        return Finish(finish_reason, self._usage, self._about(self._usage))


def _announced(plan: Plan) -> Sequence[Event]:
    """Return the events that tell the client of a call and of what becomes of it."""
    match plan:
        case Run(call) | Leave(call):
            return [call]
        case Ask(call, approval_id):
            return [call, ToolApprovalRequest(approval_id, call.tool_call_id)]
        case Refuse(call, event):
            return [event] if call is None else [call, event]
        case Deny():
            return []  # only calls of the history are denied, and those the client knows
        case _:
            assert_never(plan)

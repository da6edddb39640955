"""One assistant turn: step → tools → step …, until the model has answered.

A turn pushes: it awaits ``emit`` with the events as they come and knows nothing of protocols,
responses or clients. Who runs it (`app.turns.live_turn`) decides when it has to end.
"""

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

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
from app.threads import Aside
from app.tools.toolbox import AskUser, Execute, LeaveToClient, Plan, Refuse, Toolbox
from app.tracing import NO_TRACE, StepOutcome, Trace
from app.turns.answer_size import AnswerSize
from app.turns.errors import AnswerTooLong
from app.turns.progress import TurnProgress
from app.turns.step import StepRecord


class TurnRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a turn is to do. A turn that continues a message has that message's ``message_id``."""

    message_id: str
    model: str
    messages: Sequence[Message]
    approval_replies: Sequence[ApprovalReply] = ()
    system_prompt: str | None = None
    temperature: float | None = None
    max_output_tokens: int | None = None
    max_steps: int = 8
    max_answer_bytes: int = 16 * 1024 * 1024
    response_schema: tuple[str, Mapping[str, Any]] | None = None
    is_large: bool = False


async def run_turn(
    request: TurnRequest,
    emit: Emit,
    *,
    provider: Provider,
    tools: Toolbox,
    progress: TurnProgress,
    aside: Aside | None = None,
    trace: Trace = NO_TRACE,
) -> None:
    """Run the turn to its end.

    Args:
        request: what is asked.
        emit: awaited with the events, in order.
        provider: the model.
        tools: what the model may call.
        progress: told the usage of each step; gives that of all steps and the message's metadata.
        aside: where the replies of a large request are checked; `None`: here.
        trace: of the turn.

    Raises:
        ProviderError: the model could not be called. The caller decides whether that becomes an
            HTTP status or an `Error` event.
        AnswerTooLong: the model says more than ``max_answer_bytes``; it has been cut off.
    """
    turn = _Turn(request, emit, provider, tools, progress, trace)
    await turn.settle_replies(aside)
    for steps_left in reversed(range(request.max_steps)):
        if not await turn.step(is_last=steps_left == 0):
            return


class _Turn:
    __slots__ = (
        "_emit",
        "_end",
        "_messages",
        "_model_end",
        "_plans",
        "_progress",
        "_provider",
        "_record",
        "_request",
        "_size",
        "_tools",
        "_trace",
        "_unsent_start",
    )

    def __init__(
        self,
        request: TurnRequest,
        emit: Emit,
        provider: Provider,
        tools: Toolbox,
        progress: TurnProgress,
        trace: Trace,
    ) -> None:
        self._request = request
        self._emit = emit
        self._provider = provider
        self._tools = tools
        self._progress = progress
        self._trace = trace
        self._size = AnswerSize(request.max_answer_bytes)
        self._messages = list(request.messages)
        if request.system_prompt is not None:
            self._messages.insert(0, Message("system", (TextPart(request.system_prompt),)))
        self._unsent_start: list[Event] = [Start(request.message_id)]
        self._begin_step()

    async def settle_replies(self, aside: Aside | None) -> None:
        """Execute or refuse the calls that the user has replied to, before the first step."""
        replies = self._request.approval_replies
        if aside is not None and replies and self._request.is_large:
            plans = await aside.run(lambda: self._tools.judge_replies(replies), size=len(replies))
        else:
            plans = self._tools.judge_replies(replies)
        for plan in plans:
            if isinstance(plan, Refuse):
                await self._send(plan.events)
        if plans:
            self._messages.append(Message("tool", await self._outputs(plans)))

    async def step(self, *, is_last: bool) -> bool:
        """Call the model and execute its tool calls; return whether another step has to follow."""
        request = self._request
        self._begin_step()
        step = StepRequest(
            model=request.model,
            messages=self._messages,
            tools=self._tools.specs,
            temperature=request.temperature,
            max_output_tokens=request.max_output_tokens,
            response_schema=request.response_schema,
            is_large=request.is_large,
        )
        self._progress.begin_step()
        with self._trace.step(step) as traced:
            await self._provider.stream_step(step, self._forward)
            if self._trace.is_on:
                traced.ended(self._step_outcome())
        if self._end is None:
            return False  # no calls, or the model's stream failed; the end has been sent already
        outputs = await self._outputs(self._plans)
        if is_last or any(isinstance(plan, AskUser | LeaveToClient) for plan in self._plans):
            await self._send([self._end, self._finish("tool-calls")])
            return False
        await self._send([self._end])
        self._messages += (self._record.message(), Message("tool", outputs))
        return True

    def _begin_step(self) -> None:
        keeps_text = bool(self._tools.specs) or self._trace.keeps_content
        self._record = StepRecord(keeps_text=keeps_text)
        self._plans: list[Plan] = []
        self._end: StepEnd | None = None
        self._model_end: StepEnd | None = None

    async def _forward(self, events: Sequence[Event]) -> None:
        """Send the events of one network read of the model, and plan the calls among them."""
        events = self._size.take(events)
        if self._size.is_over:
            await self._send(self._with_plans(events))
            self._begin_step()  # there is no next step to remember all of it for
            raise AnswerTooLong(f"the answer is longer than {self._request.max_answer_bytes} bytes")
        self._record.add(events)
        last = events[-1]
        if isinstance(last, StepEnd):
            self._model_end = last
            self._progress.add_usage(last.usage)
            events = self._with_plans(events[:-1])
            if self._plans:
                self._end = StepEnd("tool-calls", last.usage)  # sent after the outputs of its calls
            else:
                events = [*events, last, self._finish(last.finish_reason)]
        elif len(events) > 1 or not isinstance(last, TextDelta):
            events = self._with_plans(events)
        if self._unsent_start or not events:
            await self._send(events)
        else:
            await self._emit(events)

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

    async def _outputs(self, plans: Sequence[Plan]) -> Sequence[ToolOutputPart]:
        """Execute calls side by side; return the output of every call, for the model."""
        calls = [plan.call for plan in plans if isinstance(plan, Execute)]
        outputs = list(await self._tools.run(calls, self._send))
        return [*outputs, *(plan.output for plan in plans if isinstance(plan, Refuse))]

    async def _send(self, events: Sequence[Event]) -> None:
        if self._unsent_start and events:
            events = [*self._unsent_start, *events]
            self._unsent_start.clear()
        if events:
            await self._emit(events)

    def _step_outcome(self) -> StepOutcome:
        end, error = self._model_end, self._progress.error
        return StepOutcome(
            finish_reason=None if end is None else end.finish_reason,
            usage=Usage() if end is None else end.usage,
            first_chunk_s=self._progress.step_first_s,
            error_type=None if error is None else error.code,
            output=self._record.message() if self._trace.keeps_content else None,
        )

    def _finish(self, finish_reason: FinishReason) -> Finish:
        return Finish(finish_reason, self._progress.usage, self._progress.metadata())


def _announced(plan: Plan) -> Sequence[Event]:
    """Return the events that tell the client of a call and of the plan for it."""
    match plan:
        case Execute(call) | LeaveToClient(call):
            return [call.announcement()]
        case AskUser(call, approval_id):
            return [call.announcement(), ToolApprovalRequest(approval_id, call.tool_call_id)]
        case Refuse(events):
            return events
        case _:
            assert_never(plan)

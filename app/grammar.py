"""What may follow what in a turn, written down once.

A turn, as a grammar::

    turn     = Start (annotation | result)* step* terminal
    step     = StepStart (text | reasoning | call | result | annotation)* StepEnd
    terminal = Finish | Abort | Error     exactly one; Abort and Error at any point, even first

A ``result`` outside a step belongs to a call of an earlier turn that the user has approved or
denied since. `Order` checks a turn against the two tables below. It also knows who runs each tool
call and whether its result is still owed, so no encoder has to remember that or to repair a turn.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import get_args

import msgspec

from app.events import (
    Abort,
    Annotation,
    CallEvent,
    Error,
    Event,
    Executor,
    Finish,
    ReasoningDelta,
    ReasoningRedacted,
    ReasoningSignature,
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


class State(Enum):
    """Where in a turn we are."""

    IDLE = auto()
    BETWEEN_STEPS = auto()
    IN_STEP = auto()
    DONE = auto()


# Looking up a member takes as long as a call, and a token needs this one.
_IN_STEP = State.IN_STEP


class CallState(Enum):
    """Where one tool call is."""

    UNKNOWN = auto()
    INPUT = auto()  # the model is writing the arguments
    READY = auto()  # the call is whole, its result is due
    ASKED = auto()  # the user is asked; the result comes with the next request
    SETTLED = auto()  # the call has a result, an error or a denial


_RESULTS = (ToolOutputAvailable, ToolOutputError, ToolOutputDenied)
_ANNOTATIONS: tuple[type, ...] = get_args(Annotation)

# What may follow what. Every rule about order is in these two tables and in `Order`.
_NEXT: Mapping[State, Mapping[type[object], State]] = {
    State.IDLE: {Start: State.BETWEEN_STEPS, Error: State.DONE, Abort: State.DONE},
    State.BETWEEN_STEPS: {
        StepStart: State.IN_STEP,
        **dict.fromkeys(_RESULTS, State.BETWEEN_STEPS),
        **dict.fromkeys(_ANNOTATIONS, State.BETWEEN_STEPS),
        Finish: State.DONE,
        Abort: State.DONE,
        Error: State.DONE,
    },
    State.IN_STEP: {
        TextDelta: State.IN_STEP,
        ReasoningDelta: State.IN_STEP,
        ReasoningSignature: State.IN_STEP,
        ReasoningRedacted: State.IN_STEP,
        ToolInputStart: State.IN_STEP,
        ToolInputDelta: State.IN_STEP,
        ToolInputAvailable: State.IN_STEP,
        ToolInputError: State.IN_STEP,
        ToolApprovalRequest: State.IN_STEP,
        **dict.fromkeys(_RESULTS, State.IN_STEP),
        **dict.fromkeys(_ANNOTATIONS, State.IN_STEP),
        StepEnd: State.BETWEEN_STEPS,
        Abort: State.DONE,
        Error: State.DONE,
    },
    State.DONE: {},
}

_CALL_NEXT: Mapping[CallState, Mapping[type[object], CallState]] = {
    CallState.UNKNOWN: {
        ToolInputStart: CallState.INPUT,
        ToolInputAvailable: CallState.READY,
        ToolInputError: CallState.SETTLED,
    },
    CallState.INPUT: {
        ToolInputDelta: CallState.INPUT,
        ToolInputAvailable: CallState.READY,
        ToolInputError: CallState.SETTLED,
    },
    CallState.READY: {
        ToolApprovalRequest: CallState.ASKED,
        ToolOutputAvailable: CallState.SETTLED,
        ToolOutputError: CallState.SETTLED,
        ToolOutputDenied: CallState.SETTLED,
    },
    # The reply comes with another request. A log that holds both has the denial here.
    CallState.ASKED: {ToolOutputDenied: CallState.SETTLED},
    CallState.SETTLED: {},
}


class OrderError(Exception):
    """The events break the grammar: a defect of this program, never of its input."""


class _Call(msgspec.Struct):
    tool_name: str
    state: CallState
    executor: Executor = "server"


class Order:
    """Checks the events of one turn against the grammar, one at a time.

    Args:
        earlier_calls: ``tool_call_id → tool_name`` of the calls in the history to which this turn
            gives a result, since the user has approved or denied them.
    """

    __slots__ = ("_calls", "state")

    def __init__(self, earlier_calls: Mapping[str, str] | None = None) -> None:
        self.state = State.IDLE
        self._calls = {
            call_id: _Call(name, CallState.READY) for call_id, name in (earlier_calls or {}).items()
        }

    def check(self, event: Event) -> Executor | None:
        """Accept ``event`` as the next one.

        Returns:
            Who runs the tool call that ``event`` is about, as far as it is known by now; None if
            the event is not part of a call.

        Raises:
            OrderError: ``event`` may not come here; the turn's state is unchanged.
        """
        kind = type(event)
        if kind is TextDelta and self.state is _IN_STEP:
            return None  # by far the most common event
        after = _NEXT[self.state].get(kind)
        if after is None:
            raise OrderError(f"{kind.__name__} may not come in {self.state.name}")
        executor = None
        if isinstance(event, CallEvent):
            executor = self._check_call(event)
        elif after is State.BETWEEN_STEPS and kind is StepEnd:
            self._check_nothing_owed(event)
        elif isinstance(event, Status) and event.tool_call_id is not None:
            call = self._calls.get(event.tool_call_id)
            if call is None or call.state is not CallState.READY:
                raise OrderError(f"Status of {event.tool_call_id}, which is not running")
        elif after is State.DONE:
            self._check_nothing_owed(event)
        self.state = after
        return executor

    def owed(self) -> Sequence[str]:
        """Return the ids of the calls whose result this turn still owes, oldest first.

        A call that the client runs, or that waits for the user's approval, is not owed a result.
        """
        return [call_id for call_id, call in self._calls.items() if _is_owed(call)]

    def closing(self, message: str) -> Iterable[Event]:
        """Return the events that settle every owed call as failed, so that the turn may end."""
        for call_id, call in self._calls.items():
            if call.state is CallState.INPUT:
                yield ToolInputError(call_id, call.tool_name, {}, message)
            elif _is_owed(call):
                yield ToolOutputError(call_id, message)

    def _check_call(self, event: CallEvent) -> Executor:
        kind = type(event)
        call = self._calls.get(event.tool_call_id)
        state = CallState.UNKNOWN if call is None else call.state
        after = _CALL_NEXT[state].get(kind)
        if after is None:
            raise OrderError(
                f"{kind.__name__} of {event.tool_call_id} may not come in {state.name}"
            )
        if isinstance(event, ToolOutputAvailable) and event.preliminary:
            after = CallState.READY
        if isinstance(event, ToolInputStart | ToolInputAvailable):
            self._calls[event.tool_call_id] = _Call(event.tool_name, after, event.executor)
            return event.executor
        if call is None:
            assert isinstance(event, ToolInputError)  # nothing else may come first
            call = self._calls[event.tool_call_id] = _Call(event.tool_name, after)
        call.state = after
        return call.executor

    def _check_nothing_owed(self, event: Event) -> None:
        owed = self.owed()
        if owed:
            raise OrderError(f"{type(event).__name__} while {', '.join(owed)} is owed an answer")


def _is_owed(call: _Call) -> bool:
    if call.state is CallState.INPUT:
        return True
    return call.state is CallState.READY and call.executor != "client"

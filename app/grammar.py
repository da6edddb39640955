"""What may follow what in a turn, written down once.

A turn, as a grammar::

    turn     = Start (annotation | answer)* step* terminal
    step     = StepStart (text | reasoning | call | answer | annotation)* StepEnd
    terminal = Finish | Abort | Error     exactly one; Abort and Error at any point, even first

``answer`` outside a step is for calls that an earlier answer of the same message made and that were
approved or denied since then. `Order` checks a turn against the two tables below and knows which
tool calls are still owed an answer, so that no encoder ever has to repair a broken turn.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, auto

import msgspec

from app.events import (
    Abort,
    CallEvent,
    Data,
    Error,
    Event,
    Executor,
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


class State(Enum):
    """Where in a turn we are."""

    IDLE = auto()
    BETWEEN_STEPS = auto()
    IN_STEP = auto()
    DONE = auto()


class CallState(Enum):
    """Where one tool call is."""

    UNKNOWN = auto()
    INPUT = auto()  # the model is writing the arguments
    READY = auto()  # the call is whole, its answer is due
    ASKED = auto()  # the user is asked; the answer comes with the next request
    ANSWERED = auto()


_ANSWERS = (ToolOutputAvailable, ToolOutputError, ToolOutputDenied)
_ANNOTATIONS = (Status, Source, File, Data, Metadata)

# What may follow what. Every rule about order is in these two tables and in `Order`.
_NEXT: Mapping[State, Mapping[type[object], State]] = {
    State.IDLE: {Start: State.BETWEEN_STEPS, Error: State.DONE, Abort: State.DONE},
    State.BETWEEN_STEPS: {
        StepStart: State.IN_STEP,
        **dict.fromkeys(_ANSWERS, State.BETWEEN_STEPS),
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
        **dict.fromkeys(_ANSWERS, State.IN_STEP),
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
        ToolInputError: CallState.ANSWERED,
    },
    CallState.INPUT: {
        ToolInputDelta: CallState.INPUT,
        ToolInputAvailable: CallState.READY,
        ToolInputError: CallState.ANSWERED,
    },
    CallState.READY: {
        ToolApprovalRequest: CallState.ASKED,
        ToolOutputAvailable: CallState.ANSWERED,
        ToolOutputError: CallState.ANSWERED,
        ToolOutputDenied: CallState.ANSWERED,
    },
    CallState.ASKED: {},
    CallState.ANSWERED: {},
}


class OrderError(Exception):
    """A turn broke the grammar. Always a defect of the program, never of its input."""


class _Call(msgspec.Struct):
    tool_name: str
    state: CallState
    executor: Executor = "server"


class Order:
    """Checks the events of one turn against the grammar, one at a time.

    Args:
        earlier_calls: ``tool_call_id → tool_name`` of calls in the history that this turn answers
            (they were approved or denied since).
    """

    def __init__(self, earlier_calls: Mapping[str, str] | None = None) -> None:
        self.state = State.IDLE
        self._calls = {
            call_id: _Call(name, CallState.READY) for call_id, name in (earlier_calls or {}).items()
        }

    def check(self, event: Event) -> None:
        """Accept ``event`` as the next one.

        Raises:
            OrderError: it may not follow what came before; the turn's state is then unchanged.
        """
        kind = type(event)
        if kind is TextDelta and self.state is State.IN_STEP:
            return  # by far the most common one
        after = _NEXT[self.state].get(kind)
        if after is None:
            raise OrderError(f"{kind.__name__} may not come in {self.state.name}")
        if isinstance(event, CallEvent):
            self._check_call(event)
        elif after is State.BETWEEN_STEPS and kind is StepEnd:
            self._check_nothing_owed(event)
        elif isinstance(event, Status) and event.tool_call_id is not None:
            call = self._calls.get(event.tool_call_id)
            if call is None or call.state is not CallState.READY:
                raise OrderError(f"Status of {event.tool_call_id}, which is not running")
        elif after is State.DONE:
            self._check_nothing_owed(event)
        self.state = after

    def owed(self) -> Sequence[str]:
        """Return the ids of the calls that this turn has announced and not answered, oldest first.

        Calls that wait for the client or for the user's approval are not owed.
        """
        return [call_id for call_id, call in self._calls.items() if _is_owed(call)]

    def closing(self, message: str) -> Iterable[Event]:
        """Return the events that answer every owed call, so that the turn may end here."""
        for call_id, call in self._calls.items():
            if call.state is CallState.INPUT:
                yield ToolInputError(call_id, call.tool_name, {}, message)
            elif _is_owed(call):
                yield ToolOutputError(call_id, message)

    def _check_call(self, event: CallEvent) -> None:
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
        if isinstance(event, ToolInputStart | ToolInputAvailable | ToolInputError):
            executor = event.executor if isinstance(event, ToolInputAvailable) else "server"
            self._calls[event.tool_call_id] = _Call(event.tool_name, after, executor)
        else:
            assert call is not None  # only the three above may come first
            call.state = after

    def _check_nothing_owed(self, event: Event) -> None:
        owed = self.owed()
        if owed:
            raise OrderError(f"{type(event).__name__} while {', '.join(owed)} is owed an answer")


def _is_owed(call: _Call) -> bool:
    if call.state is CallState.INPUT:
        return True
    return call.state is CallState.READY and call.executor != "client"

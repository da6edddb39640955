"""The events of one assistant turn, in the order they happen.

Providers and tools produce events, encoders turn them into bytes, nothing here does I/O.
The order of a turn is written down once, in `_NEXT` (the turn) and `_CALL_NEXT` (one tool call);
`Order` checks a turn against both tables and knows which tool calls are still owed an answer, so
that no encoder ever has to repair a broken turn.

A turn, as a grammar::

    turn  = Start (annotation | answer)* step* terminal
    step  = StepStart (text | reasoning | call | answer | annotation)* StepEnd
    terminal = Finish | Abort | Error           exactly one, at any point, Error even before Start

``answer`` between ``Start`` and the first step is for calls that an earlier answer of the same
message made and that were approved or denied since then.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import Any, Literal, TypeAlias

import msgspec

FinishReason: TypeAlias = Literal[
    "stop", "length", "tool-calls", "content-filter", "error", "other"
]
Executor: TypeAlias = Literal["server", "client", "provider"]


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens that the model counted. ``None`` where it did not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_input_tokens: int | None = None

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            _add(self.input_tokens, other.input_tokens),
            _add(self.output_tokens, other.output_tokens),
            _add(self.reasoning_tokens, other.reasoning_tokens),
            _add(self.cached_input_tokens, other.cached_input_tokens),
        )


def _add(left: int | None, right: int | None) -> int | None:
    if left is None:
        return right
    return left if right is None else left + right


class Start(msgspec.Struct, frozen=True, gc=False):
    """The assistant's message begins. One id for all steps, and the old id on a continuation."""

    message_id: str
    metadata: Mapping[str, Any] | None = None


class StepStart(msgspec.Struct, frozen=True, gc=False):
    """The model's response headers are here: one call to the model begins to answer."""


class TextDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of the answer, in order. Joined, the pieces are the whole text.

    ``text`` is never empty and may split a grapheme, never a code point. It may hold a lone
    surrogate, since a model's JSON may.
    """

    text: str


class ReasoningDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of what the model shows of its thinking. Never empty."""

    text: str


class ReasoningSignature(msgspec.Struct, frozen=True, gc=False):
    """The provider's proof of the reasoning just sent, wanted back unchanged in the history."""

    signature: str


class ReasoningRedacted(msgspec.Struct, frozen=True, gc=False):
    """Reasoning that the provider sends only in encrypted form."""

    data: str


class ToolInputStart(msgspec.Struct, frozen=True, gc=False):
    """The model begins to write the arguments of a tool call."""

    tool_call_id: str
    tool_name: str


class ToolInputDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of the arguments' JSON text, as the model writes it."""

    tool_call_id: str
    text: str


class ToolInputAvailable(msgspec.Struct, frozen=True, gc=False):
    """The whole call. ``input`` is JSON (a mapping for every tool of ours).

    ``executor`` says who answers it: ``server`` (this turn), ``client`` (the next request) or
    ``provider`` (the model's own side, for example a built-in web search).
    """

    tool_call_id: str
    tool_name: str
    input: Any
    executor: Executor = "server"


class ToolInputError(msgspec.Struct, frozen=True, gc=False):
    """The model's arguments are unusable; this also answers the call.

    ``input`` is what the model wrote: parsed JSON where it parses, else its text.
    """

    tool_call_id: str
    tool_name: str
    input: Any
    message: str


class ToolApprovalRequest(msgspec.Struct, frozen=True, gc=False):
    """The user is asked whether the call may run. The answer comes with the next request."""

    approval_id: str
    tool_call_id: str


class ToolOutputAvailable(msgspec.Struct, frozen=True, gc=False):
    """The tool's output, JSON. ``preliminary`` outputs are replaced by the next one."""

    tool_call_id: str
    output: Any
    preliminary: bool = False


class ToolOutputError(msgspec.Struct, frozen=True, gc=False):
    """The tool failed. ``message`` is for the user's eyes: already masked."""

    tool_call_id: str
    message: str


class ToolOutputDenied(msgspec.Struct, frozen=True, gc=False):
    """The user refused the call."""

    tool_call_id: str


class Status(msgspec.Struct, frozen=True, gc=False):
    """A line of progress for the user, of one tool call or (``None``) of the turn."""

    message: str
    tool_call_id: str | None = None


class Source(msgspec.Struct, frozen=True, gc=False):
    """Where the answer comes from: a page (``url``) or a document (``media_type``, ``title``)."""

    source_id: str
    url: str | None = None
    title: str | None = None
    media_type: str | None = None
    filename: str | None = None


class File(msgspec.Struct, frozen=True, gc=False):
    """A file that the model made. ``url`` is a ``data:`` URL with base64, or an ``https:`` one."""

    media_type: str
    url: str


class Data(msgspec.Struct, frozen=True, gc=False):
    """A value of the application's own. The same ``id`` replaces; ``transient`` is never stored."""

    name: str
    data: Any
    id: str | None = None
    transient: bool = False


class Metadata(msgspec.Struct, frozen=True, gc=False):
    """Facts about the message (model, timings …); clients merge them deeply."""

    value: Mapping[str, Any]


class StepEnd(msgspec.Struct, frozen=True, gc=False):
    """The model's call is over, and so is every tool call of it that this turn answers."""

    finish_reason: FinishReason
    usage: Usage = Usage()


class Finish(msgspec.Struct, frozen=True, gc=False):
    """The turn ended as it should. ``usage`` is the sum over its steps."""

    finish_reason: FinishReason
    usage: Usage = Usage()
    metadata: Mapping[str, Any] | None = None


class Abort(msgspec.Struct, frozen=True, gc=False):
    """The turn was stopped on purpose."""

    reason: str | None = None


class Error(msgspec.Struct, frozen=True, gc=False):
    """The turn failed. ``message`` is for the user's eyes, ``code`` for a program's."""

    code: str
    message: str


Terminal: TypeAlias = Finish | Abort | Error
Annotation: TypeAlias = Status | Source | File | Data | Metadata
CallEvent: TypeAlias = (
    ToolInputStart
    | ToolInputDelta
    | ToolInputAvailable
    | ToolInputError
    | ToolApprovalRequest
    | ToolOutputAvailable
    | ToolOutputError
    | ToolOutputDenied
)
Event: TypeAlias = (
    Start
    | StepStart
    | TextDelta
    | ReasoningDelta
    | ReasoningSignature
    | ReasoningRedacted
    | CallEvent
    | Annotation
    | StepEnd
    | Terminal
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
        elif call is not None:
            call.state = after

    def _check_nothing_owed(self, event: Event) -> None:
        owed = self.owed()
        if owed:
            raise OrderError(f"{type(event).__name__} while {', '.join(owed)} is owed an answer")


def _is_owed(call: _Call) -> bool:
    if call.state is CallState.INPUT:
        return True
    return call.state is CallState.READY and call.executor != "client"

"""The turns of the golden traces, as events, and a strategy for any text."""

from hypothesis import strategies as st

from app.events import (
    Data,
    Error,
    Event,
    Finish,
    ReasoningDelta,
    ReasoningRedacted,
    ReasoningSignature,
    Source,
    Start,
    StepEnd,
    StepStart,
    TextDelta,
    ToolApprovalRequest,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputStart,
    ToolOutputAvailable,
    Usage,
)

USAGE = Usage(11, 7)
HELLO = ["Hello ", "from ", "turn ", "1. ", "You ", "said: ", "Hi", " Unicode: ", "é", "漢字", "😀"]
HELLO.append(' quote" back\\slash\nnewline.')
PARIS = {"city": "Paris", "tempC": 21}
OSLO = {"city": "Oslo", "tempC": 21}


def _text(*pieces: str) -> list[Event]:
    return [TextDelta(piece) for piece in pieces]


def _ended(reason: str, steps: int = 1) -> list[Event]:
    usage = Usage(11 * steps, 7 * steps)
    end = StepEnd("stop", USAGE) if reason == "stop" else StepEnd("tool-calls", USAGE)
    return [end, Finish("stop" if reason == "stop" else "tool-calls", usage)]


def second_step(said: str) -> list[Event]:
    """Return the step after the tools' results, and the end of the turn."""
    words = _text("The ", "tool ", "said ", said, "Done.")
    return [StepStart(), *words, *_ended("stop", steps=2)]


BEGIN: list[Event] = [Start("msg-1"), StepStart()]
CHECKING: list[Event] = [*BEGIN, *_text("Let ", "me ", "check. ")]
WEATHER_1 = ToolInputAvailable("call_1", "weather", {"city": "Paris"})
WEATHER_2 = ToolInputAvailable("call_2", "weather", {"city": "Oslo"})

TEXT_TURN: list[Event] = [*BEGIN, *_text(*HELLO), *_ended("stop")]
ERROR_TURN: list[Event] = [
    *BEGIN,
    *_text("Partial ", "answer ", "then "),
    Error("provider_error", "An error occurred."),
]
ERROR_START_TURN: list[Event] = [Start("msg-1"), Error("provider_error", "An error occurred.")]
REASONING_TURN: list[Event] = [
    *BEGIN,
    ReasoningDelta("First "),
    ReasoningDelta("I "),
    ReasoningDelta("think."),
    ReasoningSignature("sig-abc"),
    ReasoningRedacted("cmVkYWN0ZWQ="),
    *_text("Then ", "I ", "answer."),
    *_ended("stop"),
]
CLIENT_TOOL_TURN: list[Event] = [
    *CHECKING,
    ToolInputAvailable("call_1", "askUser", {"question": "Sure?"}, "client"),
    *_ended("tool-calls"),
]
APPROVAL_TURN: list[Event] = [
    *CHECKING,
    ToolInputAvailable("call_1", "dangerous", {"city": "Paris"}),
    ToolApprovalRequest("gen-2", "call_1"),
    *_ended("tool-calls"),
]


def tools_turn(said: str) -> list[Event]:
    """Return one tool call, its result, and the step after it."""
    step = [*CHECKING, WEATHER_1, ToolOutputAvailable("call_1", PARIS)]
    return [*step, StepEnd("tool-calls", USAGE), *second_step(said)]


def streamed_tool_turn(said: str) -> list[Event]:
    """Return the same with the arguments streamed."""
    pieces = ['{"ci', 'ty":"Par', 'is"}']
    return [
        *CHECKING,
        ToolInputStart("call_1", "weather"),
        *(ToolInputDelta("call_1", piece) for piece in pieces),
        WEATHER_1,
        ToolOutputAvailable("call_1", PARIS),
        StepEnd("tool-calls", USAGE),
        *second_step(said),
    ]


def two_tools_turn(said: str) -> list[Event]:
    """Return two calls of one step, their results, and the step after it."""
    results = [ToolOutputAvailable("call_1", PARIS), ToolOutputAvailable("call_2", OSLO)]
    begin = [*BEGIN, *_text("Two ", "tools. "), WEATHER_1, WEATHER_2, *results]
    return [*begin, StepEnd("tool-calls", USAGE), *second_step(said)]


def metadata_turn() -> list[Event]:
    """Return a text with metadata at its start and end."""
    return [
        Start("msg-1", {"model": "mock", "createdAt": 1}),
        *TEXT_TURN[1:-1],
        Finish("stop", USAGE, {"totalTokens": 18}),
    ]


DATA_PARTS: list[Event] = [
    Data("status", {"text": "working"}, transient=True),
    Data("weather", {"city": "Paris", "status": "loading"}, id="w1"),
    Source("s1", url="https://example.com/a", title="Doc A"),
]

# The alphabet includes lone surrogates on purpose: a model's JSON may contain them.
any_text = st.text(alphabet=st.characters(exclude_categories=[]), min_size=1)

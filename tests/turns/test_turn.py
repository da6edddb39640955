"""One turn over a model that says what the test wants, step by step."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from app.errors import ProviderRateLimited
from app.events import (
    Emit,
    Error,
    Event,
    Finish,
    Start,
    StepEnd,
    StepStart,
    TextDelta,
    ToolInputAvailable,
    ToolInputError,
    ToolOutputAvailable,
    ToolOutputError,
    Usage,
)
from app.grammar import Order, State
from app.messages import Message, StepRequest, TextPart, ToolCallPart, ToolOutputPart
from app.tools import tool
from app.tools.approval import Approvals
from app.tools.context import Scene
from app.tools.tool import Tool
from app.tools.toolbox import Toolbox
from app.turns.errors import AnswerTooLong
from app.turns.progress import TurnProgress
from app.turns.turn import TurnRequest, run_turn

HELLO = Message("user", (TextPart("Hello"),))
Reads = Sequence[Sequence[Event]]


class Model:
    """A provider that plays one list of network reads a step.

    Attributes:
        asked: the requests, in order.
    """

    def __init__(self, *steps: Reads | Exception) -> None:
        self.asked: list[StepRequest] = []
        self._steps = iter(steps)

    async def stream_step(self, request: StepRequest, emit: Emit) -> None:
        # The turn goes on to change its list of messages.
        self.asked.append(StepRequest(model=request.model, messages=tuple(request.messages)))
        reads = next(self._steps)
        if isinstance(reads, Exception):
            raise reads
        for events in ([StepStart()], *reads):
            await emit(events)

    async def aclose(self) -> None:
        """Nothing is open."""


@tool
def double(number: int) -> int:
    """Double a number."""
    return number * 2


@tool
def fail() -> None:
    """Fail."""
    raise ValueError("sk-secret")


async def _run(
    model: Model,
    *,
    tools: Mapping[str, Tool] | None = None,
    keeps_metadata: bool = False,
    **options: Any,
) -> list[Event]:
    """Run a turn; return its events, which the grammar has accepted up to the end."""
    events: list[Event] = []
    order = Order()

    async def emit(sent: Sequence[Event]) -> None:
        assert sent
        for event in sent:
            order.check(event)
        events.extend(sent)

    request = TurnRequest(message_id="msg-1", model="m", messages=(HELLO,), **options)
    toolbox = Toolbox(tools or {}, Scene(), Approvals(b"secret"), can_ask=True)
    progress = TurnProgress(model="m", started=0, clock=lambda: 0.25)
    await run_turn(request, emit, provider=model, tools=toolbox, progress=progress)
    assert order.state is State.DONE
    if not keeps_metadata and isinstance(events[-1], Finish):
        assert events[-1].metadata is not None
        events[-1] = msgspec.structs.replace(events[-1], metadata=None)
    return events


SAID: Reads = [[TextDelta("Hel")], [TextDelta("lo"), StepEnd("stop", Usage(3, 2))]]


def _calling(*calls: Event) -> Reads:
    return [[*calls, StepEnd("tool-calls", Usage(5, 1))]]


async def test_a_step_without_calls_is_the_whole_turn() -> None:
    events = await _run(Model(SAID))

    assert events == [
        Start("msg-1"),
        StepStart(),
        TextDelta("Hel"),
        TextDelta("lo"),
        StepEnd("stop", Usage(3, 2)),
        Finish("stop", Usage(3, 2)),
    ]


async def test_the_finish_tells_about_the_turn() -> None:
    events = await _run(Model(SAID), keeps_metadata=True)

    metadata = {"model": "m", "usage": Usage(3, 2).counted(), "durationMs": 250.0}
    assert events[-1] == Finish("stop", Usage(3, 2), metadata)


async def test_an_answer_that_is_too_long_is_cut_off_and_the_model_is_left() -> None:
    left: list[str] = []

    class Endless(Model):
        async def stream_step(self, request: StepRequest, emit: Emit) -> None:
            try:
                await emit([StepStart()])
                while True:
                    await emit([TextDelta("0123456789")])
            finally:
                left.append("the model")

    events: list[Event] = []

    async def emit(sent: Sequence[Event]) -> None:
        events.extend(sent)

    request = TurnRequest(message_id="m", model="m", messages=(HELLO,), max_answer_bytes=35)
    toolbox = Toolbox({}, Scene(), Approvals(b"secret"), can_ask=True)
    progress = TurnProgress(model="m", started=0)
    with pytest.raises(AnswerTooLong):
        await run_turn(request, emit, provider=Endless(), tools=toolbox, progress=progress)

    assert events == [Start("m"), StepStart(), *[TextDelta("0123456789")] * 3, TextDelta("01234")]
    assert left == ["the model"]


async def test_the_answer_of_all_steps_counts() -> None:
    call = ToolInputAvailable("c1", "double", {"number": 2})  # 12 bytes of arguments
    step = [[TextDelta("0123456789")], *_calling(call)]

    assert len(await _run(Model(step, SAID), tools={"double": double}, max_answer_bytes=27)) > 5
    with pytest.raises(AnswerTooLong):
        await _run(Model(step, SAID), tools={"double": double}, max_answer_bytes=26)


async def test_the_system_prompt_is_the_first_message() -> None:
    model = Model(SAID)

    await _run(model, system_prompt="Be brief.")

    assert list(model.asked[0].messages) == [Message("system", (TextPart("Be brief."),)), HELLO]


async def test_a_model_that_cannot_be_called_has_said_nothing() -> None:
    with pytest.raises(ProviderRateLimited):
        await _run(Model(ProviderRateLimited("x")))


async def test_a_stream_that_fails_ends_the_turn_with_its_error() -> None:
    error = Error("provider_error", "It broke.")

    events = await _run(Model([[TextDelta("Hel")], [error]]))

    assert events[-2:] == [TextDelta("Hel"), error]


async def test_the_output_of_a_tool_goes_back_to_the_model() -> None:
    model = Model(_calling(ToolInputAvailable("c1", "double", {"number": 4})), SAID)

    events = await _run(model, tools={"double": double})

    assert events[2:5] == [
        ToolInputAvailable("c1", "double", {"number": 4}),
        ToolOutputAvailable("c1", 8),
        StepEnd("tool-calls", Usage(5, 1)),
    ]
    assert events[-1] == Finish("stop", Usage(8, 3))
    _, called, output = model.asked[1].messages
    assert called == Message("assistant", (ToolCallPart("c1", "double", {"number": 4}),))
    assert list(output.parts) == [ToolOutputPart("c1", "double", 8)]


async def test_a_tool_that_fails_has_an_output_that_says_nothing_secret() -> None:
    model = Model(_calling(ToolInputAvailable("c1", "fail", {})), SAID)

    events = await _run(model, tools={"fail": fail})

    (failed,) = [event for event in events if isinstance(event, ToolOutputError)]
    assert "secret" not in failed.message
    (part,) = model.asked[1].messages[-1].parts
    assert isinstance(part, ToolOutputPart)
    assert part.is_error


async def test_a_call_of_the_models_own_side_is_not_ours_to_execute() -> None:
    model = Model(
        _calling(
            ToolInputAvailable("c1", "web_search", {"query": "x"}, "provider"),
            ToolOutputAvailable("c1", {"hits": 1}),
        )
    )

    events = await _run(model, tools={"double": double})

    assert len(model.asked) == 1
    assert ToolInputAvailable("c1", "web_search", {"query": "x"}, "provider") in events
    assert isinstance(events[-1], Finish)


async def test_arguments_that_are_no_json_are_a_failed_call_that_the_model_sees() -> None:
    model = Model(_calling(ToolInputError("c1", "double", "{", "Not JSON.")), SAID)

    events = await _run(model, tools={"double": double})

    assert any(isinstance(event, ToolInputError) for event in events)
    assert len(model.asked) == 2


async def test_a_turn_that_only_calls_ends_after_the_most_steps() -> None:
    calls = [ToolInputAvailable(f"c{number}", "double", {"number": 1}) for number in range(3)]
    model = Model(*(_calling(call) for call in calls))

    events = await _run(model, tools={"double": double}, max_steps=3)

    assert len(model.asked) == 3
    assert events[-1] == Finish("tool-calls", Usage(15, 3))


async def test_a_failure_in_a_later_step_is_for_whoever_runs_the_turn() -> None:
    model = Model(
        _calling(ToolInputAvailable("c1", "double", {"number": 4})), ProviderRateLimited("x")
    )

    with pytest.raises(ProviderRateLimited):
        await _run(model, tools={"double": double})

"""Telemetry is not called for a token: counted in calls, which are the same on a busy machine."""

import sys
from collections.abc import Callable
from typing import Any

import pytest

from app.events import Emit, Event, StepEnd, StepStart, TextDelta, Usage
from app.messages import Message, StepRequest, TextPart
from app.protocols.data_stream import DataStreamEncoder
from app.protocols.framing import Framer
from app.telemetry.prometheus import PrometheusMetrics
from app.telemetry.turn_traces import Tracing, Untraced
from app.tools.approval import Approvals
from app.tools.context import Scene
from app.tools.toolbox import Toolbox
from app.turns.live_turn import LiveTurn
from app.turns.outbox import Outbox
from app.turns.outcome import TurnLabels
from app.turns.progress import TurnProgress
from app.turns.running_turns import RunningTurns
from app.turns.turn import TurnRequest, run_turn
from tests.telemetry.test_spans import Traces

_FEW, _MANY = 10, 1010
# In the name of a file.
_TELEMETRY = ("/app/telemetry/", "/app/tracing", "/opentelemetry/", "/prometheus_client/")


class Says:
    """A provider that says so many tokens, each on its own."""

    def __init__(self, tokens: int) -> None:
        self._tokens = tokens

    async def stream_step(self, request: StepRequest, emit: Emit) -> None:
        await emit([StepStart()])
        token: list[Event] = [TextDelta("word ")]
        for _ in range(self._tokens):
            await emit(token)
        await emit([StepEnd("stop", Usage(1, self._tokens))])

    async def aclose(self) -> None:
        pass


async def _calls(tracing: Tracing, tokens: int) -> tuple[int, int]:
    """Run a turn; return how many functions of Python were called, and how many of telemetry."""
    request = TurnRequest(
        message_id="msg-1", model="m", messages=[Message("user", (TextPart("Hi"),))]
    )
    labels = TurnLabels(request_id="r1", model="m")
    metrics = PrometheusMetrics()
    trace, labels, observer = tracing.begin_turn([], labels, request, started=0)
    progress = TurnProgress(model="m", started=0)
    tools = Toolbox({}, Scene(trace=trace), Approvals(b"x" * 32), can_ask=True)

    async def run(emit: Emit) -> None:
        await run_turn(
            request, emit, provider=Says(tokens), tools=tools, progress=progress, trace=trace
        )

    outbox = Outbox(keep_alive_s=60, keep_alive=lambda: b"")
    turn = LiveTurn(
        run,
        labels=labels,
        message_id="msg-1",
        framer=Framer(DataStreamEncoder()),
        outbox=outbox,
        progress=progress,
        observer=observer,
    )
    turn.answer_anyway()
    all_calls = of_telemetry = 0

    def count(frame: Any, event: str, _: Any) -> None:
        nonlocal all_calls, of_telemetry
        if event == "call":
            all_calls += 1
            name: str = frame.f_code.co_filename
            of_telemetry += any(part in name for part in _TELEMETRY)

    async def write(data: bytes) -> None:
        pass

    turns = RunningTurns(observers=[metrics.put])
    turns.start(turn)
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        await outbox.connect(write)
        await turn.task
    finally:
        sys.setprofile(before)
    assert turn.outcome is not None
    assert turn.outcome.usage.output_tokens == tokens
    return all_calls, of_telemetry


@pytest.mark.parametrize(
    "make", [lambda: Traces().tracing, lambda: Traces(is_sampled=False).tracing, Untraced]
)
async def test_nothing_of_telemetry_is_called_for_a_token(make: Callable[[], Tracing]) -> None:
    few, many = await _calls(make(), _FEW), await _calls(make(), _MANY)

    assert few[1] == many[1]


async def test_a_token_calls_the_same_with_telemetry_and_without() -> None:
    async def a_token(make: Callable[[], Tracing]) -> float:
        few, many = await _calls(make(), _FEW), await _calls(make(), _MANY)
        return (many[0] - few[0]) / (_MANY - _FEW)

    traced = await a_token(lambda: Traces().tracing)
    untraced = await a_token(Untraced)

    assert traced == pytest.approx(untraced, abs=0.05)
    assert untraced > 3

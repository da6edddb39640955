"""The spans of turns, steps and tools, as the SDK makes them; over the wire: test_otlp.py."""

import asyncio
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

from app.errors import ProviderTimeout
from app.events import Error, FinishReason, Usage
from app.messages import StepRequest, ToolSpec
from app.telemetry import spans
from app.telemetry.conventions import NEWER, V1_41, Conventions, model_server
from app.telemetry.log import owner_mark
from app.telemetry.spans import OtelTracing
from app.telemetry.turn_instruments import TurnInstruments
from app.tracing import StepOutcome, trace_headers
from app.turns.outcome import TurnLabels, TurnOutcome
from app.turns.turn import TurnRequest

LABELS = TurnLabels(request_id="r1", chat_id="c1", owner="ann", protocol="ui", model="m")
REQUEST = TurnRequest(message_id="msg-1", model="m", messages=())
STEP = StepRequest(model="m", messages=(), tools=[ToolSpec("add", "", {})])
SERVER = model_server("http://127.0.0.1:8000/v1")
TRACE = "0af7651916cd43dd8448eb211c80319c"
HEADERS = [(b"traceparent", f"00-{TRACE}-b7ad6b7169203331-01".encode())]


class Traces:
    """A tracing whose spans stay here."""

    def __init__(
        self,
        conventions: Conventions = V1_41,
        *,
        keeps_content: bool = False,
        is_sampled: bool = True,
    ) -> None:
        self._kept = InMemorySpanExporter()
        provider = TracerProvider(
            sampler=ALWAYS_ON if is_sampled else ALWAYS_OFF, shutdown_on_exit=False
        )
        provider.add_span_processor(SimpleSpanProcessor(self._kept))
        meters = MeterProvider(shutdown_on_exit=False)
        self.tracing = OtelTracing(
            provider.get_tracer("t"),
            TurnInstruments(
                meters.get_meter("t"), server=SERVER, conventions=conventions, running=lambda: 0
            ),
            server=SERVER,
            conventions=conventions,
            keeps_content=keeps_content,
        )

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._kept.get_finished_spans())


def _outcome(
    reason: FinishReason | None = "stop", error: Error | None = None, usage: Usage | None = None
) -> TurnOutcome:
    return TurnOutcome(
        status=200,
        finish_reason=reason,
        error=error,
        usage=Usage() if usage is None else usage,
        steps=1,
        first_token_ms=None,
        duration_ms=1.0,
        client_left=False,
    )


def _turn(traces: Traces, outcome: TurnOutcome, *, owner: str = "ann") -> None:
    labels = TurnLabels(request_id="r1", owner=owner)
    begun = traces.tracing.begin_turn([], labels, REQUEST, started=0)
    assert begun.observer is not None
    begun.observer(begun.labels, outcome)


def _done(error_type: str | None = None) -> StepOutcome:
    return StepOutcome(
        finish_reason="stop", usage=Usage(), first_chunk_s=None, error_type=error_type
    )


@pytest.fixture
def no_span() -> Iterator[None]:
    yield
    assert not trace.get_current_span().get_span_context().is_valid
    assert trace_headers() == {}


def test_a_turn_is_named_by_its_chat_and_a_mark_of_its_owner() -> None:
    traces = Traces()

    begun = traces.tracing.begin_turn(HEADERS, LABELS, REQUEST, started=0)
    assert begun.observer is not None
    begun.observer(begun.labels, _outcome(usage=Usage(1, 2, None, 3)))

    (span,) = traces.spans
    assert span.attributes is not None
    assert begun.labels.trace_id == TRACE
    assert span.attributes["enduser.pseudo.id"] == owner_mark("ann")
    assert span.attributes["gen_ai.conversation.id"] == "c1"
    assert span.attributes["gen_ai.usage.cache_read.input_tokens"] == 3
    assert "ann" not in str(span.attributes)


def test_a_turn_of_nobody_in_no_chat_has_neither() -> None:
    traces = Traces(NEWER)

    _turn(traces, _outcome(None), owner="")

    (span,) = traces.spans
    assert span.attributes is not None
    assert not {"enduser.pseudo.id", "gen_ai.conversation.id"} & span.attributes.keys()
    assert "gen_ai.provider.name" not in span.attributes


def test_a_turn_begins_when_its_request_came_in() -> None:
    traces = Traces()
    tracing = traces.tracing
    tracing.clock = lambda: 100.0

    begun = tracing.begin_turn([], LABELS, REQUEST, started=98.0)
    assert begun.observer is not None
    begun.observer(begun.labels, _outcome())

    (span,) = traces.spans
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time - span.start_time >= 2e9


def test_a_turn_that_is_not_kept_is_told_of_nothing() -> None:
    traces = Traces(is_sampled=False, keeps_content=True)

    begun = traces.tracing.begin_turn([], LABELS, REQUEST, started=0)
    with begun.trace.step(STEP) as step:
        step.ended(_done())
    assert begun.observer is not None
    begun.observer(begun.labels, _outcome(error=Error("provider_error", "")))

    assert traces.spans == []


def test_only_the_same_owners_continuation_is_linked_and_only_once() -> None:
    traces = Traces()

    _turn(traces, _outcome("tool-calls"))
    for owner in ("bob", "ann", "ann"):
        _turn(traces, _outcome(), owner=owner)

    first, *later = traces.spans
    links = [[link.context.span_id for link in span.links] for span in later]
    assert links == [[], [first.context.span_id], []]


def test_only_so_many_open_turns_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans, "_REMEMBERED", 1)
    traces = Traces()

    _turn(traces, _outcome("tool-calls"), owner="ann")
    _turn(traces, _outcome("tool-calls"), owner="bob")
    _turn(traces, _outcome(), owner="ann")
    _turn(traces, _outcome(), owner="bob")

    assert [len(span.links) for span in traces.spans] == [0, 0, 0, 1]


@pytest.mark.usefixtures("no_span")
def test_a_step_is_the_current_span_and_goes_along_with_what_is_sent() -> None:
    traces = Traces()
    begun = traces.tracing.begin_turn([], LABELS, REQUEST, started=0)

    with begun.trace.step(STEP) as step:
        current = trace.get_current_span().get_span_context()
        sent = trace_headers()
        step.ended(_done())

    assert sent == {"traceparent": f"00-{begun.labels.trace_id}-{current.span_id:016x}-01"}
    (span,) = traces.spans
    assert span.context.span_id == current.span_id


@pytest.mark.parametrize(
    ("error", "error_type"),
    [
        (ProviderTimeout("the conversation"), "provider_timeout"),
        (ValueError("the conversation"), "ValueError"),
        (asyncio.CancelledError(), None),
    ],
)
@pytest.mark.usefixtures("no_span")
def test_a_step_that_is_broken_off_says_by_what(
    error: BaseException, error_type: str | None
) -> None:
    traces = Traces()
    begun = traces.tracing.begin_turn([], LABELS, REQUEST, started=0)

    with pytest.raises(type(error)), begun.trace.step(STEP):
        raise error

    (span,) = traces.spans
    assert span.attributes is not None
    assert span.attributes.get("error.type") == error_type
    assert (span.events, span.status.description) == ((), None)
    assert span.status.is_ok is (error_type is None)


def test_a_step_whose_stream_failed_says_so() -> None:
    traces = Traces()
    begun = traces.tracing.begin_turn([], LABELS, REQUEST, started=0)

    with begun.trace.step(STEP) as step:
        step.ended(_done("provider_error"))

    (span,) = traces.spans
    assert span.attributes is not None
    assert span.attributes["error.type"] == "provider_error"


def test_a_step_in_no_chat_names_none() -> None:
    traces = Traces()

    with traces.tracing.begin_tool([]).step(STEP) as step:
        step.ended(_done())

    (span,) = traces.spans
    assert span.attributes is not None
    assert "gen_ai.conversation.id" not in span.attributes


@pytest.mark.usefixtures("no_span")
def test_a_tool_is_the_current_span_in_its_callers_trace() -> None:
    traces = Traces()

    run = traces.tracing.begin_tool(HEADERS).tool(
        name="add", description="", call_id="", arguments={}
    )
    with run as tool:
        current = trace.get_current_span().get_span_context()
        tool.ended(error_type=None, output=3)

    (span,) = traces.spans
    assert span.attributes is not None
    assert (f"{current.trace_id:032x}", span.name) == (TRACE, "execute_tool add")
    assert not {"gen_ai.tool.call.id", "gen_ai.tool.description"} & span.attributes.keys()
    assert "gen_ai.tool.call.result" not in span.attributes


@pytest.mark.parametrize("fails", [False, True])
def test_a_tools_result_is_content(fails: bool) -> None:
    traces = Traces(keeps_content=True)
    about = {"name": "add", "description": "Add.", "call_id": "c1"}

    with traces.tracing.begin_tool([]).tool(**about, arguments={"a": 1}) as tool:
        tool.ended(error_type="TIMEOUT" if fails else None, output={"sum": 3})

    (span,) = traces.spans
    assert span.attributes is not None
    assert span.attributes["gen_ai.tool.call.arguments"] == '{"a":1}'
    assert span.attributes.get("gen_ai.tool.call.result") == (None if fails else '{"sum":3}')
    assert span.attributes.get("error.type") == ("TIMEOUT" if fails else None)


def test_a_tool_that_is_cancelled_has_not_failed() -> None:
    traces = Traces()

    with (
        pytest.raises(asyncio.CancelledError),
        traces.tracing.begin_tool([]).tool(name="add", description="", call_id="", arguments={}),
    ):
        raise asyncio.CancelledError

    assert traces.spans[0].status.is_ok

"""The metrics of turns, as the SDK counts them; over the wire: test_otlp.py."""

from typing import Any

import msgspec
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from app.events import Error, Usage
from app.telemetry.conventions import NEWER, V1_41, Conventions, model_server
from app.telemetry.turn_instruments import TurnInstruments
from app.tracing import StepOutcome
from app.turns.outcome import TurnOutcome

SERVER = model_server("http://127.0.0.1:8000/v1")
WELL = StepOutcome(finish_reason="stop", usage=Usage(5, None, None, 2), first_chunk_s=0.5)
OUTCOME = TurnOutcome(
    status=200,
    finish_reason="stop",
    error=None,
    usage=Usage(),
    steps=1,
    first_token_ms=500.0,
    duration_ms=2000.0,
    client_left=False,
)


class Counted:
    """Instruments whose points can be read."""

    def __init__(self, conventions: Conventions) -> None:
        self._reader = InMemoryMetricReader()
        provider = MeterProvider([self._reader], shutdown_on_exit=False)
        self.instruments = TurnInstruments(
            provider.get_meter("t"), server=SERVER, conventions=conventions, running=lambda: 7
        )

    def points(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        """Return the attributes and the sum of each point of a metric."""
        data = self._reader.get_metrics_data()
        assert data is not None
        return [
            (dict(point.attributes or {}), getattr(point, "sum", getattr(point, "value", None)))
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


def test_a_step_counts_the_tokens_that_are_known() -> None:
    counted = Counted(V1_41)

    counted.instruments.step("m", 1.5, WELL, None)

    ((usage, tokens),) = counted.points("gen_ai.client.token.usage")
    assert (usage["gen_ai.token.type"], tokens) == ("input", 5)
    ((_, duration_s),) = counted.points("gen_ai.client.operation.duration")
    assert duration_s == 1.5
    assert [s for _, s in counted.points("gen_ai.client.operation.time_to_first_chunk")] == [0.5]


def test_a_step_that_failed_has_its_duration_and_its_error_only() -> None:
    counted = Counted(V1_41)

    counted.instruments.step("m", 1.5, None, "provider_timeout")

    ((about, _),) = counted.points("gen_ai.client.operation.duration")
    assert about["error.type"] == "provider_timeout"
    assert counted.points("gen_ai.client.token.usage") == []
    assert counted.points("gen_ai.client.operation.time_to_first_chunk") == []


def test_the_newer_version_counts_what_is_unknown_as_nothing() -> None:
    counted = Counted(NEWER)

    counted.instruments.step("m", 1.5, WELL, None)
    counted.instruments.step("m", 1.5, None, "provider_timeout")

    usage = "gen_ai.client.inference.usage"
    assert [n for _, n in counted.points(f"{usage}.input_tokens")] == [5]
    assert [n for _, n in counted.points(f"{usage}.output_tokens")] == [0]
    assert [n for _, n in counted.points(f"{usage}.cache_read.input_tokens")] == [2]
    per_call = counted.points("gen_ai.client.inference.operation.input_tokens")
    assert [("error.type" in about, n) for about, n in per_call] == [(False, 5), (True, 0)]


def test_a_turn_has_its_times() -> None:
    counted = Counted(NEWER)

    counted.instruments.turn("m", OUTCOME)

    model = {"gen_ai.request.model": "m"}
    assert counted.points("deltaline.turn.duration") == [(model, 2.0)]
    assert counted.points("deltaline.turn.time_to_first_token") == [(model, 0.5)]
    agent = {"gen_ai.operation.name": "invoke_agent", **model}
    assert counted.points("gen_ai.invoke_agent.duration") == [(agent, 2.0)]
    assert counted.points("deltaline.limits.hit") == []


def test_a_turn_that_hit_a_limit_counts_it() -> None:
    counted = Counted(V1_41)
    failed = {"first_token_ms": None, "finish_reason": "error"}

    for code in ("deadline_exceeded", "provider_error"):
        error = {"error": Error(code, "")}
        counted.instruments.turn("m", _changed(**failed, **error))

    assert counted.points("deltaline.limits.hit") == [({"deltaline.limit": "deadline_exceeded"}, 1)]
    assert counted.points("deltaline.turn.time_to_first_token") == []
    codes = [about["error.type"] for about, _ in counted.points("deltaline.turn.duration")]
    assert codes == ["deadline_exceeded", "provider_error"]


def _changed(**changes: Any) -> TurnOutcome:
    return msgspec.structs.replace(OUTCOME, **changes)


def test_tools_limits_the_store_and_running_turns_are_counted() -> None:
    counted = Counted(NEWER)

    counted.instruments.tool("add", 0.25, None)
    counted.instruments.tool("add", 0.5, "TIMEOUT")
    counted.instruments.limit("too_many_turns")
    counted.instruments.store_write(0.125)

    tools = counted.points("gen_ai.execute_tool.duration")
    assert [(about.get("error.type"), s) for about, s in tools] == [(None, 0.25), ("TIMEOUT", 0.5)]
    assert counted.points("deltaline.limits.hit") == [({"deltaline.limit": "too_many_turns"}, 1)]
    assert counted.points("deltaline.store.flush.duration") == [({}, 0.125)]
    assert counted.points("deltaline.turns.running") == [({}, 7)]

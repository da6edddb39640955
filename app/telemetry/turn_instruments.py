"""The metrics of turns for OpenTelemetry. Importing this module imports its API.

Each is recorded at the end of a turn, of a call to the model or of a tool call, never for a token.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Meter, Observation

from app.telemetry import conventions as names
from app.telemetry.conventions import Conventions, ModelServer
from app.telemetry.limits import limit_of
from app.tracing import StepOutcome
from app.turns.outcome import TurnOutcome


class TurnInstruments:
    """The instruments of one app.

    Args:
        meter: makes them.
        server: whose model is called.
        conventions: the names' version.
        running: how many turns run now.
    """

    def __init__(
        self,
        meter: Meter,
        *,
        server: ModelServer,
        conventions: Conventions,
        running: Callable[[], int],
    ) -> None:
        self._server = server
        self._conventions = conventions
        self._meter = meter
        self._model_duration = self._seconds(conventions.model_duration)
        self._model_first_chunk = self._seconds(conventions.model_first_chunk)
        self._token_usage = self._tokens(conventions.token_usage)
        self._tokens_per_call = {
            kind: self._tokens(name) for kind, name in conventions.tokens_per_call.items()
        }
        self._tokens_used: Mapping[str, Counter] = {
            kind: meter.create_counter(name, "{token}")
            for kind, name in conventions.tokens_used.items()
        }
        self._agent_duration = self._seconds(conventions.agent_duration)
        self._tool_duration = self._seconds(conventions.tool_duration)
        self._turn_duration = self._seconds(names.TURN_DURATION)
        self._turn_first_token = self._seconds(names.TURN_FIRST_TOKEN)
        self._store_flush = self._seconds(names.STORE_FLUSH)
        self._limits_hit = meter.create_counter(names.LIMITS_HIT, "{request}")

        def observed(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(running())]

        meter.create_observable_gauge(names.RUNNING_TURNS, [observed], "{turn}")

    def _seconds(self, name: str) -> Histogram | None:
        return self._histogram(name, "s", names.SECONDS)

    def _tokens(self, name: str) -> Histogram | None:
        return self._histogram(name, "{token}", names.TOKENS)

    def _histogram(self, name: str, unit: str, bounds: Sequence[float]) -> Histogram | None:
        if not name:
            return None
        advised = list(bounds)
        return self._meter.create_histogram(name, unit, explicit_bucket_boundaries_advisory=advised)

    def turn(self, model: str, outcome: TurnOutcome) -> None:
        """Record a turn that is over."""
        about: dict[str, Any] = {names.REQUEST_MODEL: model}
        error = outcome.error
        if error is not None:
            about[names.ERROR_TYPE] = error.code
            limit = limit_of(error.code)
            if limit is not None:
                self.limit(limit)
        _record(self._turn_duration, outcome.duration_ms / 1000, about)
        agent = {names.OPERATION: names.INVOKE_AGENT, **about}
        _record(self._agent_duration, outcome.duration_ms / 1000, agent)
        if outcome.first_token_ms is not None:
            _record(self._turn_first_token, outcome.first_token_ms / 1000, about)

    def step(
        self, model: str, duration_s: float, outcome: StepOutcome | None, error_type: str | None
    ) -> None:
        """Record a call to the model that is over, unless it was cancelled.

        Args:
            outcome: None if it failed before the model's response.
        """
        server = self._server
        about: dict[str, Any] = {
            names.OPERATION: names.CHAT,
            names.PROVIDER: server.provider,
            names.REQUEST_MODEL: model,
            names.SERVER_ADDRESS: server.address,
            names.SERVER_PORT: server.port,
        }
        failed = about if error_type is None else {**about, names.ERROR_TYPE: error_type}
        _record(self._model_duration, duration_s, failed)
        first = None if outcome is None else outcome.first_chunk_s
        if first is not None:
            _record(self._model_first_chunk, first, about)
        usage = None if outcome is None else outcome.usage
        counts = (
            {} if usage is None else {"input": usage.input_tokens, "output": usage.output_tokens}
        )
        for kind, count in counts.items():
            if count is not None:
                _record(self._token_usage, count, {**about, names.TOKEN_TYPE: kind})
        for kind, histogram in self._tokens_per_call.items():
            # The newer version wants a zero where nothing is known.
            _record(histogram, counts.get(kind) or 0, failed)
        if self._tokens_used:
            known = (
                {}
                if usage is None
                else {
                    **counts,
                    "cache_read": usage.cached_input_tokens,
                    "reasoning": usage.reasoning_tokens,
                }
            )
            told = {**about, names.TOKEN_MODALITY: names.UNKNOWN_MODALITY}
            for kind, counter in self._tokens_used.items():
                counter.add(known.get(kind) or 0, told)

    def tool(self, name: str, duration_s: float, error_type: str | None) -> None:
        """Record a tool call that is over."""
        about = {names.OPERATION: names.EXECUTE_TOOL, names.TOOL_NAME: name}
        failed = {} if error_type is None else {names.ERROR_TYPE: error_type}
        _record(self._tool_duration, duration_s, about | failed)

    def limit(self, limit: str) -> None:
        """Record that somebody has hit a limit."""
        self._limits_hit.add(1, {names.LIMIT: limit})

    def store_write(self, duration_s: float) -> None:
        """Record how long the store took to take what was said."""
        _record(self._store_flush, duration_s, {})


def _record(histogram: Histogram | None, value: float, attributes: Mapping[str, Any]) -> None:
    if histogram is not None:
        histogram.record(value, attributes)

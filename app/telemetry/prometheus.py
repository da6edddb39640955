"""The metrics of turns in Prometheus' form. Importing this module imports prometheus-client.

With several workers each writes into files of its own below ``PROMETHEUS_MULTIPROC_DIR``, which the
supervisor sets, and whoever is asked adds them up. The files of a worker that has died stay, since
what it has counted was counted; only how many turns it ran goes.
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from app.telemetry.limits import limit_of
from app.turns.outcome import TurnLabels, TurnOutcome

# In seconds: from a token out of a cache to an answer with many tools, and from memory to a store
# that hangs.
_ANSWERS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6)
_WRITES = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class PrometheusMetrics:
    """The metrics of one process; shown for all workers.

    Args:
        folder: where the workers write; None if there is one process.

    Attributes:
        registry: what is shown.
    """

    def __init__(self, folder: str | None = None) -> None:
        own = CollectorRegistry()
        self._turns = Counter(
            "deltaline_turns", "Turns that are over, by how.", ["model", "ending"], registry=own
        )
        self._errors = Counter(
            "deltaline_turn_errors",
            "Turns that failed, by the error's code.",
            ["code"],
            registry=own,
        )
        self._duration = Histogram(
            "deltaline_turn_duration_seconds",
            "From the request to the end of the turn.",
            ["model"],
            buckets=_ANSWERS,
            registry=own,
        )
        self._first_token = Histogram(
            "deltaline_time_to_first_token_seconds",
            "From the request to the first event of the answer.",
            ["model"],
            buckets=_ANSWERS,
            registry=own,
        )
        self._tokens = Counter(
            "deltaline_tokens",
            "Tokens as the model reported them.",
            ["model", "type"],
            registry=own,
        )
        self._running = Gauge(
            "deltaline_running_turns",
            "Turns, and tools on their own, that run now.",
            multiprocess_mode="livesum",
            registry=own,
        )
        self._store_flush = Histogram(
            "deltaline_store_flush_seconds",
            "How long the store took to take what was said.",
            buckets=_WRITES,
            registry=own,
        )
        self._limits = Counter(
            "deltaline_limits_hit",
            "Requests refused and turns ended by a limit.",
            ["limit"],
            registry=own,
        )
        self.registry = own
        if folder is not None:
            self.registry = CollectorRegistry()
            MultiProcessCollector(self.registry, folder)  # type: ignore[no-untyped-call]

    def put(self, labels: TurnLabels, outcome: TurnOutcome) -> None:
        """Count a turn that is over."""
        model, error, usage = labels.model, outcome.error, outcome.usage
        self._turns.labels(model, _ending(outcome)).inc()
        if error is not None:
            self._errors.labels(error.code).inc()
            limit = limit_of(error.code)
            if limit is not None:
                self.limit(limit)
        self._duration.labels(model).observe(outcome.duration_ms / 1000)
        if outcome.first_token_ms is not None:
            self._first_token.labels(model).observe(outcome.first_token_ms / 1000)
        self._tokens.labels(model, "input").inc(usage.input_tokens or 0)
        self._tokens.labels(model, "output").inc(usage.output_tokens or 0)

    def running(self, turns: int) -> None:
        """Note how many turns run in this process."""
        self._running.set(turns)

    def limit(self, limit: str) -> None:
        """Count that somebody has hit a limit."""
        self._limits.labels(limit).inc()

    def store_write(self, duration_s: float) -> None:
        """Note how long a write of the store took."""
        self._store_flush.observe(duration_s)

    def shown(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics in a form that ``accept`` allows, and its media type."""
        encode: Callable[[CollectorRegistry], bytes]
        encode, media_type = choose_encoder(accept)
        return encode(self.registry), media_type


def _ending(outcome: TurnOutcome) -> str:
    """Return how a turn ended, in a word."""
    if outcome.finish_reason is not None:
        return outcome.finish_reason
    return "client-left" if outcome.client_left else "stopped"

"""What tells others how turns go, as the settings and the standard variables ask for it."""

import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from starlette.applications import Starlette
from starlette.routing import Route

from app.owners.authentication import shared
from app.providers.openers.opener import DEFAULT_BASE_URL
from app.requests.bearer import SharedTokens
from app.setting_kinds import secret_text
from app.settings import Settings, SettingsError
from app.store.store import Store
from app.telemetry.limits import limit_of
from app.telemetry.log import log_turn
from app.telemetry.metrics import TurnMetrics
from app.telemetry.otel_environment import Asked, read_environment
from app.telemetry.turn_traces import Tracing, Untraced
from app.turns.outcome import TurnObserver
from app.turns.places import Places
from app.turns.running_turns import RunningTurns

if TYPE_CHECKING:
    from app.telemetry.prometheus import PrometheusMetrics

logger = logging.getLogger("deltaline")

# How long what was measured may take to be sent when the server ends, in seconds.
_LAST_FLUSH_S = 3.0
# How long each may take between two events on Lambda, which is billed: what the application is told
# of a turn, and sending what was measured. In seconds.
_SETTLED_S = 2.0


class Counting(Protocol):
    """Counts what is no part of a turn's outcome."""

    def limit(self, limit: str) -> None: ...

    def store_write(self, duration_s: float) -> None: ...


class Telemetry(NamedTuple):
    """What the app tells how turns go.

    Attributes:
        observers: told of every turn that is over.
        tracing: traces every turn.
        counting: told of limits and of the store.
        metrics: for Prometheus, where they are asked for.
        flush: sends what waits to be sent, within so many seconds; None if nothing can wait.
    """

    observers: Sequence[TurnObserver]
    tracing: Tracing
    counting: Sequence[Counting]
    metrics: "PrometheusMetrics | None" = None
    flush: Callable[[float], Awaitable[None]] | None = None

    def refused(self, error_code: str) -> None:
        """Take note of the error with which a request was refused."""
        limit = limit_of(error_code)
        if limit is not None:
            for counting in self.counting:
                counting.limit(limit)

    def timing(self, store: Store) -> Store:
        """Return ``store``, but with its writes timed if anybody wants to know."""
        if not self.counting:
            return store
        from app.telemetry.timed_store import timed

        return timed(store, [counting.store_write for counting in self.counting])

    async def settle(self, turns: RunningTurns) -> None:
        """Do what has to be done before Lambda freezes the process."""
        await turns.settled(_SETTLED_S)
        if self.flush is not None:
            await self.flush(_SETTLED_S)

    async def aclose(self) -> None:
        """Send what waits to be sent."""
        if self.flush is not None:
            await self.flush(_LAST_FLUSH_S)


def make_telemetry(settings: Settings, places: Places) -> Telemetry:
    """Return what is asked for.

    Args:
        places: those of the turns; tell how many run now.

    Raises:
        SettingsError: a package is missing that a setting needs.
    """
    observers: list[TurnObserver] = [log_turn]
    name = settings.lambda_function_name
    if name is not None:
        observers.append(TurnMetrics(name).put)
    metrics = _prometheus() if settings.metrics or settings.metrics_port is not None else None
    told = Telemetry(observers, Untraced(), ())
    if metrics is not None:
        observers.append(metrics.put)
        places.watcher = metrics.running
        told = told._replace(counting=(metrics,), metrics=metrics)
    asked = read_environment(os.environ)
    if asked is not None:
        try:
            return _with_opentelemetry(asked, settings, told, lambda: places.taken)
        # Platforms set the variables for all programs at once; ours goes on without.
        except ImportError as error:
            logger.warning(
                "OTEL_* variables ask for telemetry, but %s is not installed: "
                "pip install '.[otel]'",
                error.name,
            )
        except ValueError as error:
            logger.warning("the OTEL_* variables cannot be followed: %s", error)
    return told


def _prometheus() -> "PrometheusMetrics":
    from app.workers.metric_files import FOLDER

    try:
        from app.telemetry.prometheus import PrometheusMetrics
    except ImportError:
        raise SettingsError(
            "CHAT_METRICS and CHAT_METRICS_PORT need a package: pip install '.[metrics]'."
        ) from None
    return PrometheusMetrics(os.environ.get(FOLDER))


def _with_opentelemetry(
    asked: Asked, settings: Settings, told: Telemetry, running: Callable[[], int]
) -> Telemetry:
    """Return ``told`` with traces and metrics for OpenTelemetry."""
    from app import __version__
    from app.telemetry.conventions import conventions, model_server
    from app.telemetry.otel_sdk import providers
    from app.telemetry.spans import OtelTracing
    from app.telemetry.turn_instruments import TurnInstruments

    made = providers(asked)
    server = model_server(
        settings.azure_openai_endpoint or settings.openai_base_url or DEFAULT_BASE_URL
    )
    version = conventions(asked.opt_in)
    instruments = TurnInstruments(
        made.meters.get_meter("deltaline", __version__),
        server=server,
        conventions=version,
        running=running,
    )
    tracing = OtelTracing(
        made.tracers.get_tracer("deltaline", __version__),
        instruments,
        server=server,
        conventions=version,
        keeps_content=settings.trace_content,
    )
    counting = (*told.counting, instruments)
    return told._replace(tracing=tracing, counting=counting, flush=made.flush)


def add_metrics(app: Starlette, metrics: "PrometheusMetrics", settings: Settings) -> object:
    """Let ``app`` serve ``GET /metrics``; return the route's endpoint."""
    from app.http.metrics import metrics_endpoint

    tokens = SharedTokens(secret_text(settings.auth_token) or "")
    endpoint = metrics_endpoint(metrics, shared(tokens))
    app.router.routes.append(Route("/metrics", endpoint, methods=["GET"]))
    return endpoint

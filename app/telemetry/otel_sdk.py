"""OpenTelemetry's SDK as the standard variables ask for it. Importing this module imports it.

What an agent or the application has set up already (`opentelemetry-instrument`,
`set_tracer_provider`) is used as it is. What is made here is the process's own from then on, so
that spans of the application's tools come below ours.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, NamedTuple

from opentelemetry import metrics, trace
from opentelemetry.metrics import MeterProvider as AnyMeterProvider
from opentelemetry.trace import TracerProvider as AnyTracerProvider

from app import __version__
from app.telemetry.otel_environment import Asked
from app.threads import run_in_thread

logger = logging.getLogger("deltaline")

_NAME = "deltaline"
# The protocols of OTLP, and what their packages are called.
_OTLP = {"grpc": "grpc", "http/protobuf": "http"}


class _Exported(NamedTuple):
    """Something that is exported.

    Attributes:
        group: of the packages that bring more exporters, as the SDK looks for them too.
        module: of OTLP's packages, with its exporter.
        exporter: the name of that.
    """

    group: str
    module: str
    exporter: str


_SPANS = _Exported("opentelemetry_traces_exporter", "trace_exporter", "OTLPSpanExporter")
_METRICS = _Exported("opentelemetry_metrics_exporter", "metric_exporter", "OTLPMetricExporter")


class Providers(NamedTuple):
    """What makes spans and instruments."""

    tracers: AnyTracerProvider
    meters: AnyMeterProvider

    async def flush(self, within_s: float) -> None:
        """Send what waits to be sent, or give it up when the time is over. Never raises."""
        limit_ms = int(within_s * 1000)
        flushes = [
            flush
            for provider in (self.tracers, self.meters)
            if (flush := getattr(provider, "force_flush", None)) is not None
        ]
        # Not in the loop's own threads, which the process would wait for at its end.
        sending = [
            run_in_thread(partial(_flush, flush, limit_ms), name="telemetry") for flush in flushes
        ]
        try:
            await asyncio.wait_for(asyncio.gather(*sending), within_s)
        except TimeoutError:
            logger.warning("telemetry could not be sent in time")


def _flush(flush: Callable[..., bool], limit_ms: int) -> None:
    try:
        flush(timeout_millis=limit_ms)
    except Exception as error:
        logger.warning("telemetry could not be sent: %s", type(error).__name__)


def providers(asked: Asked) -> Providers:
    """Return the providers that ``asked`` wants, or those that are there already.

    Raises:
        ImportError: a package is missing; says which.
        ValueError: an exporter or a protocol is not known; says which.
    """
    return Providers(_tracers(asked), _meters(asked))


def _tracers(asked: Asked) -> AnyTracerProvider:
    known = trace.get_tracer_provider()
    if not isinstance(known, trace.ProxyTracerProvider):
        return known
    if not asked.traces:
        return trace.NoOpTracerProvider()
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import (
        BatchSpanProcessor,
        ConsoleSpanExporter,
        SimpleSpanProcessor,
    )

    provider = TracerProvider(resource=_resource())
    for name in asked.traces:
        if name == "console":
            provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
            continue
        exporter = _exporter(_SPANS, name, asked.traces_protocol)
        provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return provider


def _meters(asked: Asked) -> AnyMeterProvider:
    from opentelemetry.metrics._internal import _ProxyMeterProvider  # not public anywhere

    known = metrics.get_meter_provider()
    if not isinstance(known, _ProxyMeterProvider):
        return known
    if not asked.metrics:
        return metrics.NoOpMeterProvider()
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import (
        ConsoleMetricExporter,
        MetricReader,
        PeriodicExportingMetricReader,
    )

    readers: list[MetricReader] = []
    for name in asked.metrics:
        if name == "console":
            readers.append(PeriodicExportingMetricReader(ConsoleMetricExporter()))
            continue
        made = _exporter(_METRICS, name, asked.metrics_protocol)
        # Some, such as that of Prometheus, read by themselves.
        readers.append(
            made if isinstance(made, MetricReader) else PeriodicExportingMetricReader(made)
        )
    provider = MeterProvider(metric_readers=readers, resource=_resource())
    metrics.set_meter_provider(provider)
    return provider


def _resource() -> Any:
    from opentelemetry.sdk.resources import Resource

    own = {"service.name": _NAME, "service.version": __version__}
    # The variables (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES) say more than we do. `create`
    # takes what it is given over them, and names a service that has no name `unknown_service`.
    named = Resource.create()
    given = dict(named.attributes)
    if str(given.get("service.name", "")).startswith("unknown_service"):
        del given["service.name"]
    return Resource({**own, **given}, named.schema_url)


def _exporter(exported: _Exported, name: str, protocol: str) -> Any:
    if name != "otlp":
        return _from_a_package(exported.group, name)
    package = _OTLP.get(protocol)
    if package is None:
        raise ValueError(f"the protocol is {protocol!r}; {' and '.join(_OTLP)} are known")
    module = import_module(f"opentelemetry.exporter.otlp.proto.{package}.{exported.module}")
    return getattr(module, exported.exporter)()


def _from_a_package(group: str, name: str) -> Any:
    found: Sequence[Any] = tuple(entry_points(group=group, name=name))
    if not found:
        raise ValueError(f"no package brings the exporter {name!r}")
    return found[0].load()()

"""A receiver for OpenTelemetry's protocol (OTLP), over HTTP and over gRPC, that shows what comes.

    pip install '.[otel-grpc]'
    python -m examples.observe.receiver
    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 make run

It keeps nothing. A collector, Jaeger, Grafana or any vendor listens on the same two ports.

Source: OpenTelemetry Protocol Specification 1.9, "OTLP/gRPC" and "OTLP/HTTP".
"""

import contextlib
import gzip
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import grpc  # type: ignore[import-untyped]
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

_KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
_STATES = {0: "unset", 1: "ok", 2: "error"}


class ReceivedSpan(NamedTuple):
    """A span as it came."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    links: tuple[str, ...]
    status: str
    status_message: str
    attributes: dict[str, Any]
    events: tuple[str, ...]
    started_ns: int
    ended_ns: int
    resource: dict[str, Any]
    trace_state: str


class ReceivedPoint(NamedTuple):
    """A point of a metric as it came: a number, or how many and how much of a histogram."""

    name: str
    unit: str
    attributes: dict[str, Any]
    value: float
    recorded: int
    bounds: tuple[float, ...]


class Received:
    """What has come so far. Filled in other threads."""

    def __init__(self) -> None:
        self.spans: queue.Queue[ReceivedSpan] = queue.Queue()
        self.points: queue.Queue[ReceivedPoint] = queue.Queue()
        self.transports: set[str] = set()

    def take_traces(self, request: ExportTraceServiceRequest) -> None:
        for resource_spans in request.resource_spans:
            resource = _attributes(resource_spans.resource.attributes)
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    self.spans.put(_span(span, resource))

    def take_metrics(self, request: ExportMetricsServiceRequest) -> None:
        for resource_metrics in request.resource_metrics:
            for scope_metrics in resource_metrics.scope_metrics:
                for metric in scope_metrics.metrics:
                    for point in _points(metric):
                        self.points.put(point)


def _span(span: Any, resource: dict[str, Any]) -> ReceivedSpan:
    return ReceivedSpan(
        name=span.name,
        kind=_KINDS[span.kind],
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        links=tuple(link.span_id.hex() for link in span.links),
        status=_STATES[span.status.code],
        status_message=span.status.message,
        attributes=_attributes(span.attributes),
        events=tuple(event.name for event in span.events),
        started_ns=span.start_time_unix_nano,
        ended_ns=span.end_time_unix_nano,
        resource=resource,
        trace_state=span.trace_state,
    )


def _points(metric: Any) -> Iterator[ReceivedPoint]:
    kind = metric.WhichOneof("data")
    for point in getattr(metric, kind).data_points:
        attributes = _attributes(point.attributes)
        if kind == "histogram":
            value, count, bounds = point.sum, point.count, tuple(point.explicit_bounds)
        else:
            value, count, bounds = getattr(point, point.WhichOneof("value")), 1, ()
        yield ReceivedPoint(metric.name, metric.unit, attributes, value, count, bounds)


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return None if kind is None else getattr(value, kind)


@contextlib.contextmanager
def receiving_http(received: Received, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Receive over HTTP while the block runs; yield the endpoint."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            received.transports.add(f"http {self.headers['content-type']}")
            if self.path == "/v1/traces":
                received.take_traces(ExportTraceServiceRequest.FromString(body))
                told: Any = ExportTraceServiceResponse()
            else:
                received.take_metrics(ExportMetricsServiceRequest.FromString(body))
                told = ExportMetricsServiceResponse()
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            payload = told.SerializeToString()
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def receiving_grpc(received: Received, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Receive over gRPC while the block runs; yield the endpoint."""

    def unary(take: Callable[[Any], None], request: Any, response: Any) -> Any:
        def serve(message: Any, _: Any) -> Any:
            received.transports.add("grpc")
            take(message)
            return response()

        return grpc.unary_unary_rpc_method_handler(
            serve,
            request_deserializer=request.FromString,
            response_serializer=response.SerializeToString,
        )

    traces = unary(received.take_traces, ExportTraceServiceRequest, ExportTraceServiceResponse)
    metrics = unary(
        received.take_metrics, ExportMetricsServiceRequest, ExportMetricsServiceResponse
    )
    package = "opentelemetry.proto.collector"
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(
                f"{package}.trace.v1.TraceService", {"Export": traces}
            ),
            grpc.method_handlers_generic_handler(
                f"{package}.metrics.v1.MetricsService", {"Export": metrics}
            ),
        )
    )
    bound = server.add_insecure_port(f"{host}:{port}")
    server.start()
    try:
        yield f"http://{host}:{bound}"
    finally:
        server.stop(None).wait()


def main() -> None:
    """Show what comes until the interrupt key is pressed."""
    received = Received()
    with receiving_http(received, port=4318) as http, receiving_grpc(received, port=4317) as rpc:
        sys.stdout.write(f"OTLP over HTTP at {http}, over gRPC at {rpc} (Ctrl+C stops it)\n")
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                span = received.spans.get()
                took_ms = (span.ended_ns - span.started_ns) / 1e6
                sys.stdout.write(f"{span.trace_id} {took_ms:9.1f} ms  {span.name}  {span.status}\n")
                for name, value in sorted(span.attributes.items()):
                    sys.stdout.write(f"    {name} = {value}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()

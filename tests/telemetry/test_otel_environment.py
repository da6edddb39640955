"""What the standard variables ask for."""

import pytest

from app.telemetry.otel_environment import Asked, read_environment

HTTP = "http/protobuf"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def _asked(
    traces: tuple[str, ...] = (), metrics: tuple[str, ...] = (), *protocols: str, opt_in: str = ""
) -> Asked:
    first, second = protocols or (HTTP, HTTP)
    return Asked(
        traces=traces,
        metrics=metrics,
        traces_protocol=first,
        metrics_protocol=second,
        opt_in=opt_in,
    )


OTLP = ("otlp",)


@pytest.mark.parametrize(
    ("environ", "asked"),
    [
        ({ENDPOINT: "http://c:4318"}, _asked(OTLP, OTLP)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c"}, _asked(OTLP)),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c"}, _asked((), OTLP)),
        ({"OTEL_TRACES_EXPORTER": "console, otlp,console"}, _asked(("console", "otlp"))),
        ({"OTEL_METRICS_EXPORTER": "prometheus"}, _asked((), ("prometheus",))),
        ({ENDPOINT: "http://c", "OTEL_METRICS_EXPORTER": "none"}, _asked(OTLP)),
        (
            {ENDPOINT: "x", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            _asked(OTLP, OTLP, "grpc", "grpc"),
        ),
        (
            {
                ENDPOINT: "x",
                "OTEL_EXPORTER_OTLP_PROTOCOL": " grpc ",
                "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": HTTP,
            },
            _asked(OTLP, OTLP, "grpc", HTTP),
        ),
        (
            {ENDPOINT: "x", "OTEL_SEMCONV_STABILITY_OPT_IN": "a,b"},
            _asked(OTLP, OTLP, opt_in="a,b"),
        ),
        ({ENDPOINT: "x", "OTEL_SDK_DISABLED": "false"}, _asked(OTLP, OTLP)),
    ],
)
def test_what_is_asked_for(environ: dict[str, str], asked: Asked) -> None:
    assert read_environment({"PATH": "/bin", **environ}) == asked


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_SERVICE_NAME": "chat"},
        {ENDPOINT: " "},
        {ENDPOINT: "http://c", "OTEL_SDK_DISABLED": "True"},
        {ENDPOINT: "c", "OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": " none "},
    ],
)
def test_nothing_is_asked_for(environ: dict[str, str]) -> None:
    assert read_environment(environ) is None

"""What the standard ``OTEL_*`` variables ask for; does no I/O.

Source: OpenTelemetry Specification 1.56, "Environment Variable Specification" and "OpenTelemetry
Protocol Exporter". Everything else that they say (headers, certificates, samplers, resources) the
SDK reads itself.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

Signal: TypeAlias = Literal["traces", "metrics"]

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be sent.

    Attributes:
        traces, metrics: the names of their exporters; none: the signal is off.
        traces_protocol, metrics_protocol: of the exporter ``otlp``: ``grpc`` or ``http/protobuf``.
        opt_in: ``OTEL_SEMCONV_STABILITY_OPT_IN``.
    """

    traces: Sequence[str]
    metrics: Sequence[str]
    traces_protocol: str
    metrics_protocol: str
    opt_in: str


def read_environment(environ: Mapping[str, str]) -> Asked | None:
    """Return what is asked for; None if nothing is."""
    given = {name: value.strip() for name, value in environ.items() if name.startswith("OTEL_")}
    if given.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    traces, metrics = _exporters("traces", given), _exporters("metrics", given)
    if not (traces or metrics):
        return None
    return Asked(
        traces=traces,
        metrics=metrics,
        traces_protocol=_protocol("traces", given),
        metrics_protocol=_protocol("metrics", given),
        opt_in=given.get("OTEL_SEMCONV_STABILITY_OPT_IN", ""),
    )


def _exporters(signal: Signal, given: Mapping[str, str]) -> Sequence[str]:
    named = given.get(f"OTEL_{signal.upper()}_EXPORTER", "")
    if not named:
        # ``otlp`` is the default, but only an address says that anybody is there to listen.
        own = f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"
        return ("otlp",) if given.get(own) or given.get(_ENDPOINT) else ()
    names = dict.fromkeys(name.strip() for name in named.split(","))
    return tuple(name for name in names if name not in ("", "none"))


def _protocol(signal: Signal, given: Mapping[str, str]) -> str:
    own = given.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "")
    return own or given.get(_PROTOCOL, "") or "http/protobuf"

"""A server process whose spans and metrics come back over OTLP, and the facts to compare with."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx2

from app.scripted_model.control import Control
from app.scripted_model.serving import serve_scripted
from examples.observe.receiver import (
    Received,
    ReceivedPoint,
    ReceivedSpan,
    receiving_grpc,
    receiving_http,
)
from tests.server_process import Running, serving

_HERE = Path(__file__).parent
V1_41: Mapping[str, Any] = json.loads((_HERE / "genai_v1_41.json").read_text())
NEWER: Mapping[str, Any] = json.loads((_HERE / "genai_newer.json").read_text())

_TYPES = {"string": str, "int": int, "double": float, "boolean": bool, "string[]": list}


class Traced:
    """A running server, its model and what it has sent.

    Attributes:
        http: a client of it.
        control: of its model.
        running: the process.
        received: what has come, in other threads.
    """

    def __init__(
        self, http: httpx2.AsyncClient, control: Control, running: Running, received: Received
    ) -> None:
        self.http = http
        self.control = control
        self.running = running
        self.received = received
        self.log: list[dict[str, Any]] = []

    async def stop(self) -> None:
        """End the server, which sends what it has not sent yet."""
        self.running.process.terminate()
        status, self.log = await self.running.ended()
        assert status == 0

    def spans(self) -> list[ReceivedSpan]:
        """Return the spans that have come, by their beginning."""
        found = []
        while not self.received.spans.empty():
            found.append(self.received.spans.get())
        return sorted(found, key=lambda span: span.started_ns)

    def points(self) -> list[ReceivedPoint]:
        """Return the points of the last time that metrics came."""
        found: dict[tuple[str, str], ReceivedPoint] = {}
        while not self.received.points.empty():
            point = self.received.points.get()
            found[point.name, str(sorted(point.attributes.items()))] = point
        return list(found.values())


@contextlib.asynccontextmanager
async def traced_server(
    protocol: str = "http/protobuf", **environment: str
) -> AsyncIterator[Traced]:
    """Run ``python -m app serve --demo`` with OpenTelemetry on."""
    received, control = Received(), Control(keep=100)
    receiving = receiving_grpc if protocol == "grpc" else receiving_http
    with receiving(received) as endpoint:
        async with (
            serve_scripted(control, delay_s=0) as model,
            serving(
                **{
                    "OPENAI_BASE_URL": model,
                    "OPENAI_API_KEY": "sk-1",
                    "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
                    "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
                    **environment,
                }
            ) as running,
            httpx2.AsyncClient(base_url=running.url, timeout=30) as http,
        ):
            yield Traced(http, control, running, received)


def user(text: str, chat_id: str = "c1", message_id: str = "m1") -> dict[str, Any]:
    """Return a request of AI SDK 5 or later."""
    message = {"id": message_id, "role": "user", "parts": [{"type": "text", "text": text}]}
    return {"id": chat_id, "messages": [message], "trigger": "submit-message"}


def check_span(span: ReceivedSpan, facts: Mapping[str, Any]) -> None:
    """Compare the name, the kind and each attribute of a span with the conventions' own model."""
    operation = span.attributes["gen_ai.operation.name"]
    known = facts["spans"][operation]
    about = {"chat": "gen_ai.request.model", "execute_tool": "gen_ai.tool.name"}.get(operation)
    assert span.name == (operation if about is None else f"{operation} {span.attributes[about]}")
    assert span.kind == known["kind"]
    for name, level in known["attributes"].items():
        if level == "required":
            assert name in span.attributes, f"{span.name} lacks {name}"
    for name, value in span.attributes.items():
        if name.startswith("deltaline.") or name == "enduser.pseudo.id":
            continue
        assert name in known["attributes"], f"{span.name} has {name}, which the model has not"
        check_value(name, value, facts)
    assert (span.status == "error") is ("error.type" in span.attributes)
    # An exception may repeat what was said.
    assert (span.status_message, span.events) == ("", ())


def check_value(name: str, value: Any, facts: Mapping[str, Any]) -> None:
    """Compare the type of an attribute, or its value if the model lists the values."""
    kind = facts["types"][name]
    if kind.startswith("enum:"):
        # They may have others.
        assert isinstance(value, str)
        if name == "gen_ai.operation.name":
            assert value in kind.removeprefix("enum:").split(",")
    elif kind in _TYPES:
        assert type(value) is _TYPES[kind], f"{name} is {value!r} and should be a {kind}"


def check_point(point: ReceivedPoint, facts: Mapping[str, Any]) -> None:
    """Compare a metric with the conventions' own model."""
    known = facts["metrics"][point.name]
    assert point.unit == known["unit"]
    assert bool(point.bounds) is (known["instrument"] == "histogram")
    for name, level in known["attributes"].items():
        assert level != "required" or name in point.attributes, f"{point.name} lacks {name}"
    for name, value in point.attributes.items():
        assert name in known["attributes"], f"{point.name} has {name}"
        check_value(name, value, facts)

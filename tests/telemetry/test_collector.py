"""OpenTelemetry's own collector takes what we send, over both transports, where there is one.

``otelcol`` (or ``otelcol-contrib``) on the PATH; the file exporter is in the latter, and in what
`ocb` builds with it.
"""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from app.scripted_model.control import Control
from app.scripted_model.serving import serve_scripted
from examples.observe.receiver import ReceivedSpan
from tests.ports import free_port
from tests.server_process import serving
from tests.telemetry.traced_server import V1_41, check_span, user

COLLECTOR = shutil.which("otelcol-contrib") or shutil.which("otelcol")
CONFIG = Path(__file__).parents[2] / "examples" / "observe" / "collector.yaml"

pytestmark = [
    pytest.mark.optional,
    pytest.mark.real,
    pytest.mark.timeout(120),
    pytest.mark.skipif(COLLECTOR is None, reason="no otelcol on the PATH"),
]

_KINDS = {1: "internal", 3: "client"}


def _value(value: dict[str, Any]) -> Any:
    ((kind, held),) = value.items()
    if kind == "arrayValue":
        return [_value(each) for each in held["values"]]
    return int(held) if kind == "intValue" else held


def _spans(file: Path) -> list[ReceivedSpan]:
    """Return the spans that the collector has written, in OTLP's form in JSON."""
    batches = [json.loads(line) for line in file.read_text().splitlines()]
    return [
        ReceivedSpan(
            name=span["name"],
            kind=_KINDS[span["kind"]],
            trace_id=span["traceId"],
            span_id=span["spanId"],
            parent_id=span.get("parentSpanId", ""),
            links=(),
            status="error" if span.get("status", {}).get("code") == 2 else "unset",
            status_message=span.get("status", {}).get("message", ""),
            attributes={pair["key"]: _value(pair["value"]) for pair in span["attributes"]},
            events=tuple(event["name"] for event in span.get("events", ())),
            started_ns=int(span["startTimeUnixNano"]),
            ended_ns=int(span["endTimeUnixNano"]),
            resource={},
            trace_state="",
        )
        for batch in batches
        for resource in batch.get("resourceSpans", ())
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


@pytest.mark.parametrize("protocol", ["http", "grpc"])
async def test_a_real_collector_takes_what_we_send(protocol: str, tmp_path: Path) -> None:
    assert COLLECTOR is not None
    ports = {"http": free_port(), "grpc": free_port()}
    settings = yaml.safe_load(CONFIG.read_text())
    for name, port in ports.items():
        settings["receivers"]["otlp"]["protocols"][name]["endpoint"] = f"127.0.0.1:{port}"
    written = tmp_path / "telemetry.jsonl"
    settings["exporters"]["file"]["path"] = str(written)
    settings["service"]["telemetry"] = {"metrics": {"level": "none"}}
    (tmp_path / "collector.yaml").write_text(yaml.safe_dump(settings))
    collector = await asyncio.create_subprocess_exec(
        *(COLLECTOR, "--config", f"file:{tmp_path / 'collector.yaml'}"),
        stderr=asyncio.subprocess.PIPE,
    )
    assert collector.stderr is not None
    try:
        async for line in collector.stderr:
            if b"Everything is ready" in line:
                break
        else:
            raise AssertionError("the collector has ended")
        environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{ports[protocol]}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc" if protocol == "grpc" else "http/protobuf",
            "OPENAI_API_KEY": "sk-1",
        }
        async with (
            serve_scripted(Control(keep=1), delay_s=0) as model,
            serving(OPENAI_BASE_URL=model, **environment) as server,
            httpx2.AsyncClient(base_url=server.url, timeout=30) as http,
        ):
            await http.post("/api/chat", json=user("scenario: call tool=get_weather"))
            await http.post("/api/chat", json=user("scenario: error status=401"))
            server.process.terminate()
            await server.ended()
    finally:
        collector.terminate()
        await collector.communicate()

    spans = _spans(written)
    for span in spans:
        check_span(span, V1_41)
    assert sorted(span.name for span in spans) == [
        *["chat gpt-4o-mini"] * 3,
        "execute_tool get_weather",
        *["invoke_agent"] * 2,
    ]
    assert "gen_ai.client.operation.duration" in written.read_text()

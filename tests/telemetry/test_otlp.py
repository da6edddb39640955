"""Spans and metrics as a collector gets them: a real server process, the real exporters."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL
from typing import Any

import httpx2
import pytest

from examples.observe.receiver import Received, ReceivedSpan, receiving_http
from tests.chatting import Reader
from tests.lambda_events import function_url
from tests.lambda_runtime.recording_runtime_api import RecordingRuntimeApi
from tests.telemetry.traced_server import (
    NEWER,
    V1_41,
    Traced,
    check_point,
    check_span,
    traced_server,
    user,
)

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

TRACE = "0af7651916cd43dd8448eb211c80319c"
PAGE = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "tracestate": "page=1"}
SECRET = "what nobody may know"


def _named(spans: list[ReceivedSpan], name: str) -> list[ReceivedSpan]:
    return [span for span in spans if span.name == name]


async def _approve(traced: Traced, chat_id: str) -> httpx2.Response:
    """Approve the call that the last answer of a chat asks for."""
    chat = (await traced.http.get(f"/api/chats/{chat_id}")).json()
    message = chat["messages"][-1]
    part = message["parts"][-1]
    part["state"] = "approval-responded"
    part["approval"] = {**part["approval"], "approved": True}
    body = {"id": chat_id, "messages": [message], "trigger": "submit-message"}
    return await traced.http.post("/api/chat", json=body)


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
async def test_each_span_is_what_the_conventions_say(protocol: str) -> None:
    async with traced_server(protocol, CHAT_STORE="memory") as traced:
        http = traced.http
        both = user("scenario: call tool=get_weather count=2 text='Let me see.'")
        assert (await http.post("/api/chat", json=both, headers=PAGE)).status_code == 200
        await http.post("/api/chat", json=user("scenario: call tool=send_email", "c2", "m2"))
        approved = await _approve(traced, "c2")
        blank = """scenario: call tool=get_weather arguments='{"city": " "}'"""
        await http.post("/api/chat", json=user(blank, "c3", "m3"))
        refused = await http.post(
            "/api/chat?stream=false", json=user("scenario: error status=401", "c4", "m4")
        )
        await http.post("/api/chat", json=user("scenario: error-inside after=2", "c5", "m5"))
        await traced.stop()
    spans, points = traced.spans(), traced.points()

    assert '"sent":true' in approved.text
    assert refused.status_code == 502
    for span in spans:
        check_span(span, V1_41)
    for point in points:
        if not point.name.startswith("deltaline."):
            check_point(point, V1_41)
    transport = "grpc" if protocol == "grpc" else "http application/x-protobuf"
    assert traced.received.transports == {transport}
    assert spans[0].resource["service.name"] == "deltaline"

    # The first: two steps, two tools, in the page's trace.
    ours = [span for span in spans if span.trace_id == TRACE]
    names = [span.name for span in ours]
    assert sorted(names) == [
        *["chat gpt-4o-mini"] * 2,
        *["execute_tool get_weather"] * 2,
        "invoke_agent",
    ]
    agent = ours[0]
    assert (agent.name, agent.parent_id) == ("invoke_agent", "b7ad6b7169203331")
    assert {span.parent_id for span in ours[1:]} == {agent.span_id}
    first, last = _named(ours, "chat gpt-4o-mini")
    assert first.attributes["gen_ai.response.finish_reasons"] == ["tool_calls"]
    assert last.attributes["gen_ai.response.finish_reasons"] == ["stop"]
    assert first.ended_ns <= min(s.started_ns for s in _named(ours, "execute_tool get_weather"))
    assert agent.attributes["gen_ai.usage.input_tokens"] == sum(
        span.attributes["gen_ai.usage.input_tokens"] for span in (first, last)
    )
    assert agent.attributes["gen_ai.conversation.id"] == "c1"
    assert 0 < first.attributes["gen_ai.response.time_to_first_chunk"] < 60
    calls = {span.attributes["gen_ai.tool.call.id"] for span in _named(ours, names[2])}
    assert len(calls) == 2

    # The second asks, the third goes on in a trace of its own, and links to it.
    asking, going_on = (
        span
        for span in _named(spans, "invoke_agent")
        if span.attributes["gen_ai.conversation.id"] == "c2"
    )
    assert asking.attributes["gen_ai.response.finish_reasons"] == ["tool_calls"]
    assert (asking.links, going_on.links) == ((), (asking.span_id,))
    assert asking.trace_id != going_on.trace_id
    (sent,) = _named(spans, "execute_tool send_email")
    assert sent.parent_id == going_on.span_id

    # What fails says how, and no word of what was said.
    by_chat = {
        span.attributes["gen_ai.conversation.id"]: span for span in _named(spans, "invoke_agent")
    }
    failed_tools = [s for s in spans if s.status == "error" and s.name.startswith("execute_tool")]
    assert [span.attributes["error.type"] for span in failed_tools] == ["EXECUTION_ERROR"]
    assert by_chat["c3"].status == "unset"
    assert by_chat["c4"].attributes["error.type"] == "provider_unauthorized"
    assert by_chat["c5"].attributes["error.type"] == "provider_error"
    failed = [s for s in _named(spans, "chat gpt-4o-mini") if s.status == "error"]
    assert [span.attributes["error.type"] for span in failed] == [
        "provider_unauthorized",
        "provider_error",
    ]
    told = str([span.attributes for span in spans])
    assert "Let me see" not in told
    assert "scenario" not in told

    by_name = {point.name for point in points}
    assert set(V1_41["metrics"]) - by_name == {"gen_ai.client.operation.time_per_output_chunk"}
    (running,) = (point for point in points if point.name == "deltaline.turns.running")
    assert running.value == 0
    turns = [point for point in points if point.name == "deltaline.turn.duration"]
    assert sum(point.recorded for point in turns) == 6
    assert [point for point in points if point.name == "deltaline.store.flush.duration"]
    assert {line["trace_id"] for line in traced.log if "trace_id" in line} == {
        span.trace_id for span in spans
    }


async def test_the_newer_names_come_if_they_are_asked_for() -> None:
    opt_in = {"OTEL_SEMCONV_STABILITY_OPT_IN": "http,gen_ai_latest_experimental"}
    async with traced_server(**opt_in) as traced:
        await traced.http.post("/api/chat", json=user("scenario: call tool=get_weather"))
        await traced.http.post("/api/chat", json=user("scenario: error status=401"))
        await traced.stop()
    spans, points = traced.spans(), traced.points()

    assert len(spans) == 6
    for span in spans:
        check_span(span, NEWER)
    assert not any("gen_ai.provider.name" in s.attributes for s in _named(spans, "invoke_agent"))
    ours = [point for point in points if point.name.startswith("gen_ai.")]
    for point in ours:
        check_point(point, NEWER)
    assert {point.name for point in ours} == set(NEWER["metrics"])


async def test_a_trace_goes_on_from_the_page_to_the_model() -> None:
    async with traced_server() as traced:
        await traced.http.post("/api/chat", json=user("scenario: say text=Hi"), headers=PAGE)
        await traced.stop()
        (asked,) = traced.control.requests
    (step,) = _named(traced.spans(), "chat gpt-4o-mini")

    assert asked.headers["traceparent"] == f"00-{TRACE}-{step.span_id}-01"
    assert asked.headers["tracestate"] == "page=1"
    assert step.trace_id == TRACE


async def test_a_trace_that_the_front_does_not_keep_is_not_kept_here() -> None:
    async with traced_server() as traced:
        not_kept = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-00"}
        await traced.http.post("/api/chat", json=user("scenario: say text=Hi"), headers=not_kept)
        await traced.stop()
        (asked,) = traced.control.requests

    assert traced.spans() == []
    assert asked.headers["traceparent"].startswith(f"00-{TRACE}-")
    assert asked.headers["traceparent"].endswith("-00")
    assert [p for p in traced.points() if p.name == "deltaline.turn.duration"]


async def test_a_turn_has_one_span_whoever_follows_it_and_however_it_ends() -> None:
    async with traced_server(CHAT_STORE="memory") as traced:
        stall = user("scenario: stall after=2 gate=later")
        async with traced.http.stream("POST", "/api/chat", json=stall) as response:
            await Reader(response).until(b"word1")
        async with traced.http.stream("GET", "/api/chat/c1/stream") as follower:
            reader = Reader(follower)
            await reader.until(b"word1")
            traced.control.gate("later").open()
            await reader.rest()
        stall = user("scenario: stall after=2 gate=never", "c2", "m2")
        async with traced.http.stream("POST", "/api/chat", json=stall) as response:
            reader = Reader(response)
            await reader.until(b"word1")
            await traced.http.post("/api/chat/c2/stop")
            await reader.rest()
        await traced.stop()
    spans = traced.spans()

    detached, stopped = _named(spans, "invoke_agent")
    assert len(spans) == 4
    assert detached.attributes["deltaline.client_left"] is True
    assert detached.attributes["gen_ai.response.finish_reasons"] == ["stop"]
    # To be stopped is no failure.
    assert stopped.status == "unset"
    assert "gen_ai.response.finish_reasons" not in stopped.attributes
    (cut,) = (span for span in spans if span.parent_id == stopped.span_id)
    assert cut.status == "unset"


async def test_a_tool_on_its_own_is_a_span_in_the_callers_trace() -> None:
    async with traced_server() as traced:
        args = {"args": {"city": "Oslo"}}
        await traced.http.post("/api/tools/get_weather/invoke", json=args, headers=PAGE)
        await traced.stop()

    (span,) = traced.spans()
    check_span(span, V1_41)
    assert (span.name, span.trace_id) == ("execute_tool get_weather", TRACE)


@pytest.mark.parametrize("is_asked_for", [False, True])
async def test_content_is_sent_only_if_it_is_asked_for(is_asked_for: bool) -> None:
    settings = {"CHAT_TRACE_CONTENT": "true"} if is_asked_for else {}
    settings["CHAT_SYSTEM_PROMPT"] = f"Of the system: {SECRET}."
    async with traced_server(**settings) as traced:
        text = f"{SECRET}\nscenario: call tool=get_weather text='{SECRET}!'"
        await traced.http.post("/api/chat", json=user(text))
        await traced.stop()
    spans = traced.spans()

    for span in spans:
        check_span(span, V1_41)
    told = json.dumps([span.attributes for span in spans])
    assert (SECRET in told) is is_asked_for
    if not is_asked_for:
        return
    first, second = _named(spans, "chat gpt-4o-mini")
    (tool,) = _named(spans, "execute_tool get_weather")

    def read(span: ReceivedSpan, name: str) -> Any:
        return json.loads(span.attributes[name])

    assert read(first, "gen_ai.system_instructions") == [
        {"type": "text", "content": f"Of the system: {SECRET}."}
    ]
    assert [message["role"] for message in read(second, "gen_ai.input.messages")] == [
        "user",
        "assistant",
        "tool",
    ]
    (said,) = read(first, "gen_ai.output.messages")
    assert said["finish_reason"] == "tool_call"
    assert said["parts"][0] == {"type": "text", "content": f"{SECRET}!"}
    assert said["parts"][1]["name"] == "get_weather"
    assert read(second, "gen_ai.output.messages")[0]["finish_reason"] == "stop"
    assert read(tool, "gen_ai.tool.call.arguments") == said["parts"][1]["arguments"]
    assert "temperature_celsius" in read(tool, "gen_ai.tool.call.result")
    assert {spec["name"] for spec in read(first, "gen_ai.tool.definitions")} >= {"get_weather"}


async def test_limits_are_counted() -> None:
    async with traced_server(CHAT_RUNNING_TURNS="1") as traced:
        stall = user("scenario: stall after=1 gate=never")
        async with traced.http.stream("POST", "/api/chat", json=stall) as response:
            reader = Reader(response)
            await reader.until(b"word0")
            refused = await traced.http.post("/api/chat", json=user("Hi", "c2", "m2"))
        await traced.stop()

    assert refused.status_code == 503
    (hit,) = (point for point in traced.points() if point.name == "deltaline.limits.hit")
    assert (hit.attributes, hit.value) == ({"deltaline.limit": "too_many_turns"}, 1)


@pytest.mark.parametrize(
    "setting",
    [
        {"OTEL_SDK_DISABLED": "true"},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"},
    ],
    ids=["disabled", "none"],
)
async def test_nothing_is_sent_where_it_is_switched_off(setting: dict[str, str]) -> None:
    async with traced_server(**setting) as traced:
        await traced.http.post("/api/chat", json=user("scenario: say text=Hi"), headers=PAGE)
        await traced.stop()
        (asked,) = traced.control.requests

    assert traced.received.transports == set()
    assert "traceparent" not in asked.headers
    # The log still says which trace the request was part of.
    assert [line["trace_id"] for line in traced.log if "trace_id" in line] == [TRACE]


async def test_a_server_without_a_collector_answers_all_the_same() -> None:
    nowhere = "http://127.0.0.1:9"
    async with traced_server(
        OTEL_EXPORTER_OTLP_ENDPOINT=nowhere, OTEL_EXPORTER_OTLP_TIMEOUT="1"
    ) as traced:
        response = await traced.http.post("/api/chat", json=user("scenario: say text=Hi"))
        await traced.stop()

    assert '"finishReason":"stop"' in response.text


async def test_on_lambda_all_is_sent_before_the_process_is_frozen(model: str) -> None:
    received = Received()
    xray = f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent=b7ad6b7169203331;Sampled=1"
    with receiving_http(received) as endpoint:
        async with RecordingRuntimeApi().listen() as api:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "app.lambda_runtime.runtime"),
                env={
                    **os.environ,
                    "AWS_LAMBDA_RUNTIME_API": api.address,
                    "AWS_LAMBDA_FUNCTION_NAME": "chat",
                    "OPENAI_BASE_URL": model,
                    "OPENAI_API_KEY": "sk-1",
                    "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
                },
                stdout=DEVNULL,
            )
            try:
                async with asyncio.timeout(60):
                    await api.waiting.wait()
                    body = json.dumps(user("scenario: say text=Hi"))
                    await api.invoke(
                        function_url(body=body), headers={"Lambda-Runtime-Trace-Id": xray}
                    ).completed()
                    # It asks for the next event: from here on Lambda may freeze it.
                    await api.waiting.wait()
                names = {received.spans.get_nowait().name for _ in range(2)}
                measured = not received.points.empty()
            finally:
                process.kill()
                await process.wait()

    assert names == {"invoke_agent", "chat gpt-4o-mini"}
    assert measured


async def test_behind_the_adapter_all_is_sent_before_the_response_ends() -> None:
    settings = {"AWS_LAMBDA_FUNCTION_NAME": "chat", "CHAT_APPROVAL_SECRET": "x" * 32}
    async with traced_server(**settings) as traced:
        await traced.http.post("/api/chat", json=user("scenario: say text=Hi"))
        spans = traced.spans()
        await traced.stop()

    assert {span.name for span in spans} == {"invoke_agent", "chat gpt-4o-mini"}

"""One tool on its own: streamed, in one piece, refused, and left by its client."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from app.tools import DataObject, ToolContext, ToolResult, client_tool, tool
from app.tools.remote import RemoteTool
from tests.chatting import Reader, chatting, logged


@tool
async def get_weather(city: str, ctx: ToolContext) -> dict[str, Any]:
    """Look up the weather."""
    ctx.send_status(f"Looking up {city}")
    return {"city": city, "celsius": 12}


@tool
async def improve(city: str) -> AsyncIterator[dict[str, Any]]:
    """Get better with time."""
    yield {"draft": 1}
    yield {"draft": 2}


@tool(needs_approval=True)
async def send_money(amount: int, ctx: ToolContext) -> dict[str, Any]:
    """Send money."""
    return {"sent": amount, "key": ctx.approval_id}


get_place = client_tool("get_place", "Where the user is.")


async def test_statuses_of_a_single_tool_arrive_while_it_works(model: str) -> None:
    go_on = asyncio.Event()

    @tool
    async def slow(city: str, ctx: ToolContext) -> str:
        """Wait for the test."""
        ctx.send_status("Half done")
        await go_on.wait()
        return city

    async with chatting(model, slow) as chat:
        path = "/api/tools/slow/invoke"
        async with chat.stream({"args": {"city": "Oslo"}}, path) as response:
            reader = Reader(response)
            seen = await reader.until(b"Half done")
            assert b'"result"' not in seen
            go_on.set()
            whole = await reader.rest()

    found = [json.loads(line) for line in whole.decode().splitlines()]
    assert response.headers["content-type"] == "application/x-ndjson"
    assert [line["type"] for line in found] == ["status", "status", "result"]
    assert found[0]["payload"]["message"] == "Tool execution started"
    assert found[-1]["payload"]["tool_result"]["data"] == {"result": "Oslo"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/invoke", {"args": {"city": "Oslo"}}),
        (
            "/api/chat",
            {"action": "tool", "payload": {"name": "get_weather", "args": {"city": "Oslo"}}},
        ),
        (
            "/events",
            {"action": "tool", "payload": {"name": "get_weather", "args": {"city": "Oslo"}}},
        ),
        ("/events", {"args": {"city": "Oslo"}}),
    ],
)
async def test_a_tool_answers_in_one_piece_wherever_it_is_asked(
    model: str, path: str, body: Mapping[str, Any]
) -> None:
    async with chatting(model, get_weather) as chat:
        response = await chat.post(body, f"{path}?stream=false")

    assert response.json()["success"] is True
    assert response.json()["data"] == {"city": "Oslo", "celsius": 12}


@pytest.mark.parametrize(
    ("path", "body", "status", "sentence"),
    [
        ("/api/tools/nope/invoke", {"args": {}}, 404, "There is no tool 'nope'"),
        ("/api/tools/get_place/invoke", {"args": {}}, 400, "runs in the chat client"),
        ("/invoke", {"args": {}}, 400, "Name the tool to run"),
        ("/api/tools/send_money/invoke", {"args": {"amount": 1}}, 403, "needs a user's approval"),
        ("/invoke", {"messages": []}, 400, "messages"),
        ("/invoke", {"args": []}, 400, "args"),
    ],
)
async def test_a_tool_that_cannot_be_run_is_refused_in_a_sentence(
    model: str, path: str, body: Mapping[str, Any], status: int, sentence: str
) -> None:
    async with chatting(model, get_weather, improve, get_place, send_money) as chat:
        response = await chat.post(body, path)

    assert response.status_code == status
    assert sentence in response.json()["error"]


@pytest.mark.parametrize("stream", ["true", "false"])
@pytest.mark.parametrize("force", [True, "yes", "on", 1, "1", 1.0, "TRUE"])
async def test_a_single_run_is_refused_for_the_value_that_would_run(
    model: str, stream: str, force: Any
) -> None:
    ran: list[bool] = []

    @tool(needs_approval=lambda tool_input: tool_input["force"] is True)
    async def delete(force: bool = True) -> None:
        ran.append(force)

    path = f"/api/tools/delete/invoke?stream={stream}"
    async with chatting(model, delete) as chat:
        refused = await chat.post({"args": {"force": force}}, path)
        by_default = await chat.post({"args": {}}, path)
        allowed = await chat.post({"args": {"force": "no"}}, path)
        invalid = await chat.post({"args": {"force": "maybe"}}, path)

    assert (refused.status_code, by_default.status_code) == (403, 403)
    assert "needs a user's approval" in refused.json()["error"]
    assert (allowed.status_code, ran) == (200, [False])
    assert "INVALID_ARGUMENTS" in invalid.text


async def test_each_run_of_a_tool_is_one_line_in_the_log(model: str) -> None:
    with logged() as log:
        async with chatting(model, get_weather) as chat:
            await chat.post({"args": {"city": "Oslo"}}, "/invoke")
            await chat.post({"args": {"city": "Oslo"}}, "/invoke?stream=false")
            await chat.post({"source": "aws.events"}, "/events")
            await log.request(3)

    assert [line["shape"] for line in log.requests] == ["tool", "tool", "warm_up"]
    assert [line.get("tool") for line in log.requests] == ["get_weather", "get_weather", None]
    assert "Oslo" not in str(log.requests)


@pytest.mark.parametrize("path", ["/invoke", "/api/chat", "/events"])
async def test_an_agent_that_invokes_the_function_gets_one_object(model: str, path: str) -> None:
    body = {"args": {"city": "Oslo"}, "tool_config": {"stream": False}}
    async with chatting(model, get_weather) as chat:
        response = await chat.post(body, path)
        streamed = await chat.post(body, f"{path}?stream=true")

    assert response.json() == {
        "success": True,
        "data": {"city": "Oslo", "celsius": 12},
        "error": None,
        "error_code": None,
    }
    assert streamed.headers["content-type"] == "application/x-ndjson"


async def test_the_largest_result_is_a_setting_and_files_do_not_count(model: str) -> None:
    @tool
    async def scan(length: int) -> ToolResult:
        """Scan a page."""
        return ToolResult.ok("x" * length, None, [DataObject(name="a.bin", content=b"\xff" * 5000)])

    async with chatting(model, scan, max_result_bytes=1000) as chat:
        fits = await chat.post({"args": {"length": 10}}, "/invoke?stream=false")
        misses = await chat.post({"args": {"length": 2000}}, "/invoke?stream=false")

    assert len(fits.json()["data"]["data_objects"][0]["content"]) > 5000
    assert misses.json()["error_code"] == "OUTPUT_TOO_LARGE"
    assert "more than the 1000 allowed" in misses.json()["error"]


async def test_a_run_ends_with_an_error_line_when_the_server_stops(model: str) -> None:
    @tool
    async def hang(ctx: ToolContext) -> None:
        """Wait for ever."""
        ctx.send_status("here")
        await asyncio.Event().wait()

    with logged() as log:
        async with (
            chatting(model, hang) as chat,
            chat.stream({"args": {}}, "/invoke") as response,
        ):
            reader = Reader(response)
            await reader.until(b"here")
            chat.turns.stop_all()
            lines = (await reader.rest()).splitlines()
            late = await chat.post({"args": {}}, "/invoke?stream=false")
        await log.request(2)

    last = json.loads(lines[-1])
    assert (last["type"], last["payload"]["error_code"]) == ("error", "shutdown")
    assert late.status_code == 503
    assert late.json() == {
        "success": False,
        "error": last["payload"]["error"],
        "error_code": "shutdown",
    }
    assert [(line["status"], line["error_code"]) for line in log.requests] == [
        (200, "shutdown"),
        (503, "shutdown"),
    ]
    assert [line["client_left"] for line in log.requests] == [False, False]


async def test_a_run_in_one_piece_ends_when_the_server_stops(model: str) -> None:
    is_here, is_cancelled = asyncio.Event(), asyncio.Event()

    @tool
    async def hang() -> None:
        """Wait for ever."""
        is_here.set()
        try:
            await asyncio.Event().wait()
        finally:
            is_cancelled.set()

    async with chatting(model, hang) as chat:
        running = asyncio.create_task(chat.post({"args": {}}, "/invoke?stream=false"))
        await is_here.wait()
        chat.turns.stop_all()
        response = await running

    assert (response.status_code, response.json()["error_code"]) == (503, "shutdown")
    assert is_cancelled.is_set()


async def test_a_run_of_a_remote_tool_says_once_that_it_was_started(model: str) -> None:
    async with chatting(model, get_weather) as there:
        url = f"{there.http.base_url}/api/tools/get_weather"
        async with chatting(model, RemoteTool("remote", function_url=url)) as here:
            response = await here.post({"args": {"city": "Oslo"}}, "/invoke")

    lines = [json.loads(line) for line in response.text.splitlines()]
    messages = [line["payload"].get("message") for line in lines]
    assert messages == ["Tool execution started", "Looking up Oslo", None]


async def test_the_default_tool_is_what_invoke_runs(model: str) -> None:
    async with chatting(model, get_weather, improve, default_tool="improve") as chat:
        response = await chat.post({"args": {"city": "Oslo"}}, "/invoke?stream=false")

    assert response.json()["data"] == {"draft": 2}


async def test_a_client_that_leaves_a_single_tool_cancels_it(model: str) -> None:
    cancelled = asyncio.Event()

    @tool
    async def wait(ctx: ToolContext) -> str:
        """Wait for ever."""
        ctx.send_status("Waiting")
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return ""

    async with chatting(model, wait) as chat:
        async with chat.stream({"args": {}}, "/invoke") as response:
            await Reader(response).until(b"Waiting")
        await cancelled.wait()

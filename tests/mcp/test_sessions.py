"""The tools of real servers, over each transport."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.mcp.server import MCPServer
from app.mcp.sessions import Sessions
from app.protocols.tool_result import ToolResult
from app.tools import ToolContext, ToolError
from app.tracing import sending
from tests.mcp import real
from tests.ports import free_port
from tests.serving import served

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not real.IS_INSTALLED, reason=real.NOT_INSTALLED),
]


@pytest.fixture(params=["stdio", "streamableHttp", "sse"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[MCPServer]:
    """Give `server-everything`, over each transport."""
    if request.param == "stdio":
        yield real.everything()
        return
    async with real.everything_by_http(kind=request.param) as (url, _):
        yield MCPServer(url, name="every", transport="sse" if url.endswith("sse") else "http")


async def test_every_kind_of_result_comes_over_every_transport(server: MCPServer) -> None:
    async with real.sessions(server) as made:
        call = real.Call(made)

        assert await call("every_echo", message="Å 😀") == "Echo: Å 😀"
        assert await call("every_get-structured-content", location="Chicago") == {
            "temperature": 36,
            "conditions": "Light rain / drizzle",
            "humidity": 82,
        }
        image = await call("every_get-tiny-image")
        links = await call("every_get-resource-links", count=2)
        resource = await call("every_get-resource-reference", resourceType="Text", resourceId=1)
        with pytest.raises(ToolError, match="Invalid arguments for tool echo"):
            await call("every_echo", message=1)

    assert isinstance(image, ToolResult)
    assert image.message == "Here's the image you requested:\nThe image above is the MCP logo."
    assert image.data_objects[0].mime_type == "image/png"
    assert isinstance(image.data_objects[0].content, bytes)
    assert image.data_objects[0].content.startswith(b"\x89PNG")
    assert [link["uri"] for link in links.data["links"]] == [
        "demo://resource/dynamic/blob/1",
        "demo://resource/dynamic/text/2",
    ]
    assert resource.data_objects[0].metadata == {"uri": "demo://resource/dynamic/text/1"}


async def test_progress_is_shown_live(server: MCPServer) -> None:
    async with real.sessions(server) as made:
        call = real.Call(made)

        running = asyncio.create_task(
            call("every_trigger-long-running-operation", duration=1, steps=3)
        )
        await call.has_status.wait()
        was_done = running.done()
        await running

    assert not was_done
    assert call.progress == ["1 of 3", "2 of 3", "3 of 3"]


async def test_a_log_message_is_a_status_of_the_only_call(server: MCPServer) -> None:
    async with real.sessions(server) as made:
        call = real.Call(made)
        async with asyncio.timeout(real.PATIENCE_S):
            while not any("level" in status for status in call.statuses):
                # The level of what it says at once is random; some are not for users.
                await call("every_toggle-simulated-logging")
                await call("every_trigger-long-running-operation", duration=0.2, steps=1)


async def test_the_tools_are_as_the_server_describes_them() -> None:
    async with real.sessions(real.everything(allow=["echo", "toggle-simulated-logging"])) as made:
        echo = await real.tool_of(made, "every_echo")
        toggle = await real.tool_of(made, "every_toggle-simulated-logging")

        assert set(made.tools_of("")) == {"every_echo", "every_toggle-simulated-logging"}
    assert echo.description == "Echoes back the input string"
    assert echo.parameters["required"] == ["message"]
    assert echo.needs_approval is False
    assert toggle.needs_approval is True


async def test_a_tool_that_is_only_a_task_is_left_out() -> None:
    async with real.sessions(real.everything()) as made:
        await real.tool_of(made, "every_echo")

        assert "every_simulate-research-query" not in made.tools_of("")


@pytest.mark.parametrize("kind", ["stdio", "http"])
async def test_a_cancelled_call_ends_there_too(kind: str, tmp_path: Path) -> None:
    file, port = tmp_path / "working", free_port()
    python = (sys.executable, "-m", "tests.mcp.growing_server", str(port))
    url = f"http://127.0.0.1:{port}/mcp"
    async with contextlib.AsyncExitStack() as stack:
        if kind == "http":
            await stack.enter_async_context(real.listening(*python, port=port))
        server = real.growing() if kind == "stdio" else MCPServer(url, name="growing")
        made = await stack.enter_async_context(real.sessions(server))
        running = asyncio.create_task(real.Call(made)("growing_wait", path=str(file)))
        await real.until(lambda: file.exists() and file.read_text() == "working")

        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        await real.until(lambda: file.read_text() == "cancelled")


async def test_a_server_killed_in_mid_call_is_a_failed_call_and_comes_back(tmp_path: Path) -> None:
    async with real.sessions(real.everything()) as made:
        call = real.Call(made)
        running = asyncio.create_task(
            call("every_trigger-long-running-operation", duration=60, steps=60)
        )
        await call.has_status.wait()

        for pid in real.programs("server-everything"):
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(ToolError, match="The MCP server every broke off before") as raised:
            await running

        assert raised.value.code == "NO_RESULT"
        assert "every_echo" in made.tools_of("")
        assert await _until_it_works(made, "every_echo", message="back") == "Echo: back"


async def test_a_server_that_is_restarted_is_found_again() -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    async with (
        real.everything_by_http(port=port) as (_, first),
        real.sessions(MCPServer(url, name="every")) as made,
    ):
        call = real.Call(made)
        running = asyncio.create_task(
            call("every_trigger-long-running-operation", duration=60, steps=60)
        )
        await call.has_status.wait()
        first.kill()
        await first.wait()
        with pytest.raises(ToolError) as raised:
            await running
        with pytest.raises(ToolError):
            await call("every_echo", message="gone")

        async with real.everything_by_http(port=port):
            assert raised.value.code in ("NO_RESULT", "UNREACHABLE")
            assert await _until_it_works(made, "every_echo", message="back") == "Echo: back"


@pytest.mark.parametrize("make", [real.growing_npm, real.growing], ids=["npm", "python"])
async def test_a_changed_list_is_followed(make: Callable[[], MCPServer]) -> None:
    async with real.sessions(make()) as made:
        call = real.Call(made)
        await real.tool_of(made, "growing_grow")
        before = set(made.tools_of(""))

        assert await call("growing_grow") == "grown"
        await real.tool_of(made, "growing_more")

        assert before == set(made.tools_of("")) - {"growing_more"}
        assert await call("growing_more") == "more"


async def test_a_tool_that_is_gone_is_offered_no_more() -> None:
    async with real.sessions(real.growing_npm()) as made:
        call = real.Call(made)
        await call("growing_grow")
        await real.tool_of(made, "growing_more")

        await call("growing_shrink")

        await real.until(lambda: "growing_more" not in made.tools_of(""))


async def test_a_result_that_is_too_long_ends_no_chat() -> None:
    """A line above the limit ends the session, and the next call has another."""
    async with real.sessions(real.growing()) as made:
        call = real.Call(made)
        assert len(await call("growing_huge", count=100_000)) == 100_000

        with pytest.raises(ToolError, match="broke off before growing_huge had a result"):
            await call("growing_huge", count=20 * 2**20)

        assert await _until_it_works(made, "growing_huge", count=3) == "xxx"


async def test_each_owner_has_a_session_with_his_own_headers() -> None:
    port = free_port()
    python = (sys.executable, "-m", "tests.mcp.growing_server", str(port))

    async def headers(owner: str) -> dict[str, str]:
        return {"authorization": f"Bearer token-of-{owner}"}

    async with real.listening(*python, port=port):
        server = MCPServer(f"http://127.0.0.1:{port}/mcp", name="g", headers=headers)
        async with real.sessions(server, "ann") as made:
            await made.settled("bob", real.PATIENCE_S)
            of_ann = await real.Call(made, "ann")("g_headers", name="authorization")
            of_bob = await real.Call(made, "bob")("g_headers", name="authorization")

            assert made.tools_of("eve") == {}
            assert not made.is_settled("eve")
    assert (of_ann, of_bob) == ("Bearer token-of-ann", "Bearer token-of-bob")


async def test_two_calls_of_one_session_run_side_by_side() -> None:
    async with real.sessions(real.everything()) as made:
        first, second = real.Call(made), real.Call(made)

        await asyncio.gather(
            first("every_trigger-long-running-operation", duration=1, steps=2),
            second("every_trigger-long-running-operation", duration=1, steps=4),
        )

    assert first.progress == ["1 of 2", "2 of 2"]
    assert second.progress == ["1 of 4", "2 of 4", "3 of 4", "4 of 4"]


async def test_a_call_says_which_trace_it_belongs_to() -> None:
    port = free_port()
    python = (sys.executable, "-m", "tests.mcp.growing_server", str(port))
    trace = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    async with real.listening(*python, port=port):
        server = MCPServer(f"http://127.0.0.1:{port}/mcp", name="g")
        async with real.sessions(server) as made:
            untraced = await real.Call(made)("g_headers", name="traceparent")
            with sending(trace):
                in_header = await real.Call(made)("g_headers", name="traceparent")
                in_message = await real.Call(made)("g_traced")

    assert untraced == "None"
    assert in_header == in_message == trace["traceparent"]


class ForgetfulServer:
    """Plays a server that knows a session for one call only, which no package can be made to."""

    def __init__(self) -> None:
        self.sessions = 0
        self.ran: list[str] = []

    async def __call__(self, request: Request) -> Response:
        if request.method != "POST":
            return Response(status_code=405)
        asked = await request.json()
        session = request.headers.get("mcp-session-id")
        if "id" not in asked:
            return Response(status_code=202)
        match asked["method"]:
            case "initialize":
                self.sessions += 1
                result = {
                    "protocolVersion": "2025-11-25",
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": "forgetful", "version": "1"},
                }
                headers = {"mcp-session-id": f"s{self.sessions}"}
                return JSONResponse({**_message(asked), "result": result}, headers=headers)
            case "tools/list":
                tools = [{"name": "run", "inputSchema": {"type": "object"}}]
                return JSONResponse({**_message(asked), "result": {"tools": tools}})
            case "tools/call" if session == f"s{self.sessions}" and self.sessions > 1:
                self.ran.append(session)
                content = [{"type": "text", "text": "ran"}]
                return JSONResponse({**_message(asked), "result": {"content": content}})
            case _:
                error = {"code": -32001, "message": "Session not found"}
                return JSONResponse({**_message(asked), "error": error}, status_code=404)


def _message(asked: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": asked["id"]}


async def test_a_server_that_has_forgotten_the_session_is_asked_again() -> None:
    forgetful = ForgetfulServer()
    app = Starlette(routes=[Route("/mcp", forgetful.__call__, methods=["GET", "POST", "DELETE"])])
    async with served(app) as url:
        server = MCPServer(f"{url}/mcp", name="f", needs_approval=False)
        async with real.sessions(server) as made:
            assert await real.Call(made)("f_run") == "ran"

    assert forgetful.sessions == 2
    assert forgetful.ran == ["s2"]


async def test_a_server_that_wants_other_credentials_says_so() -> None:
    async def refuse(_: Request) -> Response:
        return Response(status_code=401)

    app = Starlette(routes=[Route("/mcp", refuse, methods=["POST"])])
    async with contextlib.AsyncExitStack() as stack:
        url = await stack.enter_async_context(served(app))
        server = MCPServer(f"{url}/mcp", name="f")
        made = await stack.enter_async_context(real.sessions(server))
        with pytest.raises(ToolError, match="MCP server f wants other credentials") as raised:
            await made.connection("").call("run", "f_run", {}, ToolContext())

    assert raised.value.code == "HTTP_401"


async def _until_it_works(made: Sessions, name: str, **arguments: Any) -> str:
    """Call until the server is there again, which takes longer than a call waits for it."""
    async with asyncio.timeout(real.PATIENCE_S):
        while True:
            try:
                return str(await real.Call(made)(name, **arguments))
            except ToolError:
                await asyncio.sleep(0.1)

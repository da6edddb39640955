"""`POST /mcp`: the official clients of both languages use our tools."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from starlette.requests import Request

from app.tools import DataObject, Tool, ToolContext, ToolError, ToolResult, tool
from tests.chatting import NOWHERE, Chat, chatting
from tests.mcp import real

PNG = b"\x89PNG"


class Offered:
    """Tools, and what became of the one that works until it is cancelled."""

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()
        self.owners: list[str] = []

    def tools(self) -> list[Tool]:
        @tool
        def add(a: int, b: int, ctx: ToolContext) -> dict[str, int]:
            """Add two numbers."""
            self.owners.append(ctx.owner)
            return {"sum": a + b}

        @tool
        def draw() -> ToolResult:
            """Draw."""
            image = DataObject(name="a.png", content=PNG, mime_type="image/png")
            return ToolResult.ok("Here it is.", None, [image])

        @tool
        def fail() -> None:
            """Fail."""
            raise ToolError("The shop is closed.")

        @tool(needs_approval=True)
        def pay() -> None:
            """Pay."""

        @tool
        async def work(steps: int, ctx: ToolContext) -> str:
            """Work in steps; with none, until it is cancelled."""
            for step in range(steps or 1):
                ctx.send_status(f"Step {step + 1}")
            if steps == 0:
                try:
                    await asyncio.Event().wait()
                finally:
                    self.cancelled.set()
            return "done"

        return [add, draw, fail, pay, work]


@pytest.fixture
async def offered() -> Offered:
    return Offered()


@pytest.fixture
async def chat(offered: Offered) -> AsyncIterator[Chat]:
    async with chatting(NOWHERE, *offered.tools(), auth_token="t0ken-of-mcp") as chat:
        chat.http.headers["authorization"] = "Bearer t0ken-of-mcp"
        yield chat


def ask(method: str, request_id: int | None = 1, **params: Any) -> dict[str, Any]:
    told = {} if request_id is None else {"id": request_id}
    return {"jsonrpc": "2.0", **told, "method": method, "params": params}


def events(response: httpx2.Response) -> list[Any]:
    assert response.headers["content-type"].startswith("text/event-stream")
    lines = response.text.splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


@pytest.mark.real
@pytest.mark.timeout(120)
@pytest.mark.skipif(not real.IS_INSTALLED, reason=real.NOT_INSTALLED)
@pytest.mark.parametrize("client", ["sdk", "client"])
async def test_the_official_npm_clients_use_our_tools(
    client: str, chat: Chat, offered: Offered
) -> None:
    process = await asyncio.create_subprocess_exec(
        *("node", str(real.SERVERS / "client.mjs"), client),
        *(f"{chat.http.base_url}/mcp", "t0ken-of-mcp"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()

    assert process.returncode == 0, err.decode()
    seen = json.loads(out)
    assert seen["server"]["name"] == "deltaline"
    assert seen["tools"] == ["add", "draw", "fail", "work"]
    assert seen["added"]["structuredContent"] == {"sum": 3}
    assert seen["drawn"]["content"][1] == {
        "type": "image",
        "data": "iVBORw==",
        "mimeType": "image/png",
    }
    assert seen["failed"]["isError"] is True
    assert seen["failed"]["content"] == [{"type": "text", "text": "The shop is closed."}]
    assert seen["misused"]["isError"] is True
    assert "Unknown tool: pay" in seen["unapproved"]["refused"]
    assert seen["worked"]["content"] == [{"type": "text", "text": "done"}]
    assert seen["progress"] == ["Step 1", "Step 2"]
    assert "refused" in seen["cancelled"]
    async with asyncio.timeout(real.PATIENCE_S):
        await offered.cancelled.wait()


@pytest.mark.real
@pytest.mark.timeout(120)
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_official_python_client_uses_our_tools(
    mode: str, chat: Chat, offered: Offered
) -> None:
    pytest.importorskip("mcp")
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    shown: list[str | None] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        shown.append(message)

    headers = {"authorization": "Bearer t0ken-of-mcp"}
    async with httpx2.AsyncClient(headers=headers) as http:
        transport = streamable_http_client(f"{chat.http.base_url}/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:
            listed = await client.list_tools()
            added = await client.call_tool("add", {"a": 1, "b": 2})
            await client.call_tool("work", {"steps": 2}, progress_callback=on_progress)
            running = asyncio.create_task(
                client.call_tool("work", {"steps": 0}, progress_callback=on_progress)
            )
            await real.until(lambda: len(shown) == 3)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            async with asyncio.timeout(real.PATIENCE_S):
                await offered.cancelled.wait()

    assert [each.name for each in listed.tools] == ["add", "draw", "fail", "work"]
    assert added.structured_content == {"sum": 3}
    assert shown[:2] == ["Step 1", "Step 2"]


async def test_it_asks_for_the_token(chat: Chat) -> None:
    response = await chat.post(ask("tools/list"), "/mcp", headers={"authorization": ""})

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"


async def test_it_is_below_api_too_where_a_front_passes_nothing_else_on(chat: Chat) -> None:
    listed = (await chat.post(ask("tools/list"), "/api/mcp")).json()

    assert listed["result"]["tools"][0]["name"] == "add"


async def test_a_tool_is_told_who_asks(offered: Offered) -> None:
    async def authenticate(request: Request) -> str:
        return str(request.headers["x-user"])

    async with chatting(NOWHERE, *offered.tools(), authenticate=authenticate) as chat:
        call = ask("tools/call", name="add", arguments={"a": 1, "b": 1})
        await chat.post(call, "/mcp", headers={"x-user": "ann"})

    assert offered.owners == ["ann"]


async def test_a_call_takes_a_place(offered: Offered) -> None:
    async with chatting(NOWHERE, *offered.tools(), running_turns=1) as chat:
        call = ask("tools/call", name="work", arguments={"steps": 0})
        async with chat.stream(call, "/mcp") as running:
            await anext(running.aiter_bytes())
            second = await chat.post(call, "/mcp")
            listed = await chat.post(ask("tools/list"), "/mcp")

        assert second.status_code == 503
        assert "retry-after" in second.headers
        assert listed.status_code == 200
        # Who leaves ends his call.
        async with asyncio.timeout(real.PATIENCE_S):
            await offered.cancelled.wait()


async def test_a_call_is_taken_back_by_the_same_client_only(chat: Chat, offered: Offered) -> None:
    session = {"mcp-session-id": "of-ann"}
    call = ask("tools/call", 5, name="work", arguments={"steps": 0})
    back = ask("notifications/cancelled", None, requestId=5)
    async with chat.stream(call, "/mcp", headers=session) as running:
        pieces = running.aiter_bytes()
        await anext(pieces)
        others = [
            await chat.post(back, "/mcp"),
            await chat.post(back, "/mcp", headers={"mcp-session-id": "of-bob"}),
        ]
        was_cancelled = offered.cancelled.is_set()
        own = await chat.post(back, "/mcp", headers=session)
        rest = b"".join([piece async for piece in pieces])

    assert [response.status_code for response in (*others, own)] == [202, 202, 202]
    assert not was_cancelled
    assert offered.cancelled.is_set()
    assert b"data:" not in rest


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{nope", 400, -32700),
        (b"[]", 400, -32600),
        (json.dumps(ask("resources/list")).encode(), 200, -32601),
        (json.dumps(ask("server/discover")).encode(), 200, -32601),
        (json.dumps(ask("tools/list", cursor="x")).encode(), 200, -32602),
        (json.dumps(ask("tools/call", name="pay")).encode(), 200, -32602),
        (json.dumps(ask("tools/call")).encode(), 200, -32602),
        (json.dumps(ask("tools/call", name="add", arguments=[1])).encode(), 200, -32602),
    ],
)
async def test_what_cannot_be_answered_is_an_error_of_json_rpc(
    body: bytes, status: int, code: int, chat: Chat
) -> None:
    headers = {"content-type": "application/json"}
    response = await chat.http.post("/mcp", content=body, headers=headers)

    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


async def test_who_reads_no_events_is_told_so(chat: Chat) -> None:
    call = ask("tools/call", name="draw")

    response = await chat.post(call, "/mcp", headers={"accept": "application/json"})

    assert (response.status_code, response.json()["error"]["code"]) == (406, -32600)


async def test_there_is_nothing_to_listen_to(chat: Chat) -> None:
    response = await chat.http.get("/mcp", headers={"accept": "text/event-stream"})

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


async def test_bad_arguments_are_a_result_that_the_agent_may_mend(chat: Chat) -> None:
    response = await chat.post(ask("tools/call", name="add", arguments={"a": "x"}), "/mcp")

    (answer,) = events(response)
    assert answer["result"]["isError"] is True
    assert "b: Field required" in answer["result"]["content"][0]["text"]

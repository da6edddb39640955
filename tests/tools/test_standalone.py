"""`app.tools.standalone`: one tool, run outside a chat."""

import asyncio
import json
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from app.errors import NotFound, RequestError
from app.events import Error
from app.examples.slow_process import slow_process
from app.messages import ToolRequest
from app.protocols.tool_result_reader import read_result
from app.tools import (
    Artifact,
    DataObject,
    Tool,
    ToolContext,
    ToolError,
    ToolResult,
    client_tool,
    tool,
)
from app.tools.result import OutputLimits
from app.tools.standalone import choose_tool, run_request, run_tool_buffered, run_tool_stream
from tests.serving import served


def asked(tool_config: Mapping[str, Any] | None = None, **args: Any) -> ToolRequest:
    context = {"session_id": "s-1", "user_id": "u-1", "chat_id": 7}
    return ToolRequest(name=None, args=args, context=context, tool_config=tool_config or {})


class Page:
    """Takes the lines of a stream, and says when there are some."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self._changed = asyncio.Event()

    async def write(self, data: bytes) -> None:
        assert data.endswith(b"\n")
        self.lines += [json.loads(line) for line in data.splitlines()]
        self._changed.set()

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> None:
        while not any(condition(line) for line in self.lines):
            self._changed.clear()
            await self._changed.wait()

    @property
    def messages(self) -> list[str]:
        return [line["payload"]["message"] for line in self.lines if line["type"] == "status"]


async def streamed(tool: Tool, request: ToolRequest, **options: Any) -> Page:
    page = Page()
    await run_tool_stream(tool, request, page.write, **options)
    return page


async def test_slow_process_says_what_the_reference_says() -> None:
    request = asked({"seconds_per_step": 0}, message="hello", steps=2)

    page = await streamed(slow_process, request, now=lambda: 5.0)

    assert page.messages == [
        "Tool execution started",
        "Starting: hello",
        "Step 1/2 complete...",
        "Step 2/2 complete...",
    ]
    assert {line["timestamp"] for line in page.lines} == {5.0}
    assert page.lines[-1]["payload"]["tool_result"] == {
        "_schema": "ToolResult",
        "_schema_version": "1.0",
        "status": "success",
        "message": "Processed in 2 steps",
        "data": None,
        "data_objects": [],
        "error_code": None,
    }


async def test_a_heartbeat_goes_out_when_the_tool_is_silent() -> None:
    gate = asyncio.Event()

    @tool
    async def wait() -> str:
        await gate.wait()
        return "done"

    page = Page()
    running = asyncio.create_task(run_tool_stream(wait, asked(), page.write, heartbeat_s=0.01))
    await page.until(lambda line: line["type"] == "heartbeat")
    gate.set()
    await running

    types = [line["type"] for line in page.lines]
    assert types[0] == "status"
    assert types[-1] == "result"
    assert set(types[1:-1]) == {"heartbeat"}


async def test_a_tool_that_speaks_needs_no_heartbeat() -> None:
    page = await streamed(slow_process, asked({"seconds_per_step": 0}, message="x", steps=50))

    assert "heartbeat" not in {line["type"] for line in page.lines}


@pytest.mark.parametrize(
    ("returned", "data"),
    [
        ({"a": 1}, {"a": 1}),
        (5, {"result": 5}),
        (None, None),
    ],
)
async def test_a_plain_output_is_wrapped(returned: Any, data: Any) -> None:
    @tool
    def give() -> Any:
        return returned

    page = await streamed(give, asked())

    result = page.lines[-1]["payload"]["tool_result"]
    assert (result["status"], result["data"]) == ("success", data)


async def test_a_tool_that_raises_ends_in_a_result_that_says_so() -> None:
    @tool
    def fail() -> None:
        raise RuntimeError("secret")

    page = await streamed(fail, asked())

    result = page.lines[-1]["payload"]["tool_result"]
    assert result["status"] == "error"
    assert result["error_code"] == "EXECUTION_ERROR"
    assert result["message"] == "An error occurred."


async def test_a_result_that_says_error_keeps_its_data() -> None:
    @tool
    def fail() -> ToolResult:
        return ToolResult.error("No seats.", {"left": 0}, error_code="SOLD_OUT")

    result = await run_request(fail, asked(), on_status=lambda message: None)

    expected = ToolResult.error("No seats.", {"left": 0}, error_code="SOLD_OUT")
    assert result == expected


@pytest.mark.parametrize(
    ("args", "code"), [({"n": "x"}, "INVALID_ARGUMENTS"), ({"n": 1}, "OUT_OF_STOCK")]
)
async def test_other_failures_have_codes_of_their_own(args: dict[str, Any], code: str) -> None:
    @tool
    def count(n: int) -> None:
        raise ToolError("None left.", code="OUT_OF_STOCK")

    result = await run_request(count, asked(**args), on_status=lambda message: None)

    assert (result.status, result.error_code) == ("error", code)


async def test_the_arguments_of_a_run_are_parsed_once() -> None:
    parsed: list[Any] = []
    received: list[Any] = []

    def parse(value: Any) -> Mapping[str, Any]:
        parsed.append(value)
        return {"number": len(parsed)}

    async def body(arguments: Mapping[str, Any], context: ToolContext, _: Any) -> None:
        received.append(arguments)

    one = Tool("one", description="", parameters={}, parse=parse, run=body)

    await run_request(one, asked(a=1), on_status=lambda message: None)

    assert parsed == [{"a": 1}]
    assert received == [{"number": 1}]


@pytest.mark.parametrize(
    ("error", "message", "code"),
    [
        (KeyError("secret"), "An error occurred.", "EXECUTION_ERROR"),
        (ToolError("Not today.", code="CLOSED"), "Not today.", "CLOSED"),
    ],
)
async def test_a_check_that_breaks_is_a_failure_of_the_run(
    error: Exception, message: str, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    def parse(value: Any) -> Mapping[str, Any]:
        raise error

    async def body(arguments: Mapping[str, Any], context: ToolContext, _: Any) -> None: ...

    broken = Tool("broken", description="", parameters={}, parse=parse, run=body)

    with caplog.at_level(logging.INFO):
        result = await run_request(broken, asked(), on_status=lambda message: None)

    assert result == ToolResult.error(message, error_code=code)
    assert "tool broken failed" in caplog.text


async def test_a_run_ends_at_its_deadline() -> None:
    @tool
    async def hang() -> None:
        await asyncio.Event().wait()

    page = await streamed(hang, asked(), deadline=time.monotonic())

    assert page.lines[-1]["payload"]["tool_result"]["error_code"] == "TIMEOUT"


async def test_an_output_may_be_too_large() -> None:
    @tool
    def give() -> str:
        return "x" * 100

    page = await streamed(give, asked(), limits=OutputLimits(50))

    assert page.lines[-1]["payload"]["tool_result"]["error_code"] == "OUTPUT_TOO_LARGE"


async def test_files_do_not_count_for_the_size_of_a_single_run() -> None:
    whole = DataObject(name="scan.bin", content=b"\xff" * 600_000)

    @tool
    def give() -> ToolResult:
        return ToolResult.ok("Scanned", None, [whole])

    page = await streamed(give, asked())

    read = read_result(page.lines[-1]["payload"]["tool_result"])
    assert (read.message, read.data_objects[0].content) == ("Scanned", whole.content)


async def test_a_run_that_is_stopped_ends_with_that_error() -> None:
    is_cancelled = asyncio.Event()
    stopped: asyncio.Future[Error] = asyncio.get_running_loop().create_future()

    @tool
    async def hang(ctx: ToolContext) -> None:
        ctx.send_status("here")
        try:
            await asyncio.Event().wait()
        finally:
            ctx.send_status("late")
            is_cancelled.set()

    page = Page()
    running = asyncio.create_task(run_tool_stream(hang, asked(), page.write, stopped=stopped))
    await page.until(lambda line: line["payload"].get("message") == "here")
    stopped.set_result(Error("shutdown", "The server stops."))

    assert await running == Error("shutdown", "The server stops.")
    assert is_cancelled.is_set()
    assert page.messages == ["Tool execution started", "here"]
    assert page.lines[-1]["type"] == "error"
    assert page.lines[-1]["payload"] == {"error": "The server stops.", "error_code": "shutdown"}


async def test_a_run_that_comes_when_the_server_stops_ends_at_once() -> None:
    stopped: asyncio.Future[Error] = asyncio.get_running_loop().create_future()
    stopped.set_result(Error("shutdown", "The server stops."))

    @tool
    async def hang() -> None:
        await asyncio.Event().wait()

    page = await streamed(hang, asked(), stopped=stopped)

    assert [line["type"] for line in page.lines] == ["status", "error"]


async def test_a_result_that_is_there_is_not_lost_to_a_stop() -> None:
    stopped: asyncio.Future[Error] = asyncio.get_running_loop().create_future()

    @tool
    async def work() -> str:
        return "done"

    async def write(data: bytes) -> None:
        if b"started" in data:
            return
        lines.append(json.loads(data))

    lines: list[dict[str, Any]] = []
    assert await run_tool_stream(work, asked(), write, stopped=stopped) is None
    stopped.set_result(Error("shutdown", "The server stops."))

    assert [line["type"] for line in lines] == ["result"]


async def test_the_context_is_the_callers() -> None:
    @tool
    def look(ctx: ToolContext) -> Any:
        return [ctx.session_id, ctx.user_id, ctx.chat_id, ctx.get_config("k"), ctx.tool_call_id[:4]]

    result = await run_request(look, asked({"k": 1}), on_status=lambda message: None)

    assert result.data == {"result": ["s-1", "u-1", None, 1, "run-"]}


async def test_files_come_decoded() -> None:
    @tool
    def size(one: Artifact, more: list[Artifact], untyped: Any) -> Any:
        return [one.data.decode(), [item.content for item in more], type(untyped).__name__]

    text = {"filename": "a", "content": "hé"}
    binary = {"filename": "b", "content": "aGk=", "is_binary": True}
    request = asked(one=text, more=[text, binary], untyped=binary)

    result = await run_request(size, request, on_status=lambda message: None)

    assert result.data == {"result": ["hé", ["hé", "aGk="], "Artifact"]}


async def test_preliminary_outputs_have_no_line() -> None:
    @tool
    async def search() -> AsyncIterator[int]:
        yield 1
        yield 2

    page = await streamed(search, asked())

    assert [line["type"] for line in page.lines] == ["status", "result"]
    assert page.lines[-1]["payload"]["tool_result"]["data"] == {"result": 2}


async def test_cancelling_the_stream_cancels_the_tool() -> None:
    is_cancelled = asyncio.Event()

    @tool
    async def hang(ctx: ToolContext) -> None:
        ctx.send_status("here")
        try:
            await asyncio.Event().wait()
        finally:
            is_cancelled.set()

    page = Page()
    running = asyncio.create_task(run_tool_stream(hang, asked(), page.write))
    await page.until(lambda line: line["payload"].get("message") == "here")
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert is_cancelled.is_set()


async def test_a_tool_whose_statuses_nobody_sees_works_on() -> None:
    @tool
    def work(ctx: ToolContext) -> bool:
        return ctx.send_status("working")

    assert (await run_tool_buffered(work, asked()))["data"] == {"result": True}


async def test_the_result_as_one_json_object() -> None:
    request = asked({"seconds_per_step": 0}, message="hello", steps=1)

    assert await run_tool_buffered(slow_process, request) == {
        "success": True,
        "data": {"message": "Processed in 1 steps"},
        "error": None,
        "error_code": None,
    }


def streaming_app(one: Tool) -> Starlette:
    """Serve ``one`` as simply as can be: what it writes is what leaves."""

    async def invoke(request: Request) -> StreamingResponse:
        args = await request.json()
        lines: asyncio.Queue[bytes | None] = asyncio.Queue()

        async def run() -> None:
            await run_tool_stream(one, asked(**args), lines.put)
            await lines.put(None)

        task = asyncio.create_task(run())

        async def body() -> AsyncIterator[bytes]:
            while (line := await lines.get()) is not None:
                yield line
            await task

        return StreamingResponse(body(), media_type="application/x-ndjson")

    return Starlette(routes=[Route("/invoke", invoke, methods=["POST"])])


@pytest.mark.parametrize("is_sync", [True, False])
async def test_a_status_crosses_the_socket_while_the_tool_still_works(is_sync: bool) -> None:
    gate = threading.Event()

    def work_in_thread(ctx: ToolContext) -> str:
        ctx.send_status("working")
        assert gate.wait(10)
        return "done"

    async def work_on_loop(ctx: ToolContext) -> str:
        ctx.send_status("working")
        assert await asyncio.to_thread(gate.wait, 10)
        return "done"

    one = tool(name="work")(work_in_thread if is_sync else work_on_loop)
    read: list[dict[str, Any]] = []
    async with (
        served(streaming_app(one)) as url,
        httpx2.AsyncClient() as client,
        client.stream("POST", f"{url}/invoke", json={}) as response,
    ):
        async for line in response.aiter_lines():
            read.append(json.loads(line))
            if read[-1]["payload"].get("message") == "working":
                gate.set()  # only now may the tool end: the line was here before

    assert [line["type"] for line in read] == ["status", "status", "result"]


def test_a_request_may_leave_the_name_out_where_there_is_one_tool() -> None:
    ask = client_tool("ask", "")
    tools = {"slow_process": slow_process, "ask": ask}

    assert choose_tool(tools, None, default=None) is slow_process
    assert choose_tool(tools, "slow_process", default=None) is slow_process


def test_the_default_tool_is_run_where_there_are_several() -> None:
    @tool
    def other() -> None: ...

    tools = {"slow_process": slow_process, "other": other}

    assert choose_tool(tools, None, default="other") is other
    with pytest.raises(RequestError, match="Name the tool"):
        choose_tool(tools, None, default=None)


def test_a_tool_that_is_not_there_or_not_here_cannot_be_run() -> None:
    with pytest.raises(NotFound, match="no tool 'gone'"):
        choose_tool({}, "gone", default=None)
    with pytest.raises(RequestError, match="runs in the chat client"):
        choose_tool({"ask": client_tool("ask", "")}, "ask", default=None)

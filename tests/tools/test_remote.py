"""`app.tools.remote`: a chat calls tools on other servers, over real sockets."""

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from app.aws.credentials import CredentialsError
from app.aws.event_stream import (
    InvokeComplete,
    PayloadChunk,
    StreamEvent,
    StreamException,
    encode_event,
)
from app.aws.sigv4 import Credentials
from app.events import Event, Status, ToolOutputAvailable, ToolOutputError
from app.protocols.tool_result import ToolResult
from app.protocols.tool_run import ToolRunEncoder
from app.tools import Scene, ToolDefinitionError
from app.tools.execution import run_calls
from app.tools.remote import RemoteTool
from app.tools.valid_call import validate
from app.tracing import sending
from tests.providers.malformed_http import (
    FAULTS,
    ORDERS,
    Afterwards,
    Arrival,
    BrokenResponse,
)
from tests.providers.upstream import Connection, serve
from tests.serving import served
from tests.tools.sink import Sink

KEYS = Credentials("ASIAEXAMPLE", "a/secret+key", "a//token==")
ARN = "arn:aws:lambda:eu-north-1:123456789012:function:weather"

Body = Callable[[ToolRunEncoder], AsyncIterator[bytes]]
Handler = Callable[[Request], Awaitable[Response]]


class Keys:
    """Credentials that exist, do not exist, or cannot be fetched."""

    def __init__(self, found: Credentials | Exception | None) -> None:
        self._found = found

    async def get(self) -> Credentials | None:
        if isinstance(self._found, Exception):
            raise self._found
        return self._found


NO_KEYS = Keys(None)


async def called(tool: RemoteTool, sink: Sink | None = None, **tool_input: Any) -> list[Event]:
    sink = Sink() if sink is None else sink
    scene = Scene(session_id="s-1", user_id="u-1", config={"unit": "F", "language": "en"})
    await run_calls([validate(tool, "c1", tool_input)], emit=sink.emit, scene=scene)
    return sink.events


def serving(body: Body, *, seen: list[Any] | None = None) -> Starlette:
    """Respond to every call with the lines that ``body`` makes, as it makes them."""

    async def invoke(request: Request) -> Response:
        if seen is not None:
            seen.append((request, await request.body()))
        lines = body(ToolRunEncoder(now=lambda: 0.0))
        return StreamingResponse(lines, media_type="application/x-ndjson")

    return Starlette(routes=[Route("/invoke", invoke, methods=["POST"])])


def responding(handler: Handler) -> Starlette:
    return Starlette(routes=[Route("/{path:path}", handler, methods=["POST"])])


async def a_good_run(encoder: ToolRunEncoder) -> AsyncIterator[bytes]:
    yield encoder.start()
    yield encoder.keep_alive()
    yield encoder.status("Half-way")
    yield encoder.result(ToolResult.ok("Done", {"n": 1}))


async def test_statuses_and_result_arrive_and_the_request_is_the_contracts() -> None:
    seen: list[tuple[Request, bytes]] = []
    async with served(serving(a_good_run, seen=seen)) as url:
        tool = RemoteTool("weather", function_url=f"{url}/", config={"unit": "C"})

        events = await called(tool, city="Oslo é \ud800")

    request, body = seen[0]
    assert events == [
        Status("Tool execution started", "c1"),
        Status("Half-way", "c1"),
        ToolOutputAvailable("c1", {"status": "success", "message": "Done", "data": {"n": 1}}),
    ]
    assert json.loads(body) == {
        "args": {"city": "Oslo é \ud800"},
        "context": {"session_id": "s-1", "user_id": "u-1"},
        "tool_config": {"unit": "C", "language": "en"},
    }
    assert request.headers["content-type"] == "application/json"
    assert "authorization" not in request.headers


async def test_a_trace_goes_on_at_the_remote_tool() -> None:
    seen: list[tuple[Request, bytes]] = []
    async with served(serving(a_good_run, seen=seen)) as url:
        with sending({"traceparent": "00-1-2-01"}):
            await called(RemoteTool("weather", function_url=url))

    assert seen[0][0].headers["traceparent"] == "00-1-2-01"


async def test_a_status_arrives_while_the_remote_tool_still_works() -> None:
    gate = asyncio.Event()

    async def body(encoder: ToolRunEncoder) -> AsyncIterator[bytes]:
        yield encoder.status("working")
        await gate.wait()
        yield encoder.result(ToolResult.ok("Done"))

    sink = Sink()
    async with served(serving(body)) as url:
        running = asyncio.create_task(called(RemoteTool("work", function_url=url), sink))
        await sink.until(Status("working", "c1"))
        assert not running.done()
        gate.set()
        await running

    done = {"status": "success", "message": "Done"}
    assert sink.events[-1] == ToolOutputAvailable("c1", done)


async def test_cancelling_the_call_closes_the_connection() -> None:
    is_closed = asyncio.Event()

    async def body(encoder: ToolRunEncoder) -> AsyncIterator[bytes]:
        yield encoder.status("working")
        try:
            await asyncio.Event().wait()
        finally:
            is_closed.set()

    sink = Sink()
    async with served(serving(body)) as url:
        running = asyncio.create_task(called(RemoteTool("work", function_url=url), sink))
        await sink.until(Status("working", "c1"))
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await is_closed.wait()


async def test_a_remote_tool_that_takes_too_long_is_given_up() -> None:
    async def body(encoder: ToolRunEncoder) -> AsyncIterator[bytes]:
        yield encoder.start()
        await asyncio.Event().wait()

    async with served(serving(body)) as url:
        tool = RemoteTool("work", function_url=url, timeout_s=0.2)

        events = await called(tool)

    assert events[-1] == ToolOutputError("c1", "work did not finish within 0.2 s.")


async def lines_without_a_result(encoder: ToolRunEncoder) -> AsyncIterator[bytes]:
    yield encoder.start()


async def an_error_line(encoder: ToolRunEncoder) -> AsyncIterator[bytes]:
    yield encoder.start()
    yield encoder.error("The sensor is off.", "SENSOR")


async def a_result_that_says_error(encoder: ToolRunEncoder) -> AsyncIterator[bytes]:
    yield encoder.result(ToolResult.error("No such city.", error_code="NOT_FOUND"))


RESULT = ToolOutputAvailable("c1", {"status": "success", "message": "Done", "data": {"n": 1}})


@pytest.mark.parametrize("is_invocation", [False, True], ids=["function url", "lambda api"])
@pytest.mark.parametrize("break_off", [Connection.reset, Connection.close], ids=["reset", "close"])
@pytest.mark.parametrize("is_split", [False, True], ids=["at once", "status first"])
async def test_a_result_is_not_lost_to_a_break_right_after_it(
    break_off: Callable[[Connection], None], is_split: bool, is_invocation: bool
) -> None:
    encoder = ToolRunEncoder(now=lambda: 0.0)
    lines = [encoder.status("working"), encoder.result(ToolResult.ok("Done", {"n": 1}))]
    status, result = (encode_event(PayloadChunk(line)) if is_invocation else line for line in lines)
    status_was_read = asyncio.Event()

    async def play(connection: Connection) -> None:
        await connection.start()
        if is_split:
            await connection.chunk(status)
            await status_was_read.wait()
            await connection.send(b"1000\r\n" + result)
        else:
            await connection.send(b"1000\r\n" + status + result)
        break_off(connection)

    sink = Sink()
    async with serve(play) as upstream:
        url = upstream.url.removesuffix("/v1")
        if is_invocation:
            tool = RemoteTool("work", function_arn=ARN, endpoint_url=url, credentials=Keys(KEYS))
        else:
            tool = RemoteTool("work", function_url=url, credentials=NO_KEYS)
        running = asyncio.create_task(called(tool, sink))
        await sink.until(Status("working", "c1"))
        status_was_read.set()
        events = await running

    assert events == [Status("working", "c1"), RESULT]


@pytest.mark.parametrize(("arrival", "afterwards"), ORDERS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_response_whose_framing_breaks_ends_the_call_at_once(
    fault: str, arrival: Arrival, afterwards: Afterwards
) -> None:
    status = ToolRunEncoder(now=lambda: 0.0).status("working")
    broken = BrokenResponse(status, FAULTS[fault], arrival, afterwards)
    sink = Sink()

    async with asyncio.timeout(10), serve(broken.play) as upstream:
        url = upstream.url.removesuffix("/v1")
        tool = RemoteTool("weather", function_url=url, credentials=NO_KEYS, timeout_s=100)
        running = asyncio.create_task(called(tool, sink))
        await sink.until(Status("working", "c1"))
        broken.good_was_read.set()
        events = await running
        await broken.is_closed.wait()

    message = "weather broke off before it had a result."
    assert events == [Status("working", "c1"), ToolOutputError("c1", message)]


HEARTBEAT = b'{"type":"heartbeat"}\n'
LONG_STATUS = b'{"type":"status","payload":{"message":"' + b"m" * 60_000 + b'"}}\n'


@pytest.mark.parametrize(
    "piece",
    [b"\n" * 65536, b"x" * 65536, HEARTBEAT * 3000, LONG_STATUS],
    ids=["newlines", "one line", "heartbeats", "statuses"],
)
async def test_a_flood_ends_the_call_long_before_its_time_is_over(piece: bytes) -> None:
    hung_up = asyncio.Event()

    async def play(connection: Connection) -> None:
        await connection.start()
        try:
            while True:
                await connection.chunk(piece)
        finally:
            hung_up.set()

    async with asyncio.timeout(15), serve(play) as upstream:
        url = upstream.url.removesuffix("/v1")
        tool = RemoteTool("weather", function_url=url, credentials=NO_KEYS, timeout_s=100)
        events = await called(tool)
        await hung_up.wait()

    assert events[-1] == ToolOutputError("c1", "The answer of weather is not a tool stream.")


async def test_a_compressed_response_is_refused_before_it_grows() -> None:
    bomb = gzip.compress(b"\n" * 40_000_000)

    async def handler(request: Request) -> Response:
        return Response(bomb, headers={"content-encoding": "gzip"})

    async with asyncio.timeout(10), served(responding(handler)) as url:
        events = await called(RemoteTool("weather", function_url=url, credentials=NO_KEYS))

    assert events == [ToolOutputError("c1", "The answer of weather is not a tool stream.")]


async def test_the_time_limit_holds_while_lines_pour_in() -> None:
    async def play(connection: Connection) -> None:
        await connection.start()
        while True:  # always something, and never as much as is too much
            await connection.chunk(b"\n")
            await asyncio.sleep(0.001)

    async with asyncio.timeout(15), serve(play) as upstream:
        url = upstream.url.removesuffix("/v1")
        tool = RemoteTool("weather", function_url=url, credentials=NO_KEYS, timeout_s=0.2)
        events = await called(tool)

    assert events == [ToolOutputError("c1", "weather did not finish within 0.2 s.")]


async def garbage(encoder: ToolRunEncoder) -> AsyncIterator[bytes]:
    yield b"<html>Bad Gateway</html>\n"


async def garbage_inside(encoder: ToolRunEncoder) -> AsyncIterator[bytes]:
    yield encoder.start()
    yield b"<html>Bad Gateway</html>\n"


async def nothing(encoder: ToolRunEncoder) -> AsyncIterator[bytes]:
    for line in list[bytes]():
        yield line


async def half_a_line(encoder: ToolRunEncoder) -> AsyncIterator[bytes]:
    yield encoder.result(ToolResult.ok())[:20]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (lines_without_a_result, "weather broke off before it had a result."),
        (nothing, "weather broke off before it had a result."),
        (an_error_line, "The sensor is off."),
        (a_result_that_says_error, "No such city."),
        (garbage, "The answer of weather is not a tool stream."),
        (garbage_inside, "weather broke off before it had a result."),
        (half_a_line, "The answer of weather is not a tool stream."),
    ],
)
async def test_every_fault_of_a_response_is_a_clear_tool_error(body: Body, message: str) -> None:
    async with served(serving(body)) as url:
        events = await called(RemoteTool("weather", function_url=url))

    assert events[-1] == ToolOutputError("c1", message)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (403, "HTTP status 403; this server is not allowed to call it."),
        (404, "HTTP status 404; there is nothing at its address."),
        (413, "HTTP status 413; the input is too large for it."),
        (502, "HTTP status 502."),
        (307, "HTTP status 307."),
    ],
)
async def test_an_http_error_is_a_clear_tool_error(status: int, message: str) -> None:
    async def handler(request: Request) -> Response:
        headers = {"location": "http://127.0.0.1:1/"}
        return Response('{"Message":"secret details"}', status, headers)

    async with served(responding(handler)) as url:
        events = await called(RemoteTool("weather", function_url=url))

    assert events == [ToolOutputError("c1", f"weather answered with {message}")]


async def test_a_response_that_is_one_json_object_is_read_too() -> None:
    async def handler(request: Request) -> Response:
        return Response('{"success": true, "data": {"n": 2}, "error": null, "error_code": null}')

    async with served(responding(handler)) as url:
        events = await called(RemoteTool("weather", function_url=f"{url}/invoke"))

    shown = {"status": "success", "message": "", "data": {"n": 2}}
    assert events == [ToolOutputAvailable("c1", shown)]


@pytest.mark.parametrize(
    ("returned", "shown"),
    [
        (
            {"_schema": "ToolResult", "status": "queued", "message": "M"},
            {"status": "queued", "message": "M"},
        ),
        ({"city": "Oslo"}, {"status": "success", "message": "", "data": {"city": "Oslo"}}),
        ("sunny", {"status": "success", "message": "", "data": {"result": "sunny"}}),
        (
            {"statusCode": 200, "body": '{"city": "Oslo"}'},
            {"status": "success", "message": "", "data": {"city": "Oslo"}},
        ),
    ],
)
async def test_what_a_plain_function_returns_is_the_tools_output(returned: Any, shown: Any) -> None:
    """As Lambda's API hands over what a function in a zip file returns."""

    async def handler(request: Request) -> Response:
        events: list[StreamEvent] = [PayloadChunk(json.dumps(returned).encode()), InvokeComplete()]
        wire = b"".join(encode_event(event) for event in events)
        return Response(wire, media_type="application/vnd.amazon.eventstream")

    async with served(responding(handler)) as url:
        tool = RemoteTool("w", function_arn=ARN, endpoint_url=url, credentials=Keys(KEYS))

        assert await called(tool) == [ToolOutputAvailable("c1", shown)]


async def test_a_plain_function_that_raises_is_a_failure_and_no_output() -> None:
    async def handler(request: Request) -> Response:
        raised = b'{"errorMessage":"boom","errorType":"ValueError"}'
        events: list[StreamEvent] = [PayloadChunk(raised), InvokeComplete("Unhandled", "{}")]
        return Response(b"".join(encode_event(event) for event in events))

    async with served(responding(handler)) as url:
        tool = RemoteTool("w", function_arn=ARN, endpoint_url=url, credentials=Keys(KEYS))

        assert await called(tool) == [ToolOutputError("c1", "w failed on Lambda (Unhandled).")]


@contextlib.asynccontextmanager
async def raw_server(response: bytes) -> AsyncIterator[str]:
    """Read a request, write ``response`` and hang up."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (b"", "weather cannot be reached."),
        (b"no HTTP at all\r\n\r\n", "weather cannot be reached."),
        (HEAD, "weather broke off before it had a result."),
        (HEAD + b"ff\r\n{", "weather broke off before it had a result."),
    ],
)
async def test_a_connection_that_breaks_is_a_clear_tool_error(
    response: bytes, message: str
) -> None:
    async with raw_server(response) as url:
        events = await called(RemoteTool("weather", function_url=url))

    assert events == [ToolOutputError("c1", message)]


async def test_a_stream_that_breaks_behind_its_result_has_a_result() -> None:
    line = ToolRunEncoder(now=lambda: 0.0).result(ToolResult.ok("Done"))
    async with raw_server(HEAD + f"{len(line):x}\r\n".encode() + line + b"\r\nff\r\n") as url:
        events = await called(RemoteTool("weather", function_url=url))

    assert isinstance(events[-1], ToolOutputAvailable)


async def test_a_server_that_is_not_there_is_a_clear_tool_error(unused_tcp_port: int) -> None:
    tool = RemoteTool("weather", function_url=f"http://127.0.0.1:{unused_tcp_port}")

    assert await called(tool) == [ToolOutputError("c1", "weather cannot be reached.")]


async def test_one_remote_tool_that_fails_leaves_the_chat_its_others(unused_tcp_port: int) -> None:
    sink = Sink()
    async with served(serving(a_good_run)) as url:
        here = RemoteTool("here", function_url=url)
        gone = RemoteTool("gone", function_url=f"http://127.0.0.1:{unused_tcp_port}")
        calls = [validate(gone, "c1", {}), validate(here, "c2", {})]

        parts = await run_calls(calls, emit=sink.emit)

    assert [part.is_error for part in parts] == [True, False]


async def test_a_large_input_is_sent_whole() -> None:
    seen: list[tuple[Request, bytes]] = []
    async with served(serving(a_good_run, seen=seen)) as url:
        await called(RemoteTool("weather", function_url=url), text="x" * 2_000_000)

    assert json.loads(seen[0][1])["args"]["text"] == "x" * 2_000_000


def is_signed_right(request: Request, body: bytes, region: str) -> bool:
    """Let botocore compute the signature of a request that has arrived."""
    names = request.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    signer = SigV4Auth(BotoCredentials("ASIAEXAMPLE", "a/secret+key"), "lambda", region)
    raw_path = request.scope["raw_path"].decode()
    arrived = AWSRequest(
        method=request.method,
        url=f"http://{request.headers['host']}{raw_path}",
        headers={name: request.headers[name] for name in names.split(";")},
        data=body,
    )
    arrived.context["timestamp"] = request.headers["x-amz-date"]
    text = signer.string_to_sign(arrived, signer.canonical_request(arrived))
    signature = request.headers["authorization"].rpartition("Signature=")[2]
    return bool(signer.signature(text, arrived) == signature)


@pytest.mark.parametrize("keys", [KEYS, Credentials("ASIAEXAMPLE", "a/secret+key")])
async def test_a_signed_request_is_what_botocore_would_sign(keys: Credentials) -> None:
    seen: list[tuple[Request, bytes]] = []
    async with served(serving(a_good_run, seen=seen)) as url:
        tool = RemoteTool("w", function_url=url, region="eu-north-1", credentials=Keys(keys))

        await called(tool, city="Tromsø")

    request, body = seen[0]
    assert is_signed_right(request, body, "eu-north-1")
    assert not is_signed_right(request, body + b" ", "eu-north-1")
    assert request.headers.get("x-amz-security-token") == keys.session_token


async def test_a_function_url_is_called_unsigned_without_credentials() -> None:
    async with served(serving(a_good_run)) as url:
        tool = RemoteTool("w", function_url=url, region="r", credentials=NO_KEYS)

        assert isinstance((await called(tool))[-1], ToolOutputAvailable)


@pytest.mark.parametrize(
    "address",
    [{"function_arn": ARN}, {"function_url": "https://x.lambda-url.eu-north-1.on.aws"}],
)
async def test_credentials_that_cannot_be_had_are_a_tool_error(address: dict[str, Any]) -> None:
    tool = RemoteTool("w", **address, credentials=Keys(CredentialsError("broken")))

    message = "This server has no AWS credentials to call w with."
    assert await called(tool) == [ToolOutputError("c1", message)]


async def test_lambdas_api_is_not_called_without_credentials() -> None:
    tool = RemoteTool("w", function_arn=ARN, credentials=NO_KEYS)

    message = "This server has no AWS credentials to call w with."
    assert await called(tool) == [ToolOutputError("c1", message)]


@pytest.mark.parametrize(
    "address",
    [
        {},
        {"function_url": "https://example.org", "function_arn": ARN},
        {"function_url": "example.org"},
        {"function_url": "ftp://example.org"},
        {"function_url": "https://"},
        {"function_arn": "weather"},
        {"function_arn": "arn:aws:s3:::bucket"},
    ],
)
def test_an_address_that_is_none_is_refused(address: dict[str, Any]) -> None:
    with pytest.raises(ToolDefinitionError, match="w"):
        RemoteTool("w", **address)


def test_the_model_is_told_what_the_tool_takes() -> None:
    def weather(city: str) -> None: ...

    described = RemoteTool("w", function_url="https://example.org", signature=weather)
    anything = RemoteTool("w", function_url="https://example.org")

    assert described.parameters["required"] == ["city"]
    assert anything.parse({"whatever": 1}) == {"whatever": 1}


def good_lines() -> bytes:
    encoder = ToolRunEncoder(now=lambda: 0.0)
    return encoder.status("Half-way") + encoder.result(ToolResult.ok("Done"))


PRELUDE = b'{"statusCode":200,"headers":{}}' + b"\0" * 8
REFUSED = b'{"statusCode":404,"headers":{}}' + b"\0" * 8


@pytest.mark.parametrize("prelude", [b"", PRELUDE], ids=["direct", "through the adapter"])
async def test_a_function_is_invoked_by_its_arn(prelude: bytes) -> None:
    seen: list[tuple[Request, bytes]] = []

    async def handler(request: Request) -> Response:
        seen.append((request, await request.body()))
        whole = prelude + good_lines()
        events: list[StreamEvent] = [PayloadChunk(whole[:50]), PayloadChunk(whole[50:])]
        wire = b"".join(encode_event(event) for event in [*events, InvokeComplete()])
        return Response(wire, media_type="application/vnd.amazon.eventstream")

    async with served(responding(handler)) as url:
        tool = RemoteTool("w", function_arn=ARN, endpoint_url=url, credentials=Keys(KEYS))

        events = await called(tool, city="Oslo")

    request, body = seen[0]
    assert events == [
        Status("Half-way", "c1"),
        ToolOutputAvailable("c1", {"status": "success", "message": "Done"}),
    ]
    assert request.url.path.endswith(f"/functions/{ARN}/response-streaming-invocations")
    assert json.loads(body)["args"] == {"city": "Oslo"}
    assert is_signed_right(request, body, "eu-north-1")


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([InvokeComplete("Unhandled", "{}")], "w failed on Lambda (Unhandled)."),
        (
            [PayloadChunk(b'{"type"'), InvokeComplete("Function.Timeout")],
            "w failed on Lambda (Function.Timeout).",
        ),
        ([StreamException("TooMany", "slow down")], "w failed on Lambda (TooMany)."),
        ([InvokeComplete()], "w broke off before it had a result."),
        ([], "w broke off before it had a result."),
        (
            [PayloadChunk(REFUSED)],
            "w answered with HTTP status 404; there is nothing at its address.",
        ),
    ],
)
async def test_an_invocation_that_fails_is_a_clear_tool_error(
    events: list[StreamEvent], message: str
) -> None:
    async def handler(request: Request) -> Response:
        return Response(b"".join(encode_event(event) for event in events))

    async with served(responding(handler)) as url:
        tool = RemoteTool("w", function_arn=ARN, endpoint_url=url, credentials=Keys(KEYS))

        assert await called(tool) == [ToolOutputError("c1", message)]


async def test_an_event_stream_that_is_none_is_a_clear_tool_error() -> None:
    async def handler(request: Request) -> Response:
        return Response(b"\0" * 64)

    async with served(responding(handler)) as url:
        tool = RemoteTool("w", function_arn=ARN, endpoint_url=url, credentials=Keys(KEYS))

        events = await called(tool)

    assert events == [ToolOutputError("c1", "The answer of w is not a tool stream.")]

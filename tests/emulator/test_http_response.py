"""A function's response over HTTP: the prelude, whole and empty bodies."""

import asyncio
import base64
import json
import re
from typing import Any

import httpx2
import pytest

from app.aws.event_stream import InvokeComplete, PayloadChunk
from app.aws.http_integration import PreludeDecoder
from app.emulator.connection import Connection, Request
from app.emulator.function_response import (
    FunctionFailure,
    FunctionInvocation,
    FunctionResponse,
    ResponseStart,
)
from app.emulator.http_response import (
    INVALID_PRELUDE,
    Head,
    HttpResponder,
    WholeResponse,
    head_of_prelude,
)
from tests.emulator.emulation import (
    INVOKE,
    PATIENCE_S,
    STREAM,
    URL,
    connected,
    emulator,
    events_of,
    http_server,
    post,
)


@pytest.mark.real
@pytest.mark.timeout(180)
async def test_a_prelude_is_applied_unless_raw_invoke_is_asked_for() -> None:
    order = {
        "chunks": ["body"],
        "prelude": {"statusCode": 418, "headers": {"x-tea": "naïve"}, "cookies": ["a=1"]},
    }
    # Only an HTTP event makes the test function write a prelude.
    event = {"requestContext": {}, "body": json.dumps(order)}
    async with emulator() as running:
        applied = await post(running, INVOKE, event)
    async with emulator(raw_invoke=True) as running:
        raw = await post(running, INVOKE, event)

    assert (applied.status_code, applied.text) == (418, "body")
    assert applied.headers["x-tea"] == "naïve"
    assert applied.headers["set-cookie"] == "a=1"
    assert raw.status_code == 200
    assert raw.content.endswith(b"}" + bytes(8) + b"body")


@pytest.mark.real
@pytest.mark.timeout(180)
async def test_buffered_responses_come_whole_at_every_address() -> None:
    async with emulator(buffered=True) as running:
        order = {"chunks": ["a", "b"]}
        invoked = await post(running, INVOKE, order, {"x-amz-log-type": "Tail"})
        streamed = await events_of(await post(running, STREAM, order))
        url = await post(running, URL, order)
        late = await post(running, INVOKE, {**order, "then": "fail", "base64": True})

    assert invoked.headers["content-length"] == url.headers["content-length"] == "2"
    assert "REPORT" in base64.b64decode(invoked.headers["x-amz-log-result"]).decode()
    assert streamed == [PayloadChunk(b"ab"), InvokeComplete()]
    assert late.headers["x-amz-function-error"] == "Unhandled"
    assert late.json()["errorType"] == "Function.Late"


@pytest.mark.real
@pytest.mark.timeout(180)
async def test_a_head_request_and_a_204_have_no_body() -> None:
    async with emulator() as running:
        order = {"chunks": ["not for you"], "prelude": {"statusCode": 204}}
        empty = await post(running, URL, order)
        async with httpx2.AsyncClient(timeout=PATIENCE_S) as client:
            head = await client.request("HEAD", running.url + URL, json={"chunks": ["x"]})
            again = await client.post(running.url + URL, json={"chunks": ["x"]})

    assert (empty.status_code, empty.content) == (204, b"")
    assert (head.status_code, head.content) == (200, b"")
    assert again.text == "x"


PRELUDE = "application/vnd.awslambda.http-integration-response"
FAILURE = FunctionFailure("Function.Late", '{"errorType":"Function.Late"}')


async def invocation_of(*events: ResponseStart | bytes | FunctionFailure) -> FunctionInvocation:
    """Return an invocation whose response is complete: these events, and the end."""
    response = FunctionResponse()
    failure: FunctionFailure | None = None
    for event in events:
        if isinstance(event, FunctionFailure):
            failure = event
        else:
            await response.put(event)  # four are taken without a reader
    response.finish(failure)
    response.close(b"the log")
    return FunctionInvocation("id-1", b"{}", "arn", "trace", "", "", response)


def on_error(failure: FunctionFailure) -> WholeResponse:
    return Head(500, (("x-type", failure.type),)), failure.body.encode()


def responder(*, buffered: bool, **options: Any) -> HttpResponder:
    headers = (("x-own", "ours"),)
    settings: dict[str, Any] = {"apply_prelude": True, **options}
    return HttpResponder(buffered=buffered, headers=headers, error_response=on_error, **settings)


async def exchange(
    responder: HttpResponder, invocation: FunctionInvocation
) -> tuple[bytes, FunctionFailure | None]:
    """Send the invocation's response over a real connection; return its bytes and the failure."""
    failures: list[FunctionFailure | None] = []

    async def respond(connection: Connection, request: Request) -> None:
        failures.append(await responder.respond(connection, invocation))

    async with http_server(respond) as (_, port), connected(port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = await reader.read()
    return received, failures[0]


BOTH = pytest.mark.parametrize("buffered", [False, True], ids=["live", "buffered"])


@BOTH
async def test_our_headers_replace_the_functions_and_doubled_ones_stand_beside_them(
    buffered: bool,
) -> None:
    prelude = {"statusCode": 201, "headers": {"X-Own": "theirs", "x-cors": "theirs"}}
    text = json.dumps(prelude).encode() + bytes(8) + b"body"
    doubled = responder(buffered=buffered, doubled_headers=(("x-cors", "ours"),))

    received, failure = await exchange(
        doubled, await invocation_of(ResponseStart(PRELUDE, streamed=True), text)
    )

    head = received.partition(b"\r\n\r\n")[0].decode().lower()
    assert head.startswith("http/1.1 201 ")
    assert head.count("x-own: ") == head.count("x-own: ours") == 1
    assert re.findall("x-cors: (.*)\r", head) == ["theirs", "ours"]
    assert b"body" in received
    assert failure is None


@BOTH
async def test_a_failure_before_the_first_byte_has_a_response_of_its_own(buffered: bool) -> None:
    start = ResponseStart("text/plain", streamed=True)

    received, failure = await exchange(
        responder(buffered=buffered), await invocation_of(start, FAILURE)
    )

    assert received.startswith(b"HTTP/1.1 500 ")
    assert b"x-type: Function.Late" in received
    assert failure == FAILURE


async def test_a_failure_in_mid_stream_leaves_out_the_end() -> None:
    start = ResponseStart("text/plain", streamed=True)

    received, failure = await exchange(
        responder(buffered=False), await invocation_of(start, b"good", FAILURE)
    )

    assert received.endswith(b"4\r\ngood\r\n")
    assert failure == FAILURE


@pytest.mark.parametrize(
    ("content_type", "streamed", "expected"),
    [
        ("", True, b"application/octet-stream"),
        ("", False, b"application/json"),
        ("text/plain", True, b"text/plain"),
    ],
)
async def test_a_response_without_a_prelude_has_the_type_that_the_runtime_named(
    content_type: str, streamed: bool, expected: bytes
) -> None:
    start = ResponseStart(content_type, streamed=streamed)

    received, _ = await exchange(responder(buffered=False), await invocation_of(start))

    assert b"content-type: " + expected in received
    assert received.endswith(b"\r\n0\r\n\r\n")


async def test_a_prelude_stays_in_the_body_where_it_is_not_applied() -> None:
    start = ResponseStart(PRELUDE, streamed=True)
    raw = responder(buffered=True, apply_prelude=False)

    received, _ = await exchange(raw, await invocation_of(start, b"{}" + bytes(8) + b"body"))

    assert received.endswith(b"\r\n\r\n{}" + bytes(8) + b"body")


async def test_only_a_buffered_response_carries_the_log() -> None:
    start = ResponseStart("text/plain", streamed=True)
    header = b"x-amz-log-result: " + base64.b64encode(b"the log")

    buffered, _ = await exchange(
        responder(buffered=True, log_tail=True), await invocation_of(start)
    )
    live, _ = await exchange(responder(buffered=False, log_tail=True), await invocation_of(start))

    assert header in buffered
    assert b"x-amz-log-result" not in live


@BOTH
@pytest.mark.parametrize("text", [b"no prelude", b'{"statusCode":200}'], ids=["other", "cut"])
async def test_a_broken_prelude_is_a_failure_with_a_name_of_ours(
    text: bytes, buffered: bool
) -> None:
    start = ResponseStart(PRELUDE, streamed=True)

    received, failure = await exchange(
        responder(buffered=buffered), await invocation_of(start, text)
    )

    assert received.startswith(b"HTTP/1.1 500 ")
    assert b"x-type: Runtime.InvalidPrelude" in received
    assert failure is not None
    assert failure.type == INVALID_PRELUDE


@BOTH
async def test_a_header_that_http_does_not_allow_is_refused_before_it_is_sent(
    buffered: bool,
) -> None:
    text = b'{"headers":{"bad name":"x"}}' + bytes(8)
    start = ResponseStart(PRELUDE, streamed=True)

    received, _ = await exchange(responder(buffered=buffered), await invocation_of(start, text))

    assert received.startswith(b"HTTP/1.1 500 ")
    assert b"x-type: Runtime.InvalidPrelude" in received
    assert b"bad name" not in received.partition(b"\r\n\r\n")[0]


async def test_a_response_is_abandoned_when_the_client_has_left() -> None:
    response = FunctionResponse()
    await response.put(ResponseStart("text/plain", streamed=True))
    invocation = FunctionInvocation("id-1", b"{}", "arn", "trace", "", "", response)
    done = asyncio.Event()

    async def respond(connection: Connection, request: Request) -> None:
        connection.abort()
        try:
            await responder(buffered=False).respond(connection, invocation)
        finally:
            done.set()

    async with http_server(respond) as (_, port), connected(port) as (_, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(PATIENCE_S):
            while not done.is_set():
                await response.put(b"x")
                await asyncio.sleep(0)
            for _ in range(100):
                await response.put(b"nobody waits for this")


def test_what_the_server_decides_is_taken_out_of_a_prelude() -> None:
    prelude = PreludeDecoder().feed(
        b'{"statusCode":202,"headers":{"Content-Length":"4","x-a":"1"},'
        b'"cookies":["c=1"]}' + bytes(8)
    )
    assert prelude is not None

    head = head_of_prelude(prelude)

    assert head.status == 202
    assert list(head.headers) == [
        ("x-a", "1"),
        ("content-type", "application/octet-stream"),
        ("set-cookie", "c=1"),
    ]

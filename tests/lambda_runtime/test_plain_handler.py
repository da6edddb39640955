"""Plain handlers under the runtime, over a real socket."""

import asyncio
import functools
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from app.aws.http_integration import Prelude
from app.lambda_runtime.handler_loading import Handler
from app.lambda_runtime.invocation_loops import Runtime
from app.lambda_runtime.lambda_call import FunctionConfig
from app.lambda_runtime.plain_handler import Context, PlainHandler
from app.lambda_runtime.runtime_api import RuntimeApi
from tests.lambda_events import function_url, http_api
from tests.lambda_runtime.recording_runtime_api import ARN, RecordingRuntimeApi, running, soon


def _plain(function: Callable[..., Any]) -> Handler:
    return PlainHandler(function, FunctionConfig(name="words", memory_mb=256))


def _generator(event: Any, context: Context) -> Iterator[bytes]:
    yield b"Hello "
    yield event["name"].encode()


async def _async_generator(event: Any, context: Context) -> AsyncIterator[bytes]:
    for piece in _generator(event, context):
        yield piece


def _returns_a_generator(event: Any, context: Context) -> Any:
    return _generator(event, context)


def _returns_an_async_generator(event: Any, context: Context) -> Any:
    return _async_generator(event, context)


class _Callable:
    async def __call__(self, event: Any, context: Context) -> AsyncIterator[bytes | bytearray]:
        yield b"Hello "
        yield bytearray(event["name"].encode())


class _Pieces:
    """An async iterator that is not a generator."""

    def __init__(self, name: str) -> None:
        self._pieces = iter([b"Hello ", name.encode()])

    def __aiter__(self) -> "_Pieces":
        return self

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration


@pytest.mark.parametrize(
    "function",
    [
        _generator,
        _async_generator,
        _returns_a_generator,
        _returns_an_async_generator,
        _Callable(),
        functools.partial(_generator),
        lambda event, context: iter([b"Hello ", event["name"].encode()]),
        lambda event, context: _Pieces(event["name"]),
    ],
)
async def test_what_yields_bytes_streams(function: Callable[..., Any]) -> None:
    async with running(_plain(function)) as api:
        posted = await api.invoke({"name": "you"}).completed()

    assert posted.is_streamed
    assert posted.chunks == [b"Hello ", b"you"]
    assert posted.headers["content-type"] == "application/octet-stream"


async def test_an_http_event_is_its_json_body() -> None:
    seen: list[Context] = []

    def handler(event: Any, context: Context) -> Iterator[bytes]:
        seen.append(context)
        yield json.dumps(event).encode()

    event = function_url(body='{"name":"you"}')
    async with running(_plain(handler)) as api:
        posted = await api.invoke(event).completed()
        bare = await api.invoke(function_url("GET")).completed()
        direct = await api.invoke({"name": "you"}).completed()

    assert posted.http() == (
        Prelude(200, (("content-type", "application/octet-stream"),)),
        b'{"name": "you"}',
    )
    assert bare.http()[1] == b"{}"
    assert direct.body == b'{"name": "you"}'
    assert [context.http_event == event for context in seen] == [True, False, False]
    assert seen[2].http_event is None


async def test_an_http_body_that_is_no_json_gets_400() -> None:
    async with running(_plain(_generator)) as api:
        posted = await api.invoke(function_url(body="name=you")).completed()

    prelude, body = posted.http()
    assert prelude == Prelude(400, (("content-type", "application/json"),))
    assert json.loads(body) == {
        "success": False,
        "error": "The request body is not valid JSON.",
    }


async def test_the_function_names_its_content_type() -> None:
    def handler(event: Any, context: Context) -> Iterator[bytes]:
        yield b"{}\n"

    handler.content_type = "application/x-ndjson"  # type: ignore[attr-defined]

    async with running(_plain(handler)) as api:
        direct = await api.invoke({}).completed()
        http = await api.invoke(function_url("GET")).completed()

    assert direct.headers["content-type"] == "application/x-ndjson"
    assert http.http()[0].headers == (("content-type", "application/x-ndjson"),)


@pytest.mark.parametrize(
    ("value", "body", "content_type"),
    [
        ({"a": 1}, b'{"a": 1}', "application/json"),
        ("text", b'"text"', "application/json"),
        (None, b"null", "application/json"),
        (b"raw", b"raw", "application/octet-stream"),
    ],
)
async def test_a_returned_value_is_sent_buffered(
    value: object, body: bytes, content_type: str
) -> None:
    async def handler(event: Any, context: Context) -> object:
        return value

    for function in (
        handler,
        lambda event, context: value,
        lambda event, context: handler({}, context),
    ):
        async with running(_plain(function)) as api:
            direct = await api.invoke({}).completed()
            http = await api.invoke(function_url("GET")).completed()
            whole = await api.invoke(http_api()).completed()

        assert not direct.is_streamed
        assert (direct.body, direct.headers["content-type"]) == (body, content_type)
        assert http.http() == (Prelude(200, (("content-type", content_type),)), body)
        assert whole.json()["body"] == body.decode()


async def test_the_context_says_what_lambda_says() -> None:
    seen: list[Context] = []

    def handler(event: Any, context: Context) -> None:
        seen.append(context)

    headers = {
        "Lambda-Runtime-Client-Context": '{"custom":{}}',
        "Lambda-Runtime-Aws-Tenant-Id": "tenant-1",
    }
    async with running(_plain(handler)) as api:
        await api.invoke({}, timeout_s=30, headers=headers).completed()

    (context,) = seen
    assert context.aws_request_id == "request-1"
    assert context.invoked_function_arn == ARN
    assert context.client_context == {"custom": {}}
    assert context.tenant_id == "tenant-1"
    assert context.trace_id == "Root=1-request-1"
    assert (context.function_name, context.memory_limit_in_mb) == ("words", 256)
    assert 20_000 < context.get_remaining_time_in_millis() <= 30_000
    context.deadline_ms = 1
    assert context.get_remaining_time_in_millis() == 0


async def test_yielding_text_is_a_clear_error() -> None:
    def handler(event: Any, context: Context) -> Iterator[Any]:
        yield "text"

    async with running(_plain(handler)) as api:
        posted = await api.invoke({}).completed()

    assert (posted.route, posted.error_type) == ("error", "Function.TypeError")
    assert posted.json()["errorMessage"] == ("the handler yielded str, not bytes; encode it first")


async def test_returning_what_is_no_json_is_a_clear_error() -> None:
    def handler(event: Any, context: Context) -> object:
        return object()

    async with running(_plain(handler)) as api:
        posted = await api.invoke({}).completed()

    assert posted.route == "error"
    assert posted.json()["errorMessage"].startswith("the handler returned what is neither")


@pytest.mark.parametrize("error", [ValueError("no"), StopIteration("no"), SystemExit("no")])
async def test_what_a_handler_raises_is_reported(error: BaseException) -> None:
    def handler(event: Any, context: Context) -> None:
        raise error

    async with running(_plain(handler)) as api:
        failed = await api.invoke({}).completed()
        again = await api.invoke({}).completed()

    for posted in (failed, again):
        assert posted.route == "error"
        assert "no" in posted.json()["errorMessage"]
        assert any("handler" in line for line in posted.json()["stackTrace"])


async def test_an_error_in_mid_stream_ends_in_trailers() -> None:
    def handler(event: Any, context: Context) -> Iterator[bytes]:
        yield b"one"
        raise LookupError("the second word is missing")

    async with running(_plain(handler)) as api:
        posted = await api.invoke({}).completed()

    assert (posted.route, posted.body) == ("response", b"one")
    assert posted.error_type == "Function.LookupError"
    assert posted.trailing_error()["errorMessage"] == "the second word is missing"
    assert posted.trailing_error()["errorType"] == "LookupError"


async def test_a_payload_that_is_no_json_is_an_error_of_the_invocation_only() -> None:
    async with running(_plain(_generator)) as api:
        bad = await api.invoke(raw=b"{oops").completed()
        good = await api.invoke({"name": "you"}).completed()

    assert (bad.route, bad.error_type) == ("error", "Function.MalformedEvent")
    assert good.body == b"Hello you"


async def test_a_blocking_handler_streams_too() -> None:
    gate = threading.Event()

    def handler(event: Any, context: Context) -> Iterator[bytes]:
        yield b"one"
        assert gate.wait(5)
        yield b"two"

    async with running(_plain(handler)) as api:
        sent = api.invoke({})
        assert await sent.next_chunk() == b"one"
        gate.set()
        assert await sent.next_chunk() == b"two"


async def test_a_generator_that_nobody_reads_any_more_is_closed() -> None:
    loop = asyncio.get_running_loop()
    closed: asyncio.Future[None] = loop.create_future()

    def handler(event: Any, context: Context) -> Iterator[bytes]:
        try:
            while True:
                yield b"word"
        finally:
            loop.call_soon_threadsafe(closed.set_result, None)

    async with running(_plain(handler)) as api:
        api.invoke({}, verdict=413)

        await soon(closed)


async def test_a_generator_that_yields_nothing_makes_an_empty_response() -> None:
    def handler(event: Any, context: Context) -> Iterator[bytes]:
        yield from ()

    async with running(_plain(handler)) as api:
        direct = await api.invoke({}).completed()
        http = await api.invoke(function_url("GET")).completed()

    assert (direct.route, direct.body) == ("response", b"")
    assert http.http()[1] == b"\n"


def test_a_thread_that_outlives_the_runtime_ends_quietly() -> None:
    started, release, ended = threading.Event(), threading.Event(), threading.Event()

    def handler(event: Any, context: Context) -> Iterator[bytes]:
        started.set()
        release.wait(5)
        try:
            yield b"word"
        finally:
            ended.set()

    async def stop_in_the_middle() -> None:
        async with RecordingRuntimeApi().listen() as api:
            task = asyncio.create_task(Runtime(RuntimeApi(api.address), _plain(handler)).run())
            api.invoke({})
            await asyncio.to_thread(started.wait, 5)
            task.cancel()
            await asyncio.wait({task})

    asyncio.run(stop_in_the_middle())
    release.set()

    assert ended.wait(5)

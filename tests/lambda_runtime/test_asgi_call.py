"""ASGI apps under the runtime, over a real socket."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from app.aws.asgi_extensions import DIRECT, OUTCOME
from app.lambda_runtime.asgi_call import AsgiHandler
from app.lambda_runtime.lambda_call import FunctionConfig
from tests.lambda_events import function_url, load_balancer, rest_api
from tests.lambda_runtime.recording_runtime_api import ARN, running, soon

_CONFIG = FunctionConfig(name="chat", version="7", memory_mb=512)


def _handler(*routes: Route, **options: Any) -> AsgiHandler:
    return AsgiHandler(Starlette(routes=routes), _CONFIG, **options)


async def _echo(request: Request) -> Response:
    body = await request.body()
    return JSONResponse(
        {
            "method": request.method,
            "path": request.url.path,
            "query": request.url.query,
            "headers": dict(request.headers),
            "body": body.decode(),
        }
    )


def _echoing(**options: Any) -> AsgiHandler:
    methods = ["GET", "POST", "HEAD"]
    return _handler(
        Route("/events", _echo, methods=["POST"]),
        Route("/api/chat", _echo, methods=methods),
        **options,
    )


@pytest.mark.parametrize(
    "event",
    [
        {"action": "chat", "payload": {"text": "Hi"}},
        {"body": '{"messages":[]}'},
        {"id": "c", "messages": []},
        {"args": {}},
        {"prompt": "Hi"},
        {"source": "aws.events"},
        {"Records": []},
        [1, 2],
        None,
    ],
)
async def test_what_is_not_http_is_posted_to_events_without_a_prelude(event: Any) -> None:
    async with running(_echoing()) as api:
        posted = await api.invoke(event).completed()

    assert posted.route == "response"
    assert posted.is_streamed
    assert posted.headers["content-type"] == "application/json"
    echo = posted.json()
    assert (echo["method"], echo["path"]) == ("POST", "/events")
    assert json.loads(echo["body"]) == event
    assert echo["headers"]["content-type"] == "application/json"
    assert echo["headers"]["x-request-id"] == "request-1"
    assert echo["headers"]["x-amzn-request-context"] == "null"


@pytest.mark.parametrize(
    ("event", "is_direct"),
    [
        ({"action": "chat", "payload": {"text": "Hi"}}, True),
        ({"source": "aws.events"}, True),
        ([1, 2], True),
        (function_url(path="/events"), False),
        (rest_api(path="/events"), False),
        (load_balancer(path="/events"), False),
        # A WebSocket API: we do not serve its events, and IAM has not authorized its clients.
        ({"requestContext": {"routeKey": "$default"}, "body": "{}"}, False),
    ],
)
async def test_only_who_invoked_the_function_itself_is_marked_as_direct(
    event: Any, is_direct: bool
) -> None:
    async def extensions(request: Request) -> Response:
        return JSONResponse(list(request.scope["extensions"]))

    async with running(_handler(Route("/events", extensions, methods=["POST"]))) as api:
        posted = await api.invoke(event).completed()

    assert (f'"{DIRECT}"'.encode() in posted.body) == is_direct


async def test_chunks_leave_as_the_app_makes_them() -> None:
    gates = [asyncio.Event(), asyncio.Event()]

    async def words() -> AsyncIterator[bytes]:
        yield b"one"
        await gates[0].wait()
        yield b"two"
        await gates[1].wait()
        yield b"three"

    async def stream(request: Request) -> Response:
        return StreamingResponse(words(), media_type="text/event-stream")

    handler = _handler(Route("/api/chat", stream), Route("/events", stream, methods=["POST"]))
    async with running(handler) as api:
        for event in (function_url("GET"), {"prompt": "Hi"}):
            for gate in gates:
                gate.clear()
            sent = api.invoke(event)
            if "prompt" not in event:
                assert b'"statusCode":200' in await sent.next_chunk()
            assert await sent.next_chunk() == b"one"
            assert not sent.is_done
            gates[0].set()
            assert await sent.next_chunk() == b"two"
            gates[1].set()
            assert await sent.next_chunk() == b"three"
            posted = await sent.completed()

    assert posted.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert posted.chunks == [b"one", b"two", b"three"]


@pytest.mark.parametrize("status", [400, 401, 429, 500, 502])
async def test_an_error_response_of_the_app_goes_out_as_it_is(status: int) -> None:
    async def refuse(request: Request) -> Response:
        return JSONResponse({"success": False, "error": "No."}, status_code=status)

    handler = _handler(Route("/events", refuse, methods=["POST"]), Route("/api/chat", refuse))
    async with running(handler) as api:
        direct = await api.invoke({"prompt": "Hi"}).completed()
        http = await api.invoke(function_url("GET")).completed()

    assert (direct.route, http.route) == ("response", "response")
    assert direct.json() == {"success": False, "error": "No."}
    prelude, body = http.http()
    assert (prelude.status_code, json.loads(body)["error"]) == (status, "No.")
    assert direct.trailers == http.trailers == {}


async def test_lambda_is_told_to_the_app_as_the_adapter_tells_it() -> None:
    event = function_url()
    event["headers"]["x-amzn-lambda-context"] = "forged"
    event["headers"]["X-Amz-Tenant-Id"] = "forged"
    headers = {
        "Lambda-Runtime-Client-Context": '{"custom":{"user":"ä"}}',
        "Lambda-Runtime-Aws-Tenant-Id": "tenant-1",
        "Lambda-Runtime-Deadline-Ms": "4102444800000",
    }
    async with running(_echoing()) as api:
        http = await api.invoke(event, headers=headers).completed()
        plain = await api.invoke({"prompt": "Hi"}).completed()

    seen = json.loads(http.http()[1])["headers"]
    assert json.loads(seen["x-amzn-lambda-context"]) == {
        "request_id": "request-1",
        "deadline": 4102444800000,
        "invoked_function_arn": ARN,
        "xray_trace_id": "Root=1-request-1",
        "client_context": {"custom": {"user": "ä"}},
        "identity": None,
        "env_config": {
            "function_name": "chat",
            "memory": 512,
            "version": "7",
            "log_stream": "",
            "log_group": "",
        },
        "tenant_id": "tenant-1",
    }
    assert json.loads(seen["x-amzn-request-context"]) == event["requestContext"]
    assert seen["x-amz-tenant-id"] == "tenant-1"
    assert seen["x-amzn-trace-id"] == "Root=1-request-1"
    assert "x-amz-tenant-id" not in plain.json()["headers"]


async def test_a_base_path_does_not_reach_the_routes() -> None:
    async with running(_echoing(base_path="/chat")) as api:
        posted = await api.invoke(function_url(path="/chat/api/chat")).completed()

    assert posted.http()[0].status_code == 200


async def test_an_http_event_that_cannot_be_read_gets_400() -> None:
    event = function_url(body="%%%", isBase64Encoded=True)

    async with running(_echoing()) as api:
        posted = await api.invoke(event).completed()

    prelude, body = posted.http()
    assert prelude.status_code == 400
    assert json.loads(body) == {
        "success": False,
        "error": "The body is not the base64 that isBase64Encoded says it is.",
    }


async def test_a_payload_that_is_no_json_is_for_the_app_to_refuse() -> None:
    async def refuse(request: Request) -> Response:
        return Response(await request.body(), status_code=400)

    async with running(_handler(Route("/events", refuse, methods=["POST"]))) as api:
        posted = await api.invoke(raw=b"{oops").completed()

    assert (posted.route, posted.body) == ("response", b"{oops")


async def test_a_failed_turn_has_trailers_after_its_own_error_part() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        body = b'data: {"type":"error"}\n\n'
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        scope["extensions"][OUTCOME]["error_code"] = "provider_error"
        scope["extensions"][OUTCOME]["error_message"] = "The model's server failed."

    async with running(_bare(app)) as api:
        posted = await api.invoke({"prompt": "Hi"}).completed()

    assert posted.route == "response"
    assert posted.body == b'data: {"type":"error"}\n\n'
    assert posted.error_type == "Deltaline.provider_error"
    assert posted.trailing_error() == {
        "errorMessage": "The model's server failed.",
        "errorType": "Deltaline.provider_error",
        "stackTrace": [],
    }


async def test_a_failed_turn_without_a_byte_is_an_error() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b""})
        scope["extensions"][OUTCOME]["error_code"] = "provider_error"

    async with running(_bare(app)) as api:
        posted = await api.invoke({"prompt": "Hi"}).completed()

    assert (posted.route, posted.error_type) == ("error", "Deltaline.provider_error")


def _bare(app: Any, **options: Any) -> AsgiHandler:
    """Return a handler for an ASGI app without a lifespan."""

    async def only_http(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await app(scope, receive, send)

    return AsgiHandler(only_http, _CONFIG, **options)


async def test_an_app_that_leaves_nothing_behind_is_an_error() -> None:
    async def silent(scope: Any, receive: Any, send: Any) -> None:
        return

    async with running(_bare(silent)) as api:
        posted = await api.invoke(function_url()).completed()

    assert posted.route == "error"
    assert posted.error_type == "Function.RuntimeError"
    assert posted.json() == {
        "errorMessage": "The application failed; its log says why.",
        "errorType": "RuntimeError",
        "stackTrace": [],
    }


@pytest.mark.parametrize(
    "message",
    [
        {"type": "http.response.body", "body": b"x"},
        {"type": "websocket.accept"},
    ],
)
async def test_a_message_where_it_cannot_stand_fails_the_app(message: dict[str, Any]) -> None:
    async def wrong(scope: Any, receive: Any, send: Any) -> None:
        await send(message)

    async with running(_bare(wrong)) as api:
        posted = await api.invoke({}).completed()

    assert posted.route == "error"


async def test_a_crash_after_the_first_byte_ends_in_trailers() -> None:
    async def words() -> AsyncIterator[bytes]:
        yield b"one"
        raise LookupError("secret detail")

    async def stream(request: Request) -> Response:
        return StreamingResponse(words(), media_type="text/plain")

    async with running(_handler(Route("/events", stream, methods=["POST"]))) as api:
        posted = await api.invoke({}).completed()

    assert (posted.route, posted.body) == ("response", b"one")
    assert posted.error_type == "Function.LookupError"
    assert "secret" not in str(posted.trailing_error())


async def test_starlettes_own_response_to_a_crash_goes_out_as_it_is() -> None:
    async def crash(request: Request) -> Response:
        raise LookupError("secret detail")

    async with running(_handler(Route("/events", crash, methods=["POST"]))) as api:
        posted = await api.invoke({}).completed()

    assert (posted.route, posted.body, posted.trailers) == (
        "response",
        b"Internal Server Error",
        {},
    )


async def test_background_tasks_run_before_the_next_event() -> None:
    done: list[str] = []

    async def respond(request: Request) -> Response:
        return JSONResponse({}, background=BackgroundTask(done.append, "ran"))

    async with running(_handler(Route("/events", respond, methods=["POST"]))) as api:
        await api.invoke({}).completed()

        assert done == ["ran"]


async def test_the_app_hears_of_a_lost_response() -> None:
    heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def endless(request: Request) -> Response:
        async def words() -> AsyncIterator[bytes]:
            while True:
                yield b"word"
                await asyncio.sleep(0)

        return StreamingResponse(words())

    inner = Starlette(routes=[Route("/events", endless, methods=["POST"])])

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await inner(scope, receive, send)
        except ClientDisconnect:
            await receive()
            heard.set_result((await receive())["type"])
            raise

    async with running(_bare(app)) as api:
        lost = api.invoke({}, verdict=413)
        await lost.completed()

        assert await soon(heard) == "http.disconnect"
        # … and the next invocation has a runtime.
        assert not (again := api.invoke({})).is_done
        assert await again.next_chunk() == b"word"
        await api.drop()


async def test_an_app_that_ignores_a_lost_response_ends_with_it() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        with contextlib.suppress(OSError):
            while True:
                await send({"type": "http.response.body", "body": b"word", "more_body": True})
                await asyncio.sleep(0)

    async with running(_bare(app)) as api:
        await api.invoke({}, verdict=413).completed()
        again = api.invoke({}, verdict=413)

        assert (await again.completed()).route == "response"


async def test_every_request_gets_its_own_copy_of_the_lifespan_state() -> None:
    class Lifespan:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "lifespan":
                scope["state"]["model"] = "shared"
                assert (await receive())["type"] == "lifespan.startup"
                await send({"type": "lifespan.startup.complete"})
                assert (await receive())["type"] == "lifespan.shutdown"
                await send({"type": "lifespan.shutdown.complete"})
                return
            body = json.dumps(scope["state"]).encode()
            scope["state"]["model"] = "changed"
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": body})

    async with running(AsgiHandler(Lifespan(), _CONFIG)) as api:
        first = await api.invoke({}).completed()
        second = await api.invoke({}).completed()

    assert first.json() == second.json() == {"model": "shared"}

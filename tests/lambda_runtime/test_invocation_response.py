"""How responses are framed for each front, over a real socket."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.aws.http_integration import CONTENT_TYPE, Prelude
from app.lambda_runtime.asgi_call import AsgiHandler
from app.lambda_runtime.lambda_call import FunctionConfig
from app.lambda_runtime.plain_handler import Context, PlainHandler
from tests.lambda_events import function_url, http_api, load_balancer, rest_api
from tests.lambda_runtime.recording_runtime_api import running

_CONFIG = FunctionConfig(name="chat")


def _handler(*routes: Route) -> AsgiHandler:
    return AsgiHandler(Starlette(routes=routes), _CONFIG)


def _echoing() -> AsgiHandler:
    async def echo(request: Request) -> Response:
        body = await request.body()
        return JSONResponse({"path": request.url.path, "body": body.decode()})

    return _handler(
        Route("/events", echo, methods=["POST"]),
        Route("/api/chat", echo, methods=["GET", "POST", "HEAD"]),
    )


@pytest.mark.parametrize("event", [function_url(body='{"a":1}'), rest_api(body='{"a":1}')])
async def test_a_front_that_streams_gets_a_prelude(event: dict[str, Any]) -> None:
    async with running(_echoing()) as api:
        posted = await api.invoke(event).completed()

    assert posted.is_streamed
    assert posted.is_chunked
    assert posted.headers["content-type"] == CONTENT_TYPE
    prelude, body = posted.http()
    assert prelude == Prelude(200, (("content-type", "application/json"),))
    assert json.loads(body)["body"] == '{"a":1}'


@pytest.mark.parametrize("event", [http_api(), load_balancer(), load_balancer(multi_value=True)])
async def test_a_front_that_cannot_stream_gets_one_document(event: dict[str, Any]) -> None:
    async with running(_echoing()) as api:
        posted = await api.invoke(event).completed()

    assert not posted.is_streamed
    assert "content-length" in posted.headers
    document = posted.json()
    assert document["statusCode"] == 200
    assert json.loads(document["body"])["path"].endswith("/api/chat")
    assert ("multiValueHeaders" in document) == ("multiValueHeaders" in event)


@pytest.mark.parametrize(
    ("mode", "event", "is_streamed"),
    [
        ("buffered", function_url(), False),
        ("response_stream", http_api(), True),
        # A direct caller has no front that would want it buffered.
        ("buffered", {"prompt": "Hi"}, True),
    ],
)
async def test_an_invoke_mode_overrules_the_event(
    mode: str, event: dict[str, Any], is_streamed: bool
) -> None:
    async with running(_echoing(), invoke_mode=mode) as api:
        posted = await api.invoke(event).completed()

    assert posted.is_streamed is is_streamed


async def test_the_wire_is_as_the_runtime_api_wants_it() -> None:
    async with running(_echoing()) as api:
        posted = await api.invoke(function_url()).completed()

    assert posted.headers["lambda-runtime-function-response-mode"] == "streaming"
    assert posted.headers["trailer"] == (
        "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"
    )
    assert "content-length" not in posted.headers
    assert posted.trailers == {}


async def test_cookies_go_into_the_prelude() -> None:
    async def cookies(request: Request) -> Response:
        response = Response("ok", media_type="text/plain")
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        return response

    async with running(_handler(Route("/api/chat", cookies))) as api:
        posted = await api.invoke(function_url("GET")).completed()

    prelude, body = posted.http()
    assert [cookie.partition(";")[0] for cookie in prelude.cookies] == ["a=1", "b=2"]
    assert prelude.headers == (("content-type", "text/plain; charset=utf-8"),)
    assert body == b"ok"


@pytest.mark.parametrize("status", [200, 204, 304])
async def test_an_http_response_has_at_least_one_byte(status: int) -> None:
    async def empty(request: Request) -> Response:
        return Response(status_code=status)

    async with running(_handler(Route("/api/chat", empty))) as api:
        posted = await api.invoke(function_url("GET")).completed()

    prelude, body = posted.http()
    assert (prelude.status_code, body) == (status, b"\n")


async def test_the_body_of_a_response_to_head_is_not_sent() -> None:
    async with running(_echoing()) as api:
        posted = await api.invoke(function_url("HEAD")).completed()

    prelude, body = posted.http()
    assert prelude.headers == (("content-type", "application/json"),)
    assert body == b"\n"


async def test_an_empty_response_to_a_direct_event_is_not_filled_up() -> None:
    async def empty(request: Request) -> Response:
        return Response(status_code=204)

    async with running(_handler(Route("/events", empty, methods=["POST"]))) as api:
        posted = await api.invoke({"source": "aws.events"}).completed()

    assert (posted.route, posted.body) == ("response", b"")
    assert not posted.is_streamed


async def test_a_front_that_cannot_stream_hears_of_a_failure_too() -> None:
    async def fails(event: Any, context: Context) -> AsyncIterator[bytes]:
        yield b"one"
        raise LookupError("no second word")

    async with running(PlainHandler(fails, _CONFIG)) as api:
        posted = await api.invoke(http_api()).completed()

    assert (posted.route, posted.error_type) == ("error", "Function.LookupError")

"""The Function URL: its responses without streaming, its limit and its CORS."""

import io

import httpx2
import pytest

from app.emulator.connection import Request
from app.emulator.cors import Cors, parse_cors
from app.emulator.function import MAX_EVENT_BYTES, Function
from app.emulator.function_url import (
    UrlRefused,
    cors_headers,
    preflight_headers,
    read_proxy_result,
    start_invocation,
)
from app.emulator.options import Options
from app.emulator.output import Console
from tests.emulator.emulation import (
    PATIENCE_S,
    URL,
    emulator,
    post,
)


@pytest.mark.real
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("result", "status", "content"),
    [
        ({"statusCode": 201, "body": "text", "headers": {"x-a": "1"}}, 201, b"text"),
        ({"statusCode": 200, "body": "AAE=", "isBase64Encoded": True}, 200, b"\0\1"),
        ({"statusCode": 200, "body": {"a": 1}}, 200, b'{"a": 1}'),
        ({"statusCode": "many"}, 200, b'{"statusCode": "many"}'),
        (["plain"], 200, b'["plain"]'),
    ],
    ids=["text", "base64", "object", "bad status", "plain"],
)
async def test_a_buffered_function_url_reads_the_proxy_format(
    result: object, status: int, content: bytes
) -> None:
    async with emulator(buffered=True) as running:
        response = await post(running, URL, {"do": "buffered", "result": result})

    assert (response.status_code, response.content) == (status, content)


@pytest.mark.real
@pytest.mark.timeout(180)
async def test_a_request_over_six_megabytes_is_refused_by_a_function_url() -> None:
    async with emulator() as running:
        plain = await post(running, URL, "x" * (6 * 2**20))
        async with httpx2.AsyncClient(timeout=PATIENCE_S) as client:
            in_base64 = await client.post(running.url + URL, content=bytes(5 * 2**20))

    assert plain.status_code == in_base64.status_code == 413


@pytest.mark.real
@pytest.mark.timeout(180)
async def test_a_function_urls_cors_responds_to_the_preflight_itself() -> None:
    cors = parse_cors('{"AllowOrigins":["https://a.example"],"AllowMethods":["GET"],"MaxAge":5}')
    origin = {"origin": "https://a.example"}
    order = {
        "chunks": ["x"],
        "prelude": {"statusCode": 200, "headers": {"access-control-allow-origin": "*"}},
    }
    async with emulator(cors=cors) as running, httpx2.AsyncClient(timeout=PATIENCE_S) as client:
        asked = {**origin, "access-control-request-method": "GET"}
        preflight = await client.options(running.url + URL, headers=asked)
        assert "START" not in running.log
        response = await post(running, URL, order, origin)

    assert preflight.headers["access-control-allow-methods"] == "GET"
    assert preflight.headers["access-control-max-age"] == "5"
    # As on Lambda: who configures CORS in two places gets two headers.
    assert response.headers.get_list("access-control-allow-origin") == ["*", "https://a.example"]


def request(method: str = "POST", *headers: tuple[str, str]) -> Request:
    return Request(method, "/", "", headers, "127.0.0.1")


@pytest.mark.parametrize(
    ("concurrency", "body", "status", "text"),
    [
        (1, None, 413, b'{"Message":"Request Entity Too Large"}'),
        # Base64 makes it a third larger.
        (1, bytes(MAX_EVENT_BYTES * 3 // 4), 413, b'{"Message":"Request Entity Too Large"}'),
        (0, b"{}", 429, b'{"Message":"Rate Exceeded."}'),
    ],
    ids=["body", "event", "throttled"],
)
def test_a_refused_request_starts_no_environment(
    concurrency: int, body: bytes | None, status: int, text: bytes
) -> None:
    options = Options(command=("true",), concurrency=concurrency)
    console = io.StringIO()

    with pytest.raises(UrlRefused) as refused:
        start_invocation(Function(options, "f", Console(console)), request(), body, port=9000)

    head, received = refused.value.response
    assert (head.status, received) == (status, text)
    assert console.getvalue() == ""


@pytest.mark.parametrize(
    "result",
    [
        b'{"statusCode":404,"body":"abc","isBase64Encoded":true}',
        b"not json",
        b'{"body":"no status"}',
    ],
)
def test_a_result_that_is_no_proxy_response_is_the_body_of_a_200(result: bytes) -> None:
    head, body = read_proxy_result(result)

    assert (head.status, body) == (200, result)
    assert list(head.headers) == [("content-type", "application/json")]


def test_a_proxy_response_may_have_a_status_alone() -> None:
    head, body = read_proxy_result(b'{"statusCode":404}')

    assert (head.status, body) == (404, b"")


def test_the_cookies_of_a_proxy_response_are_headers() -> None:
    head, _ = read_proxy_result(b'{"statusCode":200,"cookies":["a=1","b=2"]}')

    assert list(head.headers)[-2:] == [("set-cookie", "a=1"), ("set-cookie", "b=2")]


def test_without_a_configuration_the_function_does_its_own_cors() -> None:
    preflight = request(
        "OPTIONS", ("origin", "https://a.example"), ("access-control-request-method", "PUT")
    )

    assert preflight_headers(None, preflight) is None
    assert cors_headers(None, preflight) == []


def test_with_a_configuration_only_preflights_are_kept_from_the_function() -> None:
    cors = Cors(("*",), ("PUT",))
    origin = ("origin", "https://a.example")
    preflight = request("OPTIONS", origin, ("access-control-request-method", "PUT"))

    assert dict(preflight_headers(cors, preflight) or ())["access-control-allow-methods"] == "PUT"
    assert preflight_headers(cors, request("OPTIONS", origin)) is None
    assert dict(cors_headers(cors, request("PUT", origin)))["access-control-allow-origin"] == "*"

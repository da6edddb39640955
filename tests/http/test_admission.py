"""What is asked of every request: its token, its size, its id."""

import asyncio
import base64
import json
from typing import Any

import pytest
from starlette.routing import Match, Mount, Route

from app.main import create_lean_app
from app.settings import Settings
from tests.chatting import NOWHERE, chatting, data_body, logged

SAY_HI = "scenario: say text='Hi there.'"

JSON_TYPE = {"content-type": "application/json"}


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_body_over_the_limit_is_413(is_chunked: bool) -> None:
    text = b"x" * 10_000_000

    async def pieces() -> Any:
        for start in range(0, len(text), 100_000):
            yield text[start : start + 100_000]

    async with chatting(NOWHERE) as chat:
        content = pieces() if is_chunked else text
        response = await chat.http.post("/api/chat", content=content, headers=JSON_TYPE)

    assert response.status_code == 413
    assert response.json()["error"] == "The request body is larger than 6291456 bytes."


async def test_a_body_over_the_limit_is_refused_before_it_has_come() -> None:
    async with chatting(NOWHERE, max_body_bytes=1000) as chat:
        url = chat.http.base_url
        reader, writer = await asyncio.open_connection(url.host, url.port)

        writer.write(b"POST /api/chat HTTP/1.1\r\nhost: x\r\ncontent-length: 1001\r\n\r\n")
        status_line = await reader.readline()
        writer.close()

    assert b" 413 " in status_line


async def test_the_limit_holds_for_what_was_base64_too() -> None:
    text = base64.b64encode(json.dumps(data_body("x" * 900)).encode()).decode()
    async with chatting(NOWHERE, max_body_bytes=1000) as chat:
        response = await chat.post({"body": text, "isBase64Encoded": True})

    assert response.status_code == 413


async def test_a_string_of_many_megabytes_is_read_if_the_limit_allows(model: str) -> None:
    async with chatting(model, max_body_bytes=12_000_000) as chat:
        text = "x" * 10_000_000 + "\nscenario: say text=Yes"
        response = await chat.post({"action": "chat", "payload": {"text": text}})

    assert response.status_code == 200
    assert '0:"Yes"' in response.text


TOKEN = "correct horse"
PROTECTED = [
    ("POST", "/api/chat"),
    ("POST", "/"),
    ("POST", "/events"),
    ("POST", "/api/completion"),
    ("POST", "/api/object/recipe"),
    ("POST", "/api/tools/get_weather/invoke"),
    ("POST", "/invoke"),
    ("POST", "/mcp"),
    ("POST", "/api/mcp"),
    ("GET", "/api/chat"),
    ("GET", "/?chatId=c1"),
    ("GET", "/api/chat/c1/stream"),
    ("GET", "/c1/stream"),
    ("POST", "/api/chat/c1/stop"),
    ("GET", "/api/chats"),
    ("GET", "/api/chats/c1"),
    ("DELETE", "/api/chats/c1"),
    ("GET", "/api/me"),
    ("GET", "/api/models"),
]
# What anybody may see: what the server can do, and whether it lives.
OPEN = {
    *("/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc", "/health"),
    *("/", "/assets/{name}", "/minimal{path:path}"),  # the built pages
}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": TOKEN},
        {"x-chat-token": "wrong"},
        {"x-chat-token": b"caf\xe9"},
        {"authorization": "Bearer wrong", "x-chat-token": TOKEN},
    ],
)
async def test_without_the_token_every_route_that_does_something_is_401(
    headers: dict[str, Any],
) -> None:
    async with chatting(NOWHERE, auth_token=TOKEN) as chat:
        for method, path in PROTECTED:
            response = await chat.http.request(method, path, headers=headers)

            assert (path, response.status_code) == (path, 401)
            assert response.headers["www-authenticate"] == "Bearer"
            assert response.json()["success"] is False
            assert TOKEN not in response.text


def test_every_other_route_is_open_on_purpose() -> None:
    app = create_lean_app(Settings(openai_base_url=NOWHERE))
    scopes = [
        {"type": "http", "method": method, "path": path.partition("?")[0]}
        for method, path in PROTECTED
    ]

    unprotected = {
        route.path
        for route in app.routes
        if isinstance(route, (Route, Mount))
        and not any(route.matches(scope)[0] is Match.FULL for scope in scopes)
    }
    assert all(isinstance(route, (Route, Mount)) for route in app.routes)
    assert unprotected == OPEN


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {TOKEN}"},
        {"authorization": f"bearer  {TOKEN}"},
        {"x-chat-token": TOKEN},
        # CloudFront signs requests to a Function URL in the header authorization.
        {"x-chat-token": TOKEN, "authorization": "AWS4-HMAC-SHA256 Credential=x"},
    ],
)
async def test_the_token_is_read_from_either_header(model: str, headers: dict[str, str]) -> None:
    async with chatting(model, auth_token=TOKEN) as chat:
        response = await chat.post(data_body("scenario: say text=Yes."), headers=headers)

    assert response.status_code == 200


async def test_a_token_may_be_any_text(model: str) -> None:
    async with chatting(model, auth_token="grün") as chat:
        headers = {b"authorization": "Bearer grün".encode()}
        response = await chat.post(data_body("scenario: say text=Yes."), headers=headers)

    assert response.status_code == 200


async def test_a_wrong_token_is_refused_before_the_body_is_read() -> None:
    async with chatting(NOWHERE, auth_token=TOKEN) as chat:
        response = await chat.http.post("/api/chat", content=b"{nope", headers=JSON_TYPE)

    assert response.status_code == 401


@pytest.mark.parametrize("path", ["/health", "/", "/openapi.json", "/docs"])
async def test_what_says_nothing_secret_needs_no_token(path: str) -> None:
    async with chatting(NOWHERE, auth_token=TOKEN) as chat:
        response = await chat.http.get(path)

    assert response.status_code == 200


@pytest.mark.parametrize("given", ["abc-123", "x" * 128, "Root=1-67; Self 1"])
async def test_a_sane_request_id_is_echoed_and_logged(model: str, given: str) -> None:
    with logged() as log:
        async with chatting(model) as chat:
            response = await chat.post(data_body(SAY_HI), headers={"x-request-id": given})

            line = await log.request()

    assert response.headers["x-request-id"] == line["request_id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, b"caf\xe9", b"a\tb"])
async def test_any_other_request_id_is_replaced(model: str, given: str | bytes) -> None:
    async with chatting(model) as chat:
        first, second = [
            (await chat.post(data_body(SAY_HI), headers=[("x-request-id", given)])).headers[
                "x-request-id"
            ]
            for _ in range(2)
        ]

    assert len(first) == len(second) == 24
    assert first != second

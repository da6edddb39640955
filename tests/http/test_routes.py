"""The HTTP surface around the answers: bad requests, tokens, CORS, the small routes."""

import asyncio
import base64
import json
from typing import Any

import httpx2
import pytest

from app.main import create_app
from app.scripted_model.control import Control
from app.settings import Settings
from tests.chatting import NOWHERE, Chat, chatting, data_body, logged
from tests.serving import served

JSON_TYPE = {"content-type": "application/json"}
DEEP = b'{"messages":' + b"[" * 200_000 + b"]" * 200_000 + b"}"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{nope", "The request body is not valid JSON (line 1, column 2)."),
        (b"", "The request body is empty; it must be a JSON document."),
        (b'"text"', "The request body must be a JSON object."),
        (b"[1]", "The request body must be a JSON object."),
        (b'{"messages":"\xff"}', "The request body is not valid UTF-8."),
        (DEEP, "The request body is nested more than 100 levels deep."),
        (b'{"action":"dance","payload":{}}', "The action is unknown; use one of chat, "),
        (b'{"action":"chat"}', "payload must be an object."),
        (b'{"messages":[]}', "messages must hold at least one message of a user or an assistant."),
        (b'{"messages":"Hello"}', "messages must be a list."),
        (b'{"messages":[7]}', "messages[0] must be an object."),
        (b'{"messages":[{"role":"wizard","content":"x"}]}', "messages[0].role "),
        (b'{"id":7,"messages":[{"role":"user","content":"x"}]}', "id must be a string."),
        (b'{"prompt":7}', "prompt must be a string."),
        (b'{"prompt":"x","stream":"no"}', "stream must be true or false."),
        (b'{"prompt":"x","protocol":"morse"}', "Unknown protocol 'morse'; known are data, ui, "),
        (b'{"prompt":"x","sdk":"2"}', "Unknown sdk '2'; known are 3.4, 4, 5.0, 5, 6, 7."),
        (b'{"prompt":"x","sdk":"4","protocol":"ui"}', "AI SDK 4 does not read the protocol 'ui'."),
        (b'{"body":"!!","isBase64Encoded":true}', "body is not the base64 that isBase64Encoded "),
        (b'{"body":"{}","isBase64Encoded":"yes"}', "isBase64Encoded must be true or false."),
        (b'{"body":{"body":{}}}', "The request is wrapped more than once."),
        (b'{"unknown":1}', "The request has none of the keys messages, message, "),
    ],
    ids=lambda value: value[:30] if isinstance(value, bytes) else "",
)
async def test_a_bad_body_is_400_in_one_sentence(body: bytes, sentence: str) -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.http.post("/api/chat", content=body, headers=JSON_TYPE)

    assert response.status_code == 400
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    answer = response.json()
    assert answer.keys() == {"success", "error"}
    assert answer["success"] is False
    assert answer["error"].startswith(sentence)
    assert answer["error"].endswith(".")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("protocol=morse", "Unknown protocol 'morse'"),
        ("sdk=8", "Unknown sdk '8'"),
        ("sdk=5&protocol=data", "AI SDK 5 does not read the protocol 'data'."),
        ("stream=maybe", "stream must be true or false, not 'maybe'."),
    ],
)
async def test_a_bad_override_is_400(query: str, sentence: str) -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.post(data_body("Hello"), f"/api/chat?{query}")

    assert response.status_code == 400
    assert response.json()["error"].startswith(sentence)


@pytest.mark.parametrize("content_type", ["text/html", "multipart/form-data; boundary=x", "nope"])
async def test_another_content_type_is_415(content_type: str) -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.http.post(
            "/api/chat", content=b"{}", headers={"content-type": content_type}
        )

    assert response.status_code == 415
    assert response.json()["success"] is False


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


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/", "GET, POST"),
        ("PUT", "/api/chat", "GET, POST"),
        ("GET", "/events", "POST"),
        ("POST", "/health", "GET"),
        ("GET", "/api/chat/c1/stop", "POST"),
        ("PATCH", "/api/chat/c1/stream", "GET"),
    ],
)
async def test_a_wrong_method_is_405_with_those_that_are_right(
    method: str, path: str, allowed: str
) -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.http.request(method, path)

    assert response.status_code == 405
    assert response.headers["allow"] == allowed
    assert response.json() == {"success": False, "error": f"{method} is not allowed at {path}."}


@pytest.mark.parametrize("path", ["/nope", "/api", "/api/chat/x/y", "/%00", "/é"])
async def test_an_unknown_path_is_404(path: str) -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.http.get(path)

    assert response.status_code == 404
    assert response.json()["error"].startswith("There is nothing at /")


async def test_a_host_header_that_is_no_host_is_no_error_of_ours() -> None:
    with logged() as log:
        async with chatting(NOWHERE) as chat:
            response = await chat.http.get("/nope", headers={"host": "["})

    assert response.status_code == 404
    assert [record for record in log.records if record.exc_info] == []


# ---- the token --------------------------------------------------------------------------------

TOKEN = "correct horse"
PROTECTED = [
    ("POST", "/api/chat"),
    ("POST", "/"),
    ("POST", "/events"),
    ("GET", "/api/chat"),
    ("GET", "/?chatId=c1"),
    ("GET", "/api/chat/c1/stream"),
    ("GET", "/c1/stream"),
    ("POST", "/api/chat/c1/stop"),
]


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


# ---- CORS -------------------------------------------------------------------------------------

PAGE = "https://page.example"


async def _preflight(chat: Chat, origin: str, headers: str = "content-type") -> httpx2.Response:
    asking = {"access-control-request-method": "POST", "access-control-request-headers": headers}
    return await chat.http.options("/api/chat", headers={"origin": origin, **asking})


async def test_a_page_of_an_allowed_origin_may_ask_with_the_headers_that_clients_send() -> None:
    wanted = "content-type,authorization,user-agent,x-chat-token,x-amz-content-sha256"
    # The token is not part of a preflight request.
    async with chatting(NOWHERE, allowed_origins=(PAGE,), auth_token=TOKEN) as chat:
        response = await _preflight(chat, PAGE, wanted)

    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == PAGE
    allowed = response.headers["access-control-allow-headers"].lower()
    assert all(name in allowed for name in wanted.split(","))
    assert response.headers["access-control-allow-methods"] == "GET, POST"


async def test_a_page_of_an_allowed_origin_may_read_the_protocols_headers(model: str) -> None:
    async with chatting(model, allowed_origins=(PAGE,)) as chat:
        said = data_body("scenario: say text=Yes.")
        response = await chat.post(said, headers={"origin": PAGE})
        refused = await chat.post({}, headers={"origin": PAGE})

    for answer in (response, refused):
        assert answer.headers["access-control-allow-origin"] == PAGE
        exposed = answer.headers["access-control-expose-headers"]
        assert "x-vercel-ai-data-stream" in exposed
        assert "x-vercel-ai-ui-message-stream" in exposed
        assert "x-request-id" in exposed
        assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize(
    ("allowed", "origin", "is_allowed"),
    [
        ((PAGE,), "https://other.example", False),
        ((PAGE,), "http://localhost:3000", False),
        (("localhost",), "http://localhost:3000", True),
        (("localhost",), "http://127.0.0.1:5173", True),
        (("localhost",), "http://[::1]:5173", True),
        (("localhost",), "https://localhost", True),
        (("localhost",), "http://localhost.evil.example", False),
        (("localhost",), "http://evil.example/localhost", False),
        (("localhost", PAGE), PAGE, True),
        (("*",), "https://anybody.example", True),
    ],
)
async def test_only_allowed_origins_pass(
    allowed: tuple[str, ...], origin: str, is_allowed: bool
) -> None:
    async with chatting(NOWHERE, allowed_origins=allowed) as chat:
        response = await _preflight(chat, origin)

    assert response.status_code == (200 if is_allowed else 400)
    assert ("access-control-allow-origin" in response.headers) is is_allowed


async def test_without_allowed_origins_there_is_no_cors() -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.http.get("/health", headers={"origin": PAGE})

    assert "access-control-allow-origin" not in response.headers


# ---- the small routes -------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/chat/c1/stream", "/c1/stream"])
async def test_there_is_no_stream_to_resume(path: str) -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.http.get(path)

    assert (response.status_code, response.content) == (204, b"")


@pytest.mark.parametrize("path", ["/api/chat?chatId=c1", "/?chatId=c1", "/api/chat"])
async def test_ai_sdk_4_gets_an_empty_stream_since_it_takes_204_for_an_error(path: str) -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.http.get(path)

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"].startswith("text/plain")


async def test_there_is_no_turn_to_stop() -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.http.post("/api/chat/c1/stop")

    assert (response.status_code, response.content) == (204, b"")


async def test_health_never_touches_the_model(model: str, control: Control) -> None:
    async with chatting(model, model="small") as chat:
        response = await chat.http.get("/health")

    assert response.status_code == 200
    assert response.json()["status"] == "ok"
    assert (response.json()["provider"], response.json()["model"]) == ("openai", "small")
    assert list(control.requests) == []


async def test_the_root_says_what_this_is() -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.http.get("/")

    assert response.status_code == 200
    if response.headers["content-type"] == "application/json":
        assert (response.json()["name"], response.json()["chat"]) == ("deltaline", "POST /api/chat")
    else:  # the demo page has been built
        assert "<html" in response.text.lower()


@pytest.mark.parametrize(
    "event",
    [
        {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
        {"source": "serverless-plugin-warmup"},
    ],
)
async def test_events_that_are_no_chat_are_acknowledged(event: object) -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.post(event, "/events")

    assert response.status_code == 200
    assert response.json()["success"] is True
    assert response.json()["ignored"]


async def test_a_bad_chat_among_the_events_is_an_error() -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.post({"action": "dance", "payload": {}}, "/events")

    assert response.status_code == 400


async def test_a_defect_is_500_without_details() -> None:
    app = create_app(Settings())

    @app.get("/defect")
    async def defect() -> None:
        raise RuntimeError("sk-secret at /etc/passwd")

    with logged() as log:
        async with served(app) as url, httpx2.AsyncClient() as http:
            response = await http.get(f"{url}/defect", headers={"x-request-id": "r1"})

    assert response.status_code == 500
    assert response.headers["x-request-id"] == "r1"
    assert response.json() == {
        "success": False,
        "error": "Something went wrong on the server; please try again.",
    }
    assert any(record.exc_info for record in log.records)

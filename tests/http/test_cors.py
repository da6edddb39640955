"""What pages of other origins may do."""

import httpx2
import pytest

from tests.chatting import NOWHERE, Chat, chatting, data_body

PAGE = "https://page.example"


async def _preflight(chat: Chat, origin: str, headers: str = "content-type") -> httpx2.Response:
    asking = {"access-control-request-method": "POST", "access-control-request-headers": headers}
    return await chat.http.options("/api/chat", headers={"origin": origin, **asking})


async def test_a_page_of_an_allowed_origin_may_ask_with_the_headers_that_clients_send() -> None:
    wanted = "content-type,authorization,user-agent,x-chat-token,x-amz-content-sha256"
    # The token is not part of a preflight request.
    async with chatting(NOWHERE, allowed_origins=(PAGE,), auth_token="correct horse") as chat:
        response = await _preflight(chat, PAGE, wanted)

    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == PAGE
    allowed = response.headers["access-control-allow-headers"].lower()
    assert all(name in allowed for name in wanted.split(","))
    assert response.headers["access-control-allow-methods"] == "GET, POST, DELETE"


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
        assert {"x-chat-turn-id", "x-workflow-run-id", "x-workflow-stream-tail-index"} <= set(
            exposed.split(", ")
        )
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

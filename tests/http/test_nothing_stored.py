"""`app.http.nothing_stored`: what the routes of kept chats say where nothing is kept."""

import pytest

from tests.chatting import NOWHERE, chatting


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/chats"), ("GET", "/api/chats/c1"), ("DELETE", "/api/chats/c1")],
)
async def test_there_are_no_chats(method: str, path: str) -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.http.request(method, path)

    assert response.status_code == 404
    assert response.json()["error"] == "This server keeps no chats: its CHAT_STORE is off."


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/chats"),
        ("GET", "/api/chat/c1/stream"),
        ("GET", "/api/chat?chatId=c1"),
        ("POST", "/api/chat/c1/stop"),
    ],
)
async def test_who_asks_is_asked_for_the_token_first(method: str, path: str) -> None:
    async with chatting(NOWHERE, auth_token="secret-token-of-the-test") as chat:
        response = await chat.http.request(method, path)

    assert response.status_code == 401

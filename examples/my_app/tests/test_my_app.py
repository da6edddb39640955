"""`make test` runs these with ours."""

import hashlib

import httpx2
import pytest

from my_app import create
from my_app.tools import order_of

KEY = "first-key"


def _client(monkeypatch: pytest.MonkeyPatch, **headers: str) -> httpx2.AsyncClient:
    monkeypatch.setenv("CHAT_PROVIDER", "scripted")
    monkeypatch.setenv("MY_APP_KEYS", f"ada={hashlib.sha256(KEY.encode()).hexdigest()}")
    transport = httpx2.ASGITransport(app=create())
    return httpx2.AsyncClient(transport=transport, base_url="http://test", headers=headers)


def test_an_order_is_for_its_owner_only() -> None:
    assert order_of("ada", 7) == {"number": "7", "state": "sent a day ago"}
    assert order_of("bob", 7) is None


async def test_the_chat_and_the_route_ask_for_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    async with _client(monkeypatch) as stranger:
        chat = await stranger.post("/api/chat", json={"prompt": "Hello"})
        order = await stranger.get("/orders/7")

    assert (chat.status_code, order.status_code) == (401, 401)


async def test_a_user_finds_his_order(monkeypatch: pytest.MonkeyPatch) -> None:
    async with _client(monkeypatch, authorization=f"Bearer {KEY}") as ada:
        mine = await ada.get("/orders/7")
        not_mine = await ada.get("/orders/8")

    assert mine.json() == {"number": "7", "state": "sent a day ago"}
    assert not_mine.status_code == 404

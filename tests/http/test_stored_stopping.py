"""Requests that wait for the store when the server stops."""

import asyncio
from typing import Any

import pytest

from app.store.memory import MemoryStore
from tests.chatting import chatting
from tests.http.test_stored import SAY_HI, _asked


class Silent(MemoryStore):
    """A store that does not respond to reads.

    Attributes:
        is_asked: set by the first of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_asked = asyncio.Event()

    async def chat(self, *_: Any) -> Any:
        self.is_asked.set()
        await asyncio.Event().wait()

    head = delete = chat  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/chat", _asked(SAY_HI)),
        ("GET", "/api/chat/c1/stream", None),
        ("POST", "/api/chat/c1/stop", None),
        ("GET", "/api/chats/c1", None),
        ("DELETE", "/api/chats/c1", None),
    ],
)
async def test_who_waits_for_the_store_is_told_that_the_server_stops(
    model: str, method: str, path: str, body: object
) -> None:
    store = Silent()
    async with chatting(model, store=store) as chat:
        waiting = asyncio.create_task(chat.http.request(method, path, json=body))
        await store.is_asked.wait()
        chat.turns.stop_all()
        async with asyncio.timeout(3):  # the store may take five
            response = await waiting

    assert response.status_code == 503
    assert "The server is restarting" in response.text

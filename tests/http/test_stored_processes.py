"""Turns and those who follow them in processes of their own, on one SQLite file or one Redis."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from app.scripted_model.control import Control
from tests.chatting import Reader
from tests.http.test_stored import SAY_HI, STALL, _asked, _said
from tests.redis_server import needs_redis, redis_server
from tests.server_process import Running, serving

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

LOST = b'"errorText":"The answer was interrupted; please send your message again."'


class Pair:
    """Two servers on one file, each with a client."""

    def __init__(self, servers: list[Running], clients: list[httpx2.AsyncClient]) -> None:
        self.servers = servers
        self.first, self.second = clients


@pytest_asyncio.fixture(params=["sqlite", pytest.param("redis", marks=needs_redis)])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:{tmp_path / 'chats.db'}"
        return
    async with redis_server() as server:
        yield server.url


async def _pair(stack: AsyncExitStack, store: str, model: str, *options: str) -> Pair:
    environment = {"CHAT_STORE": store, "OPENAI_BASE_URL": model}
    servers = [await stack.enter_async_context(serving(*options, **environment)) for _ in range(2)]
    clients = [
        await stack.enter_async_context(httpx2.AsyncClient(base_url=server.url, timeout=40))
        for server in servers
    ]
    return Pair(servers, clients)


async def _chat(http: httpx2.AsyncClient) -> dict[str, Any]:
    return dict((await http.get("/api/chats/c1")).json())


def _text(chat: dict[str, Any]) -> str:
    parts = chat["messages"][-1]["parts"]
    return "".join(part["text"] for part in parts if part["type"] == "text")


async def test_another_process_follows_and_stops_a_turn(
    model: str, control: Control, store: str
) -> None:
    async with AsyncExitStack() as stack:
        pair = await _pair(stack, store, model)
        async with (
            pair.first.stream("POST", "/api/chat", json=_asked(STALL)) as posted,
            pair.second.stream("GET", "/api/chat/c1/stream") as followed,
        ):
            poster, follower = Reader(posted), Reader(followed)
            await follower.until(b"word2")
            stopped = await pair.second.post("/api/chat/c1/stop")
            wires = [await poster.rest(), await follower.rest()]
        await control.client_left()
        chat = await _chat(pair.second)

    assert stopped.status_code == 204
    assert all(wire.endswith(b'{"type":"abort"}\n\ndata: [DONE]\n\n') for wire in wires)
    assert _said(wires[0]) == _said(wires[1]) == _text(chat)
    assert chat["turn"] is None


async def test_a_retry_in_another_process_joins(model: str, control: Control, store: str) -> None:
    async with AsyncExitStack() as stack:
        pair = await _pair(stack, store, model)
        async with pair.first.stream("POST", "/api/chat", json=_asked(STALL)) as posted:
            await Reader(posted).until(b"word2")
        async with pair.second.stream("POST", "/api/chat", json=_asked(STALL)) as again:
            reader = Reader(again)
            await reader.until(b"word2")
            control.gate("go").open()
            wire = await reader.rest()

    assert again.headers["x-chat-turn-id"] == posted.headers["x-chat-turn-id"]
    assert len(control.requests) == 1
    assert _said(wire).startswith("word0 word1 word2 word3")


async def test_a_turn_whose_process_is_killed_ends_for_its_readers(
    model: str, control: Control, store: str
) -> None:
    async with AsyncExitStack() as stack:
        pair = await _pair(stack, store, model)
        loop = asyncio.get_running_loop()
        async with (
            pair.first.stream("POST", "/api/chat", json=_asked(STALL)) as posted,
            pair.second.stream("GET", "/api/chat/c1/stream") as followed,
        ):
            await Reader(posted).until(b"word2")
            follower = Reader(followed)
            await follower.until(b"word2")
            pair.servers[0].process.kill()
            killed = loop.time()
            wire = await follower.rest()
            took_s = loop.time() - killed
        chat = await _chat(pair.second)
        later = await pair.second.post("/api/chat", json=_asked(SAY_HI, message="u2"))

    assert 5 <= took_s < 15
    assert LOST in wire
    assert wire.endswith(b"data: [DONE]\n\n")
    assert chat["turn"] is None
    assert _text(chat) == _said(wire) == "word0 word1 word2"
    assert _said(later.content) == "Hi there."


async def test_the_next_message_of_a_dead_turns_chat_is_answered(
    model: str, control: Control, store: str
) -> None:
    async with AsyncExitStack() as stack:
        pair = await _pair(stack, store, model)
        loop = asyncio.get_running_loop()
        async with pair.first.stream("POST", "/api/chat", json=_asked(STALL)):
            async with pair.second.stream("GET", "/api/chat/c1/stream") as followed:
                await Reader(followed).until(b"word2")  # so it is in the store
            pair.servers[0].process.kill()
            killed = loop.time()
            answer = await pair.second.post("/api/chat", json=_asked(SAY_HI, message="u2"))
            took_s = loop.time() - killed
        chat = await _chat(pair.second)

    assert _said(answer.content) == "Hi there."
    assert took_s < 20
    roles = [message["role"] for message in chat["messages"]]
    assert roles == ["user", "assistant", "user", "assistant"]


@pytest.mark.parametrize("has_more", [False, True], ids=["waiting", "rest is there"])
async def test_a_process_that_wakes_up_writes_nothing_and_ends_its_poster(
    model: str, control: Control, store: str, has_more: bool
) -> None:
    async with AsyncExitStack() as stack:
        pair = await _pair(stack, store, model)
        loop = asyncio.get_running_loop()
        async with (
            pair.first.stream("POST", "/api/chat", json=_asked(STALL)) as posted,
            pair.second.stream("GET", "/api/chat/c1/stream") as followed,
        ):
            poster, follower = Reader(posted), Reader(followed)
            await follower.until(b"word2")
            pair.servers[0].process.send_signal(signal.SIGSTOP)
            wire = await follower.rest()
            before = await _chat(pair.second)
            if has_more:
                # All that the model has to say waits in the socket when the process wakes up.
                control.gate("go").open()
                await control.until(lambda seen: seen.open_streams == 0)
            pair.servers[0].process.send_signal(signal.SIGCONT)
            woken = loop.time()
            posted_wire = await poster.rest()
            took_s = loop.time() - woken
            if not has_more:
                await control.client_left()
        after = await _chat(pair.second)
        whole = await pair.second.get("/api/chat/c1/stream")

    assert took_s < 6
    assert LOST in wire
    assert LOST in posted_wire
    assert b"word4" not in posted_wire
    assert after == before
    assert _said(whole.content) == "word0 word1 word2"


@pytest.mark.parametrize("is_detached", [False, True], ids=["followed", "detached"])
async def test_sigterm_ends_and_saves_every_turn(
    model: str, control: Control, store: str, is_detached: bool
) -> None:
    async with AsyncExitStack() as stack:
        pair = await _pair(stack, store, model, "--shutdown-grace", "0.5")
        async with pair.first.stream("POST", "/api/chat", json=_asked(STALL)) as posted:
            poster = Reader(posted)
            await poster.until(b"word2")
            if not is_detached:
                async with pair.first.stream("GET", "/api/chat/c1/stream") as followed:
                    follower = Reader(followed)
                    await follower.until(b"word2")
                    pair.servers[0].process.send_signal(signal.SIGTERM)
                    wires = [await poster.rest(), await follower.rest()]
        if is_detached:
            async with pair.second.stream("GET", "/api/chat/c1/stream") as followed:
                follower = Reader(followed)
                await follower.until(b"word2")
                pair.servers[0].process.send_signal(signal.SIGTERM)
                wires = [await follower.rest()]
        status, _ = await pair.servers[0].ended()
        chat = await _chat(pair.second)

    assert status == 0
    for wire in wires:
        assert b'"errorText":"The server is restarting; please send your message again."' in wire
        assert wire.endswith(b"data: [DONE]\n\n")
        assert _said(wire) == _text(chat)
    assert chat["turn"] is None


async def test_a_follower_of_another_process_is_sent_an_end_when_its_server_stops(
    model: str, control: Control, store: str
) -> None:
    async with AsyncExitStack() as stack:
        pair = await _pair(stack, store, model, "--shutdown-grace", "0.3")
        async with pair.first.stream("POST", "/api/chat", json=_asked(STALL)) as posted:
            poster = Reader(posted)
            await poster.until(b"word2")
            async with pair.second.stream("GET", "/api/chat/c1/stream") as followed:
                follower = Reader(followed)
                await follower.until(b"word2")
                pair.servers[1].process.send_signal(signal.SIGTERM)
                wire = await follower.rest()
            await pair.servers[1].ended()
            control.gate("go").open()
            whole = await poster.rest()

    assert wire.endswith(b"data: [DONE]\n\n")
    assert b"The server is restarting" in wire
    assert b'"type":"finish","finishReason":"stop"' in whole

"""Turns that outlive their Redis: it is killed, stopped, slow, full, replaced and started empty.

The client that asked notices none of it. Who resumes meanwhile is told in a sentence, and the next
time it works.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.scripted_model.control import Control
from tests.chatting import Chat, Reader, chatting
from tests.http.test_stored import SAY_HI, SSE, STALL, _asked, _chat, _said
from tests.redis_server import RedisServer, needs_redis, redis_server
from tests.slow_proxy import slow_proxy

pytestmark = [needs_redis, pytest.mark.timeout(90)]

_WHOLE = "word0 word1 word2 word3"
_Break = Callable[[RedisServer], Awaitable[Any]]


async def _kill(server: RedisServer) -> None:
    await server.kill()


async def _start(server: RedisServer) -> None:
    await server.start()


async def _suspend(server: RedisServer) -> None:
    server.suspend()


async def _resume(server: RedisServer) -> None:
    server.resume()


async def _fill(server: RedisServer) -> None:
    await server.ask("config", "set", "maxmemory", "1")


async def _make_room(server: RedisServer) -> None:
    await server.ask("config", "set", "maxmemory", "0")


@asynccontextmanager
async def _durable(tmp_path: Path) -> AsyncIterator[RedisServer]:
    """Run a server that keeps what it has acknowledged, also when it is killed."""
    options = ("--appendonly", "yes", "--appendfsync", "always", "--dir", str(tmp_path))
    async with redis_server(*options) as server:
        yield server


async def _stored(chat: Chat, text: str) -> None:
    """Return once what was said is in the store."""
    async with chat.http.stream("GET", "/api/chat/c1/stream", headers=SSE) as followed:
        await Reader(followed).until(text.encode())


@pytest.mark.parametrize(
    ("harm", "heal", "is_readable"),
    [(_kill, _start, False), (_suspend, _resume, False), (_fill, _make_room, True)],
    ids=["killed", "stopped", "full"],
)
async def test_who_asked_never_notices_and_history_is_whole_afterwards(
    model: str,
    control: Control,
    tmp_path: Path,
    harm: _Break,
    heal: _Break,
    is_readable: bool,
) -> None:
    loop = asyncio.get_running_loop()
    async with _durable(tmp_path) as server, chatting(model, store=server.url) as chat:
        async with chat.stream(_asked(STALL)) as posted:
            poster = Reader(posted)
            await poster.until(b"word2")
            await _stored(chat, "word2")
            await harm(server)
            begun = loop.time()
            if not is_readable:
                resumed = await chat.http.get("/api/chat/c1/stream", headers=SSE)
                took_s = loop.time() - begun
                health = await chat.http.get("/health")
                assert (resumed.status_code, resumed.headers["retry-after"]) == (503, "5")
                assert "Saved chats cannot be reached" in resumed.text
                assert took_s < 6
                assert health.status_code == 200
            # Another chat is answered too, and kept later.
            begun = loop.time()
            other = await chat.post(_asked(SAY_HI, chat="c2"))
            assert _said(other.content) == "Hi there."
            control.gate("go").open()
            wire = await poster.rest()
        await heal(server)
        kept = [await _until_whole(chat, "c1"), await _until_whole(chat, "c2")]
        again = await chat.http.get("/api/chat/c1/stream", headers=SSE)

    assert wire.endswith(b"data: [DONE]\n\n")
    assert _said(wire).startswith(_WHOLE)
    assert b'"type":"error"' not in wire
    assert [_said_in(found) for found in kept] == [_said(wire), "Hi there."]
    assert _said(again.content) == _said(wire)


async def test_a_follower_goes_on_after_an_outage(
    model: str, control: Control, tmp_path: Path
) -> None:
    async with _durable(tmp_path) as server, chatting(model, store=server.url) as chat:
        async with chat.stream(_asked(STALL)) as posted:
            await Reader(posted).until(b"word2")
        async with chat.http.stream("GET", "/api/chat/c1/stream", headers=SSE) as followed:
            follower = Reader(followed)
            await follower.until(b"word2")
            await server.kill()
            await server.start()
            control.gate("go").open()
            wire = await follower.rest()
        whole = await _until_whole(chat, "c1")

    assert _said(wire) == _said_in(whole)
    assert wire.endswith(b"data: [DONE]\n\n")


async def test_a_slow_redis_makes_no_answer_slow(model: str, control: Control) -> None:
    async with (
        redis_server() as server,
        slow_proxy(server.port) as proxy,
        chatting(model, store=f"redis://127.0.0.1:{proxy.port}") as chat,
    ):
        await chat.post(_asked(SAY_HI))  # connected
        proxy.delay_s = 0.2
        async with chat.stream(_asked(STALL, message="u2")) as posted:
            poster = Reader(posted)
            await poster.until(b"word2")
            control.gate("go").open()
            wire = await poster.rest()
        resumed = await chat.http.get("/api/chat/c1/stream", headers=SSE)
        found = await _chat(chat)

    assert _said(resumed.content) == _said(wire) == _said_in(found)
    assert len(found["messages"]) == 4


async def test_a_replica_that_takes_over_has_all_that_it_was_told(
    model: str, control: Control
) -> None:
    async with redis_server() as primary, slow_proxy(primary.port) as proxy:
        follows = ("--replicaof", "127.0.0.1", str(primary.port))
        async with (
            redis_server(*follows) as replica,
            chatting(model, store=f"redis://127.0.0.1:{proxy.port}") as chat,
        ):
            await replica.says("master_link_status:up", "info", "replication")
            async with chat.stream(_asked(STALL)) as posted:
                poster = Reader(posted)
                await poster.until(b"word2")
                await _stored(chat, "word2")
                await _replicated(primary)
                await primary.kill()
                # For a moment the address still leads to who may not write.
                proxy.turn_to(replica.port)
                await asyncio.sleep(0.3)
                await replica.ask("replicaof", "no", "one")
                control.gate("go").open()
                wire = await poster.rest()
            found = await _until_whole(chat, "c1")
            again = await chat.http.get("/api/chat/c1/stream", headers=SSE)

    assert _said(wire).startswith(_WHOLE)
    assert _said_in(found) == _said(again.content) == _said(wire)


async def _resumable(chat: Chat, text: str) -> None:
    """Return once a reader gets ``text`` from the beginning."""
    async with asyncio.timeout(20):
        while True:
            async with chat.http.stream("GET", "/api/chat/c1/stream", headers=SSE) as followed:
                if followed.status_code == 200:
                    await Reader(followed).until(text.encode())
                    return
            await asyncio.sleep(0.1)


async def _replicated(primary: RedisServer) -> None:
    """Return once the replica has all that was written until now."""
    about = await primary.ask("info", "replication")
    written = int(about.partition("master_repl_offset:")[2].split()[0])
    async with asyncio.timeout(20):
        while True:
            about = await primary.ask("info", "replication")
            if int(about.partition(",offset=")[2].partition(",")[0]) >= written:
                return
            await asyncio.sleep(0.02)


async def _until_whole(chat: Chat, chat_id: str) -> dict[str, Any]:
    """Return the chat once it can be read and its turn is over."""
    async with asyncio.timeout(30):
        while True:
            response: httpx2.Response = await chat.http.get(f"/api/chats/{chat_id}")
            if response.status_code == 200 and response.json()["turn"] is None:
                return dict(response.json())
            await asyncio.sleep(0.1)


def _said_in(chat: dict[str, Any]) -> str:
    parts = chat["messages"][-1]["parts"]
    return "".join(part["text"] for part in parts if part["type"] == "text")


async def test_an_empty_redis_is_given_the_answers_that_run(model: str, control: Control) -> None:
    """What was said before is lost with it; what is being said is not."""
    async with redis_server() as server, chatting(model, store=server.url) as chat:
        await chat.post(_asked(SAY_HI, message="u0"))
        async with chat.stream(_asked(STALL)) as posted:
            poster = Reader(posted)
            await poster.until(b"word2")
            await _stored(chat, "word2")
            await server.kill()
            await server.start()
            await _resumable(chat, "word0 word1 word2")
            control.gate("go").open()
            wire = await poster.rest()
        found = await _until_whole(chat, "c1")
        again = await chat.http.get("/api/chat/c1/stream", headers=SSE)

    assert _said(wire).startswith(_WHOLE)
    assert b'"type":"abort"' not in wire
    assert [message["role"] for message in found["messages"]] == ["user", "assistant"]
    assert _said_in(found) == _said(again.content) == _said(wire)
    assert again.headers["x-chat-turn-id"] == posted.headers["x-chat-turn-id"]


async def test_the_end_of_an_answer_that_a_replica_did_not_hear_is_told_it(
    model: str, control: Control
) -> None:
    async with redis_server() as primary, slow_proxy(primary.port) as proxy:
        follows = ("--replicaof", "127.0.0.1", str(primary.port))
        async with (
            redis_server(*follows) as replica,
            chatting(model, store=f"redis://127.0.0.1:{proxy.port}") as chat,
        ):
            await replica.says("master_link_status:up", "info", "replication")
            async with chat.stream(_asked("scenario: text tokens=60 delay=0.05")) as posted:
                poster = Reader(posted)
                await poster.until(b"word2")
                await _stored(chat, "word2")
                await _replicated(primary)
                await replica.ask("replicaof", "no", "one")
                await poster.until(b"word20")
                await _stored(chat, "word20")
                await primary.kill()
                proxy.turn_to(replica.port)
                wire = await poster.rest()
            found = await _until_whole(chat, "c1")
            again = await chat.http.get("/api/chat/c1/stream", headers=SSE)

    assert "word59" in _said(wire)
    assert _said_in(found) == _said(again.content) == _said(wire)

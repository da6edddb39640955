"""Several servers on one Redis: a client may meet another one each time."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from app.scripted_model.control import Control
from tests.chatting import Reader
from tests.http.test_stored import SAY_HI, STALL, _asked, _said
from tests.redis_server import needs_redis, redis_server
from tests.server_process import Running, serving

pytestmark = [needs_redis, pytest.mark.real, pytest.mark.timeout(180)]

_SLOWLY = "scenario: say delay=0.05 text='{text}'"
_RESTARTING = "The server is restarting; please send your message again."
_TURNS = 8


class _Server:
    """A server and a client of it."""

    def __init__(self, running: Running, http: httpx2.AsyncClient) -> None:
        self.running = running
        self.http = http


class _Fleet:
    def __init__(self, stack: AsyncExitStack, environment: dict[str, str]) -> None:
        self._stack = stack
        self._environment = environment

    async def server(self, *options: str) -> _Server:
        """Start one more server."""
        running = await self._stack.enter_async_context(serving(*options, **self._environment))
        http = httpx2.AsyncClient(base_url=running.url, timeout=40)
        return _Server(running, await self._stack.enter_async_context(http))


@pytest_asyncio.fixture
async def fleet(model: str) -> AsyncIterator[_Fleet]:
    async with redis_server() as redis, AsyncExitStack() as stack:
        yield _Fleet(stack, {"CHAT_STORE": redis.url, "OPENAI_BASE_URL": model})


async def test_one_answers_one_resumes_and_one_stops(control: Control, fleet: _Fleet) -> None:
    first, second, third = [await fleet.server() for _ in range(3)]
    async with first.http.stream("POST", "/api/chat", json=_asked(STALL)) as posted:
        await Reader(posted).until(b"word2")
    async with second.http.stream("GET", "/api/chat/c1/stream") as followed:
        follower = Reader(followed)
        await follower.until(b"word2")
        stopped = await third.http.post("/api/chat/c1/stop")
        wire = await follower.rest()
    await control.client_left()
    chats = [(await server.http.get("/api/chats/c1")).json() for server in (first, second, third)]

    assert stopped.status_code == 204
    assert wire.endswith(b'{"type":"abort"}\n\ndata: [DONE]\n\n')
    assert chats[0] == chats[1] == chats[2]
    assert chats[0]["turn"] is None
    assert _text(chats[0]) == _said(wire)


async def test_workers_of_one_port_share_their_chats(control: Control, fleet: _Fleet) -> None:
    server = await fleet.server("--workers", "2")
    async with server.http.stream("POST", "/api/chat", json=_asked(STALL)) as posted:
        poster = Reader(posted)
        await poster.until(b"word2")
        wires = []
        for _ in range(6):  # each on a connection of its own, so that both are met
            async with (
                httpx2.AsyncClient(base_url=server.running.url, timeout=40) as http,
                http.stream("GET", "/api/chat/c1/stream") as followed,
            ):
                wires.append(await Reader(followed).until(b"word2"))
        control.gate("go").open()
        whole = await poster.rest()

    assert len(wires) == 6
    assert _said(whole).startswith("word0 word1 word2 word3")


async def test_a_rolling_restart_loses_no_answer(fleet: _Fleet) -> None:
    """One after the other is replaced while clients are answered and others follow them."""
    servers = [await fleet.server("--shutdown-grace", "1") for _ in range(3)]
    asked = 0
    running: list[asyncio.Task[None]] = []
    seen: list[tuple[bytes, bytes, str]] = []
    begun = [asyncio.Event() for _ in range(3 * _TURNS)]

    async def chat(number: int) -> None:
        chat_id, text = f"c{number}", " ".join(f"{number}-{word}" for word in range(40))
        poster_of, follower_of = servers[number % 3], servers[(number + 1) % 3]
        body = _asked(_SLOWLY.format(text=text), chat=chat_id)
        async with poster_of.http.stream("POST", "/api/chat", json=body) as posted:
            poster = Reader(posted)
            await poster.until(b"text-delta")
            begun[number].set()
            async with follower_of.http.stream("GET", f"/api/chat/{chat_id}/stream") as followed:
                wires = await asyncio.gather(poster.rest(), Reader(followed).rest())
        seen.append((wires[0], wires[1], chat_id))

    for number in range(3):
        running += [asyncio.create_task(chat(asked + more)) for more in range(_TURNS)]
        asked += _TURNS
        await asyncio.gather(*(begun[turn].wait() for turn in range(asked - _TURNS, asked)))
        old, servers[number] = servers[number], await fleet.server("--shutdown-grace", "1")
        old.running.process.send_signal(signal.SIGTERM)
        await asyncio.gather(*running)
        running = []
        assert (await old.running.ended())[0] == 0

    assert len(seen) == asked
    for posted, followed, chat_id in seen:
        found = (await servers[0].http.get(f"/api/chats/{chat_id}")).json()
        is_cut = _RESTARTING.encode() in posted
        assert posted.endswith(b"data: [DONE]\n\n")
        assert followed.endswith(b"data: [DONE]\n\n")
        assert found["turn"] is None
        assert _text(found) == _said(posted)
        # Whole, or ended in a sentence.
        assert is_cut or _said(posted).endswith("-39")
        # A follower whose own server is replaced may go on elsewhere, and then has all of it.
        if _RESTARTING.encode() in followed and not is_cut:
            again = await servers[0].http.get(f"/api/chat/{chat_id}/stream")
            assert _said(again.content) == _said(posted)
        else:
            assert _said(followed) == _said(posted)
    later = await servers[1].http.post("/api/chat", json=_asked(SAY_HI, chat="c0", message="u9"))
    assert _said(later.content) == "Hi there."


async def test_who_follows_is_told_of_the_end_by_a_server_that_stood_still_meanwhile(
    control: Control, fleet: _Fleet
) -> None:
    writing = await fleet.server()
    stopping = await fleet.server("--shutdown-grace", "0.5")
    async with (
        writing.http.stream("POST", "/api/chat", json=_asked(STALL)) as posted,
        stopping.http.stream("POST", "/api/chat", json=_asked(STALL, chat="c2")) as of_its_own,
    ):
        await Reader(posted).until(b"word2")
        async with stopping.http.stream("GET", "/api/chat/c1/stream") as followed:
            follower = Reader(followed)
            await follower.until(b"word2")
            stopping.running.process.send_signal(signal.SIGTERM)
            await Reader(of_its_own).rest()  # the grace is over
            stopping.running.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(3)  # until the connections of silent clients would be cut
            stopping.running.process.send_signal(signal.SIGCONT)
            wire = await follower.rest()

    assert _RESTARTING.encode() in wire
    assert wire.endswith(b"data: [DONE]\n\n")


def _text(chat: dict[str, Any]) -> str:
    parts = chat["messages"][-1]["parts"]
    return "".join(part["text"] for part in parts if part["type"] == "text")

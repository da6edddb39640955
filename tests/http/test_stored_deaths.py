"""Many turns and readers in two processes on one SQLite file, and what is left after a kill."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest

from app.scripted_model.control import Control
from tests.chatting import Reader
from tests.http.test_stored import SAY_HI, STALL, _asked, _said
from tests.http.test_stored_processes import LOST, _chat, _pair, _text

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

BATCHES = 5
FOLLOWERS = 100


async def test_a_writer_may_be_killed_after_any_batch(
    model: str, control: Control, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        pair = await _pair(stack, f"sqlite:{tmp_path / 'chats.db'}", model)

        async def begin(said: int) -> Reader:
            """Begin a turn that says so many words, each in a batch of its own, and hangs."""
            text = f"scenario: stall after={said} gate=go delay=0.15"
            asked = _asked(text, f"c{said}")
            await stack.enter_async_context(pair.first.stream("POST", "/api/chat", json=asked))
            path = f"/api/chat/c{said}/stream"
            follower = Reader(await stack.enter_async_context(pair.second.stream("GET", path)))
            await follower.until(f"word{said - 1}".encode() if said else b"start-step")
            return follower

        followers = [await begin(said) for said in range(BATCHES)]
        pair.servers[0].process.kill()
        wires = await asyncio.gather(*(follower.rest() for follower in followers))
        for said, wire in enumerate(wires):
            replay = (await pair.second.get(f"/api/chat/c{said}/stream")).content
            chat = (await pair.second.get(f"/api/chats/c{said}")).json()
            words = " ".join(f"word{number}" for number in range(said))
            assert _said(wire) == _said(replay) == words
            for seen in (wire, replay):
                assert seen.count(LOST) == 1
                assert seen.endswith(b"data: [DONE]\n\n")
            assert chat["turn"] is None
            assert (_text(chat) if len(chat["messages"]) > 1 else "") == words
        later = await pair.second.post("/api/chat", json=_asked(SAY_HI, "c2", "u2"))

    assert _said(later.content) == "Hi there."


async def test_a_hundred_follow_a_turn_of_another_process_until_it_is_superseded(
    model: str, control: Control, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        pair = await _pair(stack, f"sqlite:{tmp_path / 'chats.db'}", model)
        posted = await stack.enter_async_context(
            pair.first.stream("POST", "/api/chat", json=_asked(STALL))
        )
        poster = Reader(posted)
        await poster.until(b"word2")
        limits = httpx2.Limits(max_connections=None)
        url = pair.servers[1].url
        http = await stack.enter_async_context(httpx2.AsyncClient(limits=limits, timeout=40))
        streams = [
            await stack.enter_async_context(http.stream("GET", f"{url}/api/chat/c1/stream"))
            for _ in range(FOLLOWERS)
        ]
        followers = [Reader(stream) for stream in streams]
        await asyncio.gather(*(follower.until(b"word2") for follower in followers))
        later = await pair.second.post("/api/chat", json=_asked(SAY_HI, message="u2"))
        wires = await asyncio.gather(*(reader.rest() for reader in (poster, *followers)))
        chat = await _chat(pair.first)

    assert _said(later.content) == "Hi there."
    assert {wire.split(b"\n\n")[-3] for wire in wires} == {b'data: {"type":"abort"}'}
    assert {_said(wire) for wire in wires} == {"word0 word1 word2"}
    roles = [message["role"] for message in chat["messages"]]
    assert roles == ["user", "assistant", "user", "assistant"]


async def test_a_chat_that_another_process_deletes_is_gone_for_everybody(
    model: str, control: Control, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        pair = await _pair(stack, f"sqlite:{tmp_path / 'chats.db'}", model)
        async with (
            pair.first.stream("POST", "/api/chat", json=_asked(STALL)) as posted,
            pair.first.stream("GET", "/api/chat/c1/stream") as followed,
        ):
            readers = [Reader(posted), Reader(followed)]
            await asyncio.gather(*(reader.until(b"word2") for reader in readers))
            deleted = await pair.second.delete("/api/chats/c1")
            wires = await asyncio.gather(*(reader.rest() for reader in readers))
            await control.client_left()
        gone = [await http.get("/api/chats/c1") for http in (pair.first, pair.second)]
        resumed = await pair.first.get("/api/chat/c1/stream")

    assert deleted.status_code == 204
    for wire in wires:
        assert wire.endswith(b'data: {"type":"abort"}\n\ndata: [DONE]\n\n')
    assert [response.status_code for response in gone] == [404, 404]
    assert resumed.status_code == 204

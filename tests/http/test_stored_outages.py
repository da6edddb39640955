"""A store that hangs, over real sockets: neither clients nor the end of the server wait for it."""

import asyncio
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.scripted_model.control import Control
from tests.chatting import Reader, chatting, logged
from tests.http.test_stored import SAY_HI, STALL, _asked, _chat, _said
from tests.server_process import serving
from tests.turns.stores import Shaky

pytestmark = pytest.mark.timeout(60)


class _Counted(Shaky):
    """Counts the calls that are made for requests."""

    def __init__(self) -> None:
        super().__init__()
        self.read = 0

    async def chat(self, owner: str, chat: str) -> Any:
        self.read += 1
        return await super().chat(owner, chat)


async def test_only_the_first_client_waits_for_a_store_that_hangs(model: str) -> None:
    store = _Counted()
    async with chatting(model, store=store) as chat:
        await chat.post(_asked(SAY_HI))
        await _chat(chat)
        store.read = 0
        store.hangs = True
        loop = asyncio.get_running_loop()
        began = loop.time()
        answers = [await chat.post(_asked(SAY_HI, message=f"u{number}")) for number in range(2, 8)]
        took_s = loop.time() - began
        resumed = await chat.http.get("/api/chat/c1/stream")
        listed = await chat.http.get("/api/chats")
        health = await chat.http.get("/health")
        read = store.read
        with logged() as log:
            store.hangs = False
            await log.until(lambda: any("responds again" in r.getMessage() for r in log.records))
        after = await _chat(chat)

    # Each of the six used to wait for 4 seconds.
    assert took_s < 4
    assert read == 1
    assert {_said(answer.content) for answer in answers} == {"Hi there."}
    assert [response.status_code for response in (resumed, listed, health)] == [503, 503, 200]
    assert int(resumed.headers["retry-after"]) > 0
    roles = [message["role"] for message in after["messages"]]
    assert roles == ["user", "assistant"] * 7


async def test_a_turn_that_runs_when_the_store_begins_to_hang_is_superseded_all_the_same(
    model: str, control: Control
) -> None:
    store = _Counted()
    async with chatting(model, store=store) as chat:
        async with chat.stream(_asked(STALL)) as first:
            reader = Reader(first)
            await reader.until(b"word2")
            store.hangs = True
            began = asyncio.get_running_loop().time()
            second = await chat.post(_asked(SAY_HI, message="u2"))
            third = await chat.post(_asked(SAY_HI, message="u3"))
            took_s = asyncio.get_running_loop().time() - began
            wire = await reader.rest()
        with logged() as log:
            store.hangs = False
            await log.until(lambda: any("responds again" in r.getMessage() for r in log.records))
        after = await _chat(chat)

    assert took_s < 4
    assert b'"type":"abort"' in wire
    assert _said(second.content) == _said(third.content) == "Hi there."
    told = [
        (message["role"], "".join(part.get("text", "") for part in message["parts"]))
        for message in after["messages"]
    ]
    assert told == [
        ("user", STALL),
        ("assistant", _said(wire)),
        ("user", SAY_HI),
        ("assistant", "Hi there."),
        ("user", SAY_HI),
        ("assistant", "Hi there."),
    ]


@pytest.mark.real
async def test_a_file_that_another_program_locks_delays_one_answer_and_not_the_end(
    model: str, tmp_path: Path
) -> None:
    path = tmp_path / "chats.db"
    environment = {"CHAT_STORE": f"sqlite:{path}", "OPENAI_BASE_URL": model}
    loop = asyncio.get_running_loop()
    async with (
        serving("--shutdown-grace", "0.2", **environment) as server,
        httpx2.AsyncClient(base_url=server.url, timeout=30) as http,
    ):
        await http.post("/api/chat", json=_asked(SAY_HI))
        before = (await http.get("/api/chats/c1")).json()
        with closing(sqlite3.connect(path, isolation_level=None)) as lock:
            lock.execute("BEGIN IMMEDIATE")
            began = loop.time()
            answers = [
                await http.post("/api/chat", json=_asked(SAY_HI, message=f"u{number}"))
                for number in range(2, 5)
            ]
            answered_s = loop.time() - began
            server.process.send_signal(signal.SIGTERM)
            began = loop.time()
            status, lines = await server.ended()
            ended_s = loop.time() - began
    said = [line["message"] for line in lines]

    assert [message["role"] for message in before["messages"]] == ["user", "assistant"]
    assert {_said(answer.content) for answer in answers} == {"Hi there."}
    # Each used to wait for four seconds, and the parts of the end for three each.
    assert answered_s < 4
    assert ended_s < 8
    assert status == 0
    assert [line for line in said if line.startswith("the server ends before")] == [
        (
            "the server ends before the store has the beginning of 3 turns, the end of 0, and the "
            "title of 0 chats"
        )
    ]

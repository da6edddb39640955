"""Faults around a store, over real sockets and processes: nothing is doubled, nothing lost."""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.types import Receive, Scope, Send

from app.events import Usage
from app.main import create_lean_app
from app.scripted_model.control import Control
from app.settings import Settings
from app.store.conformance import Clock
from app.store.memory import MemoryStore
from app.store.sqlite import SqliteStore
from app.store.store import TurnHead
from app.turns.lost_turns import LostTurns
from tests.chatting import Reader, chatting
from tests.conformance.tools import tools
from tests.http.test_stored import SAY_HI, STALL, _asked, _chat, _said
from tests.http.test_stored_processes import LOST, _pair, _text
from tests.http.test_unread import connected
from tests.http.test_unread import served as served_to_slow
from tests.server_process import serving

pytestmark = pytest.mark.timeout(120)

_END = b"data: [DONE]\n\n"
_DAY_S = 86_400.0


@pytest.mark.parametrize(("days", "left"), [(7, ["new"]), (None, ["new", "old"])])
async def test_chats_are_deleted_after_the_days_that_the_setting_names(
    model: str, days: float | None, left: list[str]
) -> None:
    swept = asyncio.Event()

    class Swept(MemoryStore):
        async def sweep(self, now: float, *, keep_s: float, history_s: float | None) -> None:
            await super().sweep(now, keep_s=keep_s, history_s=history_s)
            swept.set()

    clock = Clock()
    store = Swept(clock)
    clock.move(-8 * _DAY_S)
    old = TurnHead(id="t1", owner="", chat_id="old", message_id="m1")
    await store.begin(old, revision=0, keep=0, messages=[])
    await store.end("t1", "finished", last=None, message=None, ended_at=clock())
    clock.move(8 * _DAY_S)
    async with chatting(model, store=store, history_days=days) as chat:
        await chat.post(_asked(SAY_HI, chat="new"))
        await swept.wait()
        listed = (await chat.http.get("/api/chats")).json()["chats"]

    assert [one["id"] for one in listed] == left


async def test_on_finish_gets_the_whole_message_of_a_continuation(model: str) -> None:
    finished: list[dict[str, Any]] = []

    def on_finish(chat_id: str | None, message: dict[str, Any], usage: Usage) -> None:
        finished.append(message)

    async with chatting(model, *tools(), store="memory", on_finish=on_finish) as chat:
        await chat.post(_asked("Where am I?"))
        first = (await _chat(chat))["messages"][-1]
        parts = [
            {**part, "state": "output-available", "output": {"latitude": 60.4, "longitude": 5.3}}
            if part.get("state") == "input-available"
            else part
            for part in first["parts"]
        ]
        body = {"id": "c1", "messages": [{**first, "parts": parts}], "trigger": "submit-message"}
        wire = (await chat.post(body)).content
        after = await _chat(chat)

    whole = after["messages"][-1]
    assert parts != first["parts"]
    assert _said(wire)
    assert [message["id"] for message in finished] == [first["id"], first["id"]]
    assert finished[1]["parts"] == whole["parts"]
    assert [part["type"] for part in whole["parts"]][: len(parts)] == [p["type"] for p in parts]
    assert len(whole["parts"]) > len(parts)


async def test_a_poster_that_does_not_read_is_cut_and_its_turn_goes_on(
    model: str, control: Control
) -> None:
    app = create_lean_app(Settings(openai_base_url=model, store="memory"))
    is_cut = asyncio.Event()

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        finally:
            if scope.get("method") == "POST":
                is_cut.set()

    async with (
        served_to_slow(watched) as port,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http,
    ):
        asked = _asked("scenario: stall after=4000 gate=go")
        async with connected(port, "/api/chat", asked):
            await is_cut.wait()
            assert len(app.state.turns) == 1
            async with http.stream("GET", "/api/chat/c1/stream") as followed:
                follower = Reader(followed)
                await follower.until(b"word3999")
                control.gate("go").open()
                wire = await follower.rest()
        chat = (await http.get("/api/chats/c1")).json()

    assert wire.endswith(_END)
    assert b'"finish","finishReason":"stop"' in wire
    assert chat["turn"] is None
    assert _text(chat) == _said(wire)
    assert _said(wire).startswith("word0 word1 ")
    assert len(control.requests) == 1


@pytest.mark.real
async def test_a_hundred_followers_of_another_process_get_what_the_poster_gets(
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
        http = await stack.enter_async_context(httpx2.AsyncClient(limits=limits, timeout=60))
        url = f"{pair.servers[1].url}/api/chat/c1/stream?startIndex=0"
        followers = [
            Reader(await stack.enter_async_context(http.stream("GET", url))) for _ in range(100)
        ]
        await asyncio.gather(*(follower.until(b"word2") for follower in followers))
        control.gate("go").open()
        whole, *wires = await asyncio.gather(*(one.rest() for one in (poster, *followers)))

    assert whole.endswith(_END)
    assert set(wires) == {whole}


@pytest.mark.real
async def test_of_an_end_a_stop_and_a_loss_in_three_processes_one_counts(
    model: str, control: Control, tmp_path: Path
) -> None:
    ends = set()
    async with (
        AsyncExitStack() as stack,
        aclosing(SqliteStore(tmp_path / "chats.db")) as store,
    ):
        pair = await _pair(stack, f"sqlite:{tmp_path / 'chats.db'}", model)
        watch = LostTurns(store, is_ours=lambda _: False)
        for number in range(30):
            chat_id = f"c{number}"
            asked = _asked(f"scenario: stall after=3 gate=g{number}", chat=chat_id)
            path = f"/api/chat/{chat_id}"
            async with (
                pair.first.stream("POST", "/api/chat", json=asked) as posted,
                pair.second.stream("GET", f"{path}/stream") as followed,
            ):
                poster, follower = Reader(posted), Reader(followed)
                await asyncio.gather(poster.until(b"word2"), follower.until(b"word2"))

                async def end(number: int = number) -> None:
                    await asyncio.sleep(0.01 * (number % 4))
                    control.gate(f"g{number}").open()

                async def stop(number: int = number, path: str = path) -> None:
                    await asyncio.sleep(0.01 * (number % 3))
                    await pair.second.post(f"{path}/stop")

                async def lose(number: int = number, chat_id: str = chat_id) -> None:
                    await asyncio.sleep(0.01 * (number % 5))
                    head = await store.head("", chat_id)
                    assert head is not None
                    await watch._end(head)

                await asyncio.gather(end(), stop(), lose())
                wires = [await poster.rest(), await follower.rest()]
            wires.append((await pair.first.get(f"{path}/stream")).content)
            wires.append((await pair.second.get(f"{path}/stream")).content)
            chat = (await pair.second.get(f"/api/chats/{chat_id}")).json()

            for wire in wires:
                assert wire.endswith(_END)
                assert wire.count(b'"type":"finish"') + wire.count(b'"type":"abort"') == 1
            # The log is one for all who read it. The poster may have been sent more of a lost turn.
            assert len({wire.split(b"\n\n")[-3] for wire in wires[1:]}) == 1
            assert len(set(map(_said, wires[1:]))) == 1
            assert _said(wires[0]).startswith(_said(wires[1]))
            assert [message["role"] for message in chat["messages"]] == ["user", "assistant"]
            assert _text(chat) == _said(wires[1])
            head = await store.head("", chat_id)
            assert head is not None
            ends.add(head.state)

    assert len(ends) > 1, ends


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 2 MiB."""
    where = tmp_path / "disk"
    where.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(where)]
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a small disk")
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("nothing may be mounted here")
    try:
        yield where
    finally:
        subprocess.run(["umount", "-l", str(where)], check=True)


def _fill(disk: Path) -> Path:
    path = disk / "filler"
    with path.open("wb", buffering=0) as filler:
        for size in (4096, 512):
            try:
                while filler.write(b"x" * size):
                    pass
            except OSError:
                continue
    return path


@pytest.mark.real
async def test_a_full_disk_breaks_no_answer_and_history_is_whole_when_there_is_room(
    model: str, small_disk: Path
) -> None:
    environment = {"CHAT_STORE": f"sqlite:{small_disk / 'chats.db'}", "OPENAI_BASE_URL": model}
    async with (
        serving(**environment) as server,
        httpx2.AsyncClient(base_url=server.url, timeout=30) as http,
    ):
        await http.post("/api/chat", json=_asked(SAY_HI))
        await http.get("/api/chats/c1")
        filler = _fill(small_disk)
        text = "scenario: text tokens=20000"
        answer = await http.post("/api/chat", json=_asked(text, message="u2"))
        turn = answer.headers["x-chat-turn-id"]
        resumed = [await http.get(f"/api/chat/{one}/stream") for one in ("c1", turn)]
        health = await http.get("/health")
        filler.unlink()
        while (chat := await http.get("/api/chats/c1")).status_code != 200:
            pass  # the request itself waits until the store has been tried again
        replay = await http.get("/api/chat/c1/stream")
        server.process.terminate()
        _, lines = await server.ended()

    assert answer.status_code == 200
    assert answer.content.endswith(_END)
    assert b'"type":"error"' not in answer.content
    assert len(_said(answer.content)) > 20000
    assert [response.status_code for response in resumed] == [503, 503]
    assert health.status_code == 200
    roles = [message["role"] for message in chat.json()["messages"]]
    assert roles == ["user", "assistant", "user", "assistant"]
    assert _text(chat.json()) == _said(answer.content) == _said(replay.content)
    assert any("disk is full" in line["message"] for line in lines)


@pytest.mark.real
@pytest.mark.parametrize("hours", [1, -1])
async def test_clocks_that_differ_by_an_hour_end_no_turn_and_keep_no_dead_one(
    model: str, control: Control, tmp_path: Path, hours: int
) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    (moved / "sitecustomize.py").write_text(
        f"import time\n_time = time.time\ntime.time = lambda: _time() + {hours * 3600}\n"
    )
    environment = {"CHAT_STORE": f"sqlite:{tmp_path / 'chats.db'}", "OPENAI_BASE_URL": model}
    elsewhere = {**environment, "PYTHONPATH": str(moved)}
    async with (
        serving(**environment) as right,
        serving(**elsewhere) as wrong,
        httpx2.AsyncClient(base_url=right.url, timeout=40) as here,
        httpx2.AsyncClient(base_url=wrong.url, timeout=40) as there,
    ):
        async with (
            here.stream("POST", "/api/chat", json=_asked(STALL)) as posted,
            there.stream("GET", "/api/chat/c1/stream") as followed,
        ):
            poster, follower = Reader(posted), Reader(followed)
            await follower.until(b"word2")
            await asyncio.sleep(12)  # longer than a beat may stand still
            control.gate("go").open()
            wires = [await poster.rest(), await follower.rest()]
        await there.post("/api/chat", json=_asked(SAY_HI, chat="c2"))
        await here.post("/api/chat", json=_asked(SAY_HI, chat="c3"))
        for http in (here, there):
            await http.get("/api/chats/c3")
            listed = (await http.get("/api/chats")).json()["chats"]
            assert [one["id"] for one in listed] == ["c3", "c2", "c1"]
        asked = _asked("scenario: stall after=3 gate=never", chat="c4")
        async with (
            here.stream("POST", "/api/chat", json=asked) as posted,
            there.stream("GET", "/api/chat/c4/stream") as followed,
        ):
            await Reader(posted).until(b"word2")
            follower = Reader(followed)
            await follower.until(b"word2")
            right.process.kill()
            killed = time.monotonic()
            dead = await follower.rest()
            took_s = time.monotonic() - killed
        chat = (await there.get("/api/chats/c4")).json()

    for wire in wires:
        assert wire.endswith(_END)
        assert b'"finish","finishReason":"stop"' in wire
    assert 5 <= took_s < 15
    assert LOST in dead
    assert chat["turn"] is None
    assert _text(chat) == "word0 word1 word2"

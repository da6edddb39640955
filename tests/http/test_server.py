"""The server as a process: how it starts, and how it stops while answers run."""

import asyncio
import json
import signal
import socket
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable
from logging import WARNING

import httpx2
import pytest
import uvicorn

from app.http.server import Server
from app.protocols.encoder import Encoder
from app.protocols.text_stream import TextStreamEncoder
from app.protocols.ui_message_stream import UIMessageStreamEncoder
from app.scripted_model.control import Control
from app.turns.errors import SHUTDOWN
from tests.chatting import Reader, data_body, logged, ui_body
from tests.server_process import refuses_connections, serving
from tests.torrent import Torrent, asking

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

RESTARTING = b"The server is restarting; please send your message again."


@pytest.mark.parametrize("protocol", ["data", "ui"])
async def test_a_stream_that_outlives_the_grace_period_ends_with_an_error_part(
    model: str, control: Control, protocol: str
) -> None:
    async with (
        serving("--shutdown-grace", "0.5", OPENAI_BASE_URL=model) as server,
        httpx2.AsyncClient(base_url=server.url, timeout=30) as http,
    ):
        body = data_body("scenario: stall after=2 gate=never")
        async with http.stream("POST", f"/api/chat?protocol={protocol}", json=body) as response:
            reader = Reader(response)
            await reader.until(b"word1")

            server.process.send_signal(signal.SIGTERM)
            whole = await reader.rest()
        await control.client_left()
        status, log = await server.ended()

    if protocol == "data":
        error, _, end = whole.partition(b'3:"' + RESTARTING + b'"\n')
        assert end.splitlines()[-1].startswith(b'd:{"finishReason":"error"')
    else:
        error, _, end = whole.partition(b'"errorText":"' + RESTARTING + b'"}\n\n')
        assert end.endswith(b"data: [DONE]\n\n")
    assert b"word1" in error
    assert status == 0
    assert [line["error_code"] for line in log] == ["shutdown"]
    assert log[0]["client_left"] is False


@pytest.mark.parametrize("grace", ["0", "0.5"])
async def test_the_run_of_a_tool_that_outlives_the_grace_period_ends_with_an_error_line(
    grace: str,
) -> None:
    async with (
        serving("--shutdown-grace", grace) as server,
        httpx2.AsyncClient(base_url=server.url, timeout=30) as http,
    ):
        body = {"args": {"message": "hello", "steps": 100}}
        path = "/api/tools/slow_process/invoke"
        async with http.stream("POST", path, json=body) as response:
            reader = Reader(response)
            await reader.until(b"Starting: hello")

            server.process.send_signal(signal.SIGTERM)
            whole = await reader.rest()
        status, log = await server.ended()

    last = json.loads(whole.splitlines()[-1])
    assert last["type"] == "error"
    assert last["payload"] == {"error": RESTARTING.decode(), "error_code": "shutdown"}
    assert status == 0
    assert [(line["tool"], line["error_code"]) for line in log] == [("slow_process", "shutdown")]
    assert log[0]["client_left"] is False


@pytest.mark.parametrize("grace", ["0", "0.05", "0.45"])
async def test_no_grace_period_is_too_short_for_the_end_of_a_stream(model: str, grace: str) -> None:
    async with (
        serving("--shutdown-grace", grace, OPENAI_BASE_URL=model) as server,
        httpx2.AsyncClient(base_url=server.url, timeout=30) as http,
        http.stream("POST", "/", json=ui_body("scenario: stall after=2 gate=never")) as response,
    ):
        reader = Reader(response)
        await reader.until(b"word1")

        server.process.send_signal(signal.SIGTERM)
        whole = await reader.rest()
        status, _ = await server.ended()

    assert RESTARTING in whole
    assert whole.endswith(b"data: [DONE]\n\n")
    assert status == 0


@pytest.mark.parametrize("protocol", ["data", "ui"])
async def test_a_stream_that_ends_within_the_grace_period_is_left_alone(
    model: str, control: Control, protocol: str
) -> None:
    async with (
        serving("--shutdown-grace", "30", OPENAI_BASE_URL=model) as server,
        httpx2.AsyncClient(base_url=server.url, timeout=30) as http,
    ):
        body = data_body("scenario: stall after=2 gate=middle")
        async with http.stream("POST", f"/api/chat?protocol={protocol}", json=body) as response:
            reader = Reader(response)
            await reader.until(b"word1")

            server.process.send_signal(signal.SIGTERM)
            await refuses_connections(server.url)
            control.gate("middle").open()
            whole = await reader.rest()
        status, log = await server.ended()

    assert b"word11" in whole
    assert RESTARTING not in whole
    assert status == 0
    assert [line["finish_reason"] for line in log] == ["stop"]


@pytest.mark.parametrize("make_encoder", [TextStreamEncoder, UIMessageStreamEncoder])
async def test_a_client_that_reads_nothing_does_not_hold_up_the_end(
    make_encoder: Callable[[], Encoder],
) -> None:
    torrent = Torrent(make_encoder())
    listener = socket.create_server(("127.0.0.1", 0))
    up = asyncio.Event()
    server = Server(
        uvicorn.Config(torrent, lifespan="off", log_config=None, access_log=False),
        on_up=up.set,
        stop_turns=lambda: torrent.stop(SHUTDOWN),
        grace_s=0,
    )
    with logged() as log:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await up.wait()
        _, writer = await asking(f"http://127.0.0.1:{listener.getsockname()[1]}")
        # Nothing of the turn moves any more.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(torrent.over.wait(), 0.3)

        server.stop()
        await serving
        writer.close()

    assert torrent.over.is_set()
    assert [record.getMessage() for record in log.records if record.levelno >= WARNING] == []


async def test_an_idle_server_stops_with_status_0(model: str) -> None:
    async with serving(OPENAI_BASE_URL=model) as server:
        server.process.send_signal(signal.SIGTERM)

        assert await server.ended() == (0, [])


async def test_the_interrupt_key_stops_with_status_130(model: str) -> None:
    async with serving(OPENAI_BASE_URL=model) as server:
        server.process.send_signal(signal.SIGINT)

        assert await server.ended() == (130, [])


async def test_without_a_key_the_scripted_model_answers_and_the_server_says_so() -> None:
    async with (
        serving() as server,
        httpx2.AsyncClient(base_url=server.url, timeout=30) as http,
    ):
        response = await http.post("/api/chat", json=data_body("scenario: say text=Yes."))
        server.process.send_signal(signal.SIGTERM)
        status, _ = await server.ended()

    assert response.text.startswith('f:{"messageId":"')
    assert status == 0


async def test_a_port_in_use_is_said_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app", "serve", "--demo", "--port", str(port)),
            stdout=PIPE,
            stderr=PIPE,
        )
        _, said = await process.communicate()

    assert process.returncode == 1
    assert said.decode().startswith(f"deltaline: cannot listen on 127.0.0.1 port {port}: ")
    assert said.count(b"\n") == 1

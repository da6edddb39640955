"""Leaving, and clients that read slowly: what happens to a turn when its response ends."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from app.events import Finish, Start, StepEnd, StepStart, TextDelta
from app.live_turn import LiveTurn
from app.outbox import Outbox
from app.protocols import Encoder
from app.protocols.framing import Framer
from app.protocols.text_stream import TextStreamEncoder
from app.protocols.ui_message_stream import UIMessageStreamEncoder
from app.providers import Emit
from app.providers.scripted import Control
from app.responses import TurnResponse
from app.telemetry import RequestLog
from tests.chatting import NOWHERE, Reader, chatting, data_body, logged, ui_body
from tests.serving import served

PROTOCOLS = ["data", "ui", "text"]


def _tasks() -> set[asyncio.Task[Any]]:
    """Return the tasks of this loop, without sse-starlette's one watcher a loop."""
    return {task for task in asyncio.all_tasks() if "_shutdown_watcher" not in repr(task)}


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_client_that_leaves_closes_the_models_stream_at_once(
    model: str, control: Control, protocol: str
) -> None:
    before = _tasks()
    with logged() as log:
        async with chatting(model) as chat:
            body = data_body("scenario: stall after=2 gate=never")
            async with chat.stream(body, f"/api/chat?protocol={protocol}") as response:
                await Reader(response).until(b"word1")
                assert len(chat.turns) == 1

            await control.client_left()
            line = await log.request()

            assert len(chat.turns) == 0
        assert line["client_left"] is True
        assert len(log.requests) == 1
        assert control.open_streams == 0
        assert [record for record in log.records if record.exc_info] == []
    assert _tasks() == before


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_client_that_leaves_before_the_status_is_known_closes_the_models_request(
    model: str, control: Control, protocol: str
) -> None:
    before = _tasks()
    with logged() as log:
        async with chatting(model, status_wait_s=60) as chat:
            asking = asyncio.create_task(
                chat.post(data_body("scenario: hang gate=never"), f"/api/chat?protocol={protocol}")
            )
            await control.gate("never").reached()

            asking.cancel()
            await control.client_left()
            line = await log.request()

            assert len(chat.turns) == 0
        assert line["client_left"] is True
        assert "first_token_ms" not in line
        assert len(log.requests) == 1
        assert [record for record in log.records if record.exc_info] == []
    assert _tasks() - {asking} == before


async def test_a_client_that_leaves_an_answer_in_one_piece_closes_the_models_request(
    model: str, control: Control
) -> None:
    with logged() as log:
        async with chatting(model) as chat:
            body = data_body("scenario: stall after=2 gate=never", stream=False)
            asking = asyncio.create_task(chat.post(body))
            await control.gate("never").reached()

            asking.cancel()
            await control.client_left()

            assert (await log.request())["client_left"] is True
            assert len(chat.turns) == 0


async def test_a_client_that_leaves_while_it_gets_keep_alives_closes_the_models_request(
    model: str, control: Control
) -> None:
    with logged() as log:
        async with chatting(model, status_wait_s=0, keep_alive_s=0.01) as chat:
            async with chat.stream(ui_body("scenario: hang gate=never")) as response:
                await Reader(response).until(b": ping")

            await control.client_left()

            assert (await log.request())["client_left"] is True
            assert len(chat.turns) == 0


async def test_a_client_that_leaves_in_the_middle_of_its_request_leaves_one_line() -> None:
    with logged() as log:
        async with chatting(NOWHERE) as chat:
            url = chat.http.base_url
            _, writer = await asyncio.open_connection(url.host, url.port)
            writer.write(b"POST /api/chat HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
            await writer.drain()

            writer.close()
            line = await log.request()

        assert line["client_left"] is True
        assert [record for record in log.records if record.exc_info] == []


async def test_a_turn_that_ended_is_not_counted_as_left(model: str) -> None:
    with logged() as log:
        async with chatting(model) as chat:
            await chat.post(data_body("scenario: text tokens=3"))

            line = await log.request()

    assert line["client_left"] is False
    assert line["finish_reason"] == "stop"


class Torrent:
    """An app whose every answer is one long turn that never waits for a model.

    Attributes:
        emitted: bytes of text that the turn has been able to say.
        turn: the one that runs.
    """

    PIECES = 25_000
    PIECE = "#" * 1000

    def __init__(self, encoder: Encoder) -> None:
        self.emitted = 0
        self.turn: LiveTurn | None = None
        self.over = asyncio.Event()
        self._encoder = encoder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        outbox = Outbox(keep_alive_s=10, keep_alive=self._encoder.keep_alive)
        self.turn = LiveTurn(
            self._run,
            message_id="msg-1",
            framer=Framer(self._encoder),
            outbox=outbox,
            record=RequestLog(request_id="r1"),
            on_end=lambda _: self.over.set(),
            started=0,
        )
        response = TurnResponse(self.turn, outbox, self._encoder, headers={}, shutdown_grace_s=0)
        await response(scope, receive, send)

    async def _run(self, emit: Emit) -> None:
        await emit([Start("msg-1"), StepStart()])
        for _ in range(self.PIECES):
            await emit([TextDelta(self.PIECE)])
            self.emitted += len(self.PIECE)
        await emit([StepEnd("stop"), Finish("stop")])


# Kernel buffers of both sides (the sender's grows by itself), uvicorn's and the outbox.
ON_THE_WAY_BYTES = 12_000_000


@pytest.mark.parametrize("make_encoder", [TextStreamEncoder, UIMessageStreamEncoder])
async def test_a_client_that_reads_nothing_holds_the_turn_back(
    make_encoder: Callable[[], Encoder],
) -> None:
    torrent = Torrent(make_encoder())
    async with served(Starlette(routes=[Mount("/", torrent)])) as url:
        reader, writer = await _asking(url)

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(torrent.over.wait(), 0.5)

        assert torrent.emitted < ON_THE_WAY_BYTES
        received = (await reader.read()).count(b"#")
        assert received == torrent.emitted == torrent.PIECES * len(torrent.PIECE)
        writer.close()


@pytest.mark.parametrize("make_encoder", [TextStreamEncoder, UIMessageStreamEncoder])
async def test_a_client_that_reads_nothing_and_leaves_ends_the_turn(
    make_encoder: Callable[[], Encoder],
) -> None:
    torrent = Torrent(make_encoder())
    async with served(Starlette(routes=[Mount("/", torrent)])) as url:
        _, writer = await _asking(url)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(torrent.over.wait(), 0.2)

        writer.transport.abort()
        await torrent.over.wait()

        assert torrent.turn is not None
        assert torrent.turn.record.client_left is True


async def _asking(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send a request on a connection that takes in little until it is read from."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", int(url.rpartition(":")[2])))
    reader, writer = await asyncio.open_connection(sock=connection, limit=4096)
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    await writer.drain()
    return reader, writer

"""Leaving, and clients that read slowly: what happens to a turn when its response ends."""

import asyncio
import gc
import json
import re
from collections.abc import Callable

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import Message

from app.at_once import AtOnce
from app.aws.asgi_extensions import OUTCOME
from app.events import Emit, Error, Usage
from app.http.responses import whole_answer_again
from app.protocols.encoder import Encoder
from app.protocols.negotiation import PROTOCOLS
from app.protocols.text_stream import TextStreamEncoder
from app.protocols.ui_message_stream import UIMessageStreamEncoder
from app.scripted_model.control import Control
from app.turns.errors import TIME_LIMIT
from app.turns.live_turn import LiveTurn
from app.turns.transcript import Transcript
from app.turns.whole_turn import WholeTurn
from tests.chatting import NOWHERE, Reader, chatting, data_body, logged, ui_body
from tests.serving import served
from tests.torrent import Torrent, asking


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_client_that_leaves_closes_the_models_stream_at_once(
    model: str, control: Control, protocol: str
) -> None:
    before = asyncio.all_tasks()
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
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_client_that_leaves_before_the_status_is_known_closes_the_models_request(
    model: str, control: Control, protocol: str
) -> None:
    before = asyncio.all_tasks()
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
    assert asyncio.all_tasks() - {asking} == before


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


async def test_a_turn_that_is_over_leaves_nothing_for_the_garbage_collector(model: str) -> None:
    gc.collect()
    gc.disable()
    try:
        async with chatting(model) as chat:
            answer = await chat.post(data_body("scenario: text tokens=3"))
            for _ in range(20):  # rounds of the loop in which the response ends
                await asyncio.sleep(0)

            left = [known for known in gc.get_objects() if isinstance(known, LiveTurn | AtOnce)]
    finally:
        gc.enable()

    assert answer.status_code == 200
    assert left == []


# Kernel buffers of both sides (the sender's grows by itself), uvicorn's and the outbox.
ON_THE_WAY_BYTES = 12_000_000


@pytest.mark.parametrize("make_encoder", [TextStreamEncoder, UIMessageStreamEncoder])
async def test_a_client_that_reads_nothing_holds_the_turn_back(
    make_encoder: Callable[[], Encoder],
) -> None:
    torrent = Torrent(make_encoder())
    async with served(Starlette(routes=[Mount("/", torrent)])) as url:
        reader, writer = await asking(url)

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
        _, writer = await asking(url)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(torrent.over.wait(), 0.2)

        writer.transport.abort()
        await torrent.over.wait()

        assert torrent.turn is not None
        assert torrent.turn.outcome is not None
        assert torrent.turn.outcome.client_left is True


async def test_a_turn_that_is_stopped_while_its_client_reads_nothing_misses_no_part() -> None:
    torrent = Torrent(UIMessageStreamEncoder(), alternate=True)
    async with served(Starlette(routes=[Mount("/", torrent)])) as url:
        reader, writer = await asking(url)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(torrent.over.wait(), 0.2)

        torrent.stop(TIME_LIMIT)
        body = await reader.read()
        writer.close()

    assert torrent.turn is not None
    assert torrent.turn.error == TIME_LIMIT
    assert TIME_LIMIT.message.encode() in body
    started, ended = (
        re.findall(rb'"(?:text|reasoning)-%b","id":"(\w+)"' % what, body)
        for what in (b"start", b"end")
    )
    assert started == ended
    assert len(started) > 10


@pytest.mark.parametrize("fails_at", ["http.response.start", "http.response.body"])
async def test_a_server_that_says_so_when_it_sends_has_a_client_that_left(fails_at: str) -> None:
    torrent = Torrent(TextStreamEncoder())

    async def send(message: Message) -> None:
        if message["type"] == fails_at:
            raise OSError("the client has left")

    with logged() as log:
        await torrent({"type": "http"}, _never, send)

    assert torrent.turn is not None
    assert torrent.turn.outcome is not None
    assert torrent.turn.outcome.client_left is True
    assert torrent.turn.error is None
    assert log.records == []


async def test_what_else_a_server_raises_reaches_it_and_not_the_turn() -> None:
    torrent = Torrent(TextStreamEncoder())

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            raise RuntimeError("no more")

    with logged() as log, pytest.raises(RuntimeError, match="no more"):
        await torrent({"type": "http"}, _never, send)

    assert torrent.over.is_set()
    assert torrent.turn is not None
    assert torrent.turn.error is None
    assert log.records == []


async def test_a_turn_that_fails_says_so_to_a_runtime_that_asks() -> None:
    torrent = Torrent(TextStreamEncoder())
    outcome: dict[str, str] = {}

    async def send(message: Message) -> None:
        torrent.stop(TIME_LIMIT)

    await torrent({"type": "http", "extensions": {OUTCOME: outcome}}, _never, send)

    assert outcome == {"error_code": TIME_LIMIT.code, "error_message": TIME_LIMIT.message}


class Lingering(Torrent):
    """Says one thing, and goes on after its end until the gate opens."""

    PIECES = 1

    def __init__(self) -> None:
        super().__init__(UIMessageStreamEncoder())
        self.gate = asyncio.Event()

    async def _run(self, emit: Emit) -> None:
        await super()._run(emit)
        await self.gate.wait()


async def test_the_last_frame_leaves_with_the_end_of_the_response() -> None:
    turn = Lingering()
    turn.gate.set()
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await turn({"type": "http"}, _never, send)

    bodies = [message for message in sent if message["type"] == "http.response.body"]
    assert bodies[-1]["body"].endswith(b"data: [DONE]\n\n")
    assert [message["more_body"] for message in bodies][-1:] == [False]
    assert b"".join(message["body"] for message in bodies).count(b"[DONE]") == 1


async def test_the_last_frame_does_not_wait_for_a_turn_that_is_not_over() -> None:
    turn = Lingering()
    ends: list[tuple[bool, bool]] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            ends.append((message["body"].endswith(b"data: [DONE]\n\n"), message["more_body"]))
            if ends[-1][0]:
                turn.gate.set()  # only who has the last frame lets the turn end

    await turn({"type": "http"}, _never, send)

    assert ends[-2:] == [(True, True), (False, False)]


async def _never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


def test_a_turn_that_failed_is_told_again_with_its_status() -> None:
    whole = WholeTurn(Transcript("m"), Error("deadline_exceeded", "Cut off."), Usage())

    response = whole_answer_again(whole, "c1", {"x-chat-turn-id": "t1"})

    assert response.status_code == 504
    assert response.headers["x-chat-turn-id"] == "t1"
    assert json.loads(bytes(response.body)) == {
        "success": False,
        "error": "Cut off.",
        "message": {"id": "m", "role": "assistant", "parts": []},
    }

"""What our own server does beside ASGI, over real sockets."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI
from starlette.middleware.base import RequestResponseEndpoint
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.own_server import OwnServer, is_bare, own_server
from app.main import create_app
from app.protocols.ui_message_stream import UIMessageStreamEncoder
from app.settings import Settings
from tests.serving import served
from tests.torrent import Torrent, asking

_PIECE = b"#" * 100_000


class _Site:
    """An ASGI app that begins a response and waits; the test goes on with it."""

    def __init__(self) -> None:
        self.server: asyncio.Future[OwnServer] = asyncio.get_running_loop().create_future()
        self.may_end = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first ", "more_body": True})
        server = own_server(scope)
        assert server is not None
        self.server.set_result(server)
        await self.may_end.wait()
        await send({"type": "http.response.body", "body": b"last", "more_body": False})


async def _live(receive: Receive, send: Send) -> None:
    for stage in ("startup", "shutdown"):
        assert (await receive())["type"] == f"lifespan.{stage}"
        await send({"type": f"lifespan.{stage}.complete"})


@pytest.mark.parametrize("scope", [{}, {"extensions": None}, {"extensions": {"x": {}}}])
def test_another_server_is_not_ours(scope: Scope) -> None:
    assert own_server(scope) is None


async def test_a_piece_is_written_at_once_and_in_order() -> None:
    site = _Site()
    async with served(site, writes_pieces=True) as url:
        reader, writer = await asking(url)
        server = await site.server

        assert server.write(b"second ")
        assert await reader.readuntil(b"second \r\n")
        site.may_end.set()
        rest = await reader.read()
        writer.close()

    assert rest == b"4\r\nlast\r\n0\r\n\r\n"


async def test_nothing_more_is_written_to_a_client_that_does_not_read() -> None:
    site = _Site()
    async with served(site, writes_pieces=True) as url:
        reader, writer = await asking(url)
        server = await site.server

        written = 0
        while server.write(_PIECE):
            written += 1
        site.may_end.set()
        body = await reader.read()
        writer.close()

    assert body.count(b"#") == written * len(_PIECE)
    assert body.endswith(b"4\r\nlast\r\n0\r\n\r\n")


async def test_nothing_is_written_to_a_client_that_has_left() -> None:
    site = _Site()
    async with served(site, writes_pieces=True) as url:
        _, writer = await asking(url)
        server = await site.server
        leaving = server.leaving()
        assert leaving is not None
        assert not leaving.done()

        writer.transport.abort()
        await leaving

        assert not server.write(b"second")
        assert server.leaving() is None
        site.may_end.set()


class _Answer(Torrent):
    PIECES = 100
    PIECE = "word"


async def test_an_answer_passes_by_what_stands_around_it_but_for_its_ends() -> None:
    answer = _Answer(UIMessageStreamEncoder())
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return

        async def seen(message: Message) -> None:
            sent.append(message)
            await send(message)

        await answer(scope, receive, seen)

    async with served(app, writes_pieces=True) as url:
        reader, writer = await asking(url)
        body = await reader.read()
        writer.close()

    assert body.count(b"word") == answer.PIECES
    assert body.index(b"start-step") < body.index(b"word") < body.rindex(b"[DONE]")
    assert len(sent) <= 4  # the head, the first and the last frame, and the end


def _chats() -> FastAPI:
    return create_app(Settings(provider="scripted"))


async def _answer(app: ASGIApp) -> str:
    """Return the body of a chat, as a client reads it that takes compressed responses."""
    async with served(app) as url, httpx2.AsyncClient() as client:
        asked = {"prompt": "Hello", "protocol": "data"}
        return (await client.post(f"{url}/api/chat", json=asked)).text


def _words(answer: str) -> list[str]:
    return [line for line in answer.splitlines() if line.startswith("0:")]


async def test_middleware_that_somebody_adds_gets_every_piece() -> None:
    plain, zipped, seen = _chats(), _chats(), _chats()
    zipped.add_middleware(GZipMiddleware)
    pieces: list[bytes] = []

    @seen.middleware("http")
    async def count(request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        body = response.body_iterator  # type: ignore[attr-defined]

        async def counted() -> AsyncIterator[bytes]:
            async for piece in body:
                pieces.append(piece)
                yield piece

        response.body_iterator = counted()  # type: ignore[attr-defined]
        return response

    expected = _words(await _answer(plain))

    assert len(expected) > 3
    assert _words(await _answer(zipped)) == expected
    assert _words(await _answer(seen)) == expected == _words(b"".join(pieces).decode())
    assert [is_bare(app) for app in (plain, zipped, seen)] == [True, False, False]


async def test_our_app_in_another_is_not_bare() -> None:
    ours = _chats()
    outer = FastAPI()
    outer.include_router(ours.router)

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        await ours(scope, receive, send)

    assert is_bare(ours)
    assert not is_bare(outer)
    assert not is_bare(wrapped)

"""Whoever stops waiting leaves nothing behind, in whatever state the opener is."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager

import pytest

from app.providers.openers.opener import ByteStream
from tests.providers.openers.certificates import server_tls
from tests.providers.openers.every_opener import MakeOpener
from tests.providers.openers.leaving import Leaving
from tests.providers.openers.reading import BODY, Run, ask
from tests.providers.upstream import Connection, Script, accept, respond, serve, settled

LARGE = b'{"x":"%b"}' % (b"x" * 8_000_000)


class Scene:
    """One state: how the opener gets into it.

    Attributes:
        is_there: set as soon as it is in the state.
        closed: set when the server has seen the connection closed.
        body: of the request.
    """

    def __init__(self, *, body: bytes = BODY) -> None:
        self.is_there, self.closed = asyncio.Event(), asyncio.Event()
        self.body = body

    async def hold(self, connection: Connection) -> None:
        """Say that the state is reached, and wait for the client to leave."""
        self.is_there.set()
        await connection.closed_by_client()
        self.closed.set()


# Gives the base URL of a server that holds the opener in a state.
Held = Callable[[Scene, pytest.MonkeyPatch], AbstractAsyncContextManager[str]]


@asynccontextmanager
async def connecting(scene: Scene, _: pytest.MonkeyPatch) -> AsyncIterator[str]:
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for waiting in (first, second):  # the backlog is full then
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        scene.is_there.set()
        scene.closed.set()  # nobody sees it
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


@asynccontextmanager
async def handshake(scene: Scene, _: pytest.MonkeyPatch) -> AsyncIterator[str]:
    async def play(connection: Connection) -> None:
        await connection.read_some()
        await scene.hold(connection)

    async with accept(play) as upstream:
        yield upstream.url.replace("http:", "https:")


@asynccontextmanager
async def asking_a_proxy(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    async with serve(scene.hold) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        yield "https://model.test/v1"


@asynccontextmanager
async def handshake_in_a_tunnel(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[str]:
    async def play(connection: Connection) -> None:
        await connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
        await connection.read_some()
        await scene.hold(connection)

    async with serve(play) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        yield "https://model.test/v1"


@asynccontextmanager
async def sending(scene: Scene, _: pytest.MonkeyPatch) -> AsyncIterator[str]:
    left = asyncio.Event()

    async def play(connection: Connection) -> None:
        await connection.read_some()
        scene.is_there.set()
        await left.wait()
        await connection.closed_by_client()
        scene.closed.set()

    scene.body = LARGE
    async with accept(play) as upstream:
        asyncio.get_running_loop().call_later(0.05, left.set)
        yield upstream.url


def _served(script: Callable[[Scene], Script], *, tls: bool = False) -> Held:
    @asynccontextmanager
    async def held(scene: Scene, _: pytest.MonkeyPatch) -> AsyncIterator[str]:
        async with serve(script(scene), tls=server_tls() if tls else None) as upstream:
            yield upstream.url

    return held


def _after(beginning: bytes) -> Callable[[Scene], Script]:
    def script(scene: Scene) -> Script:
        async def play(connection: Connection) -> None:
            await connection.send(beginning)
            await scene.hold(connection)

        return play

    return script


def _in_the_pause(scene: Scene) -> Script:
    async def play(connection: Connection) -> None:
        headers = {"retry-after": "2"}
        await respond(b"{}", status=503, headers=headers)(connection)
        scene.is_there.set()
        scene.closed.set()  # the connection may be kept

    return play


STATES: dict[str, Held] = {
    "connecting": connecting,
    "in the handshake": handshake,
    "asking a proxy": asking_a_proxy,
    "in the handshake behind a proxy": handshake_in_a_tunnel,
    "sending": sending,
    "waiting for headers": _served(_after(b"")),
    "waiting for headers over TLS": _served(_after(b""), tls=True),
    "within the headers": _served(_after(b"HTTP/1.1 200 OK\r\nserver: ")),
    "between interim and headers": _served(_after(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "reading an error": _served(_after(b"HTTP/1.1 400 No\r\ncontent-length: 9\r\n\r\n{")),
    "in the pause before a retry": _served(_in_the_pause),
}


async def _cancelled(task: asyncio.Task[ByteStream], scene: Scene) -> None:
    await scene.is_there.wait()
    await settled()
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await scene.closed.wait()


@pytest.mark.parametrize("state", STATES)
def test_who_cancels_a_request_leaves_nothing_behind(
    make_opener: MakeOpener, state: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check() -> None:
        scene = Scene()
        async with (
            asyncio.timeout(15),
            STATES[state](scene, monkeypatch) as url,
            aclosing(make_opener(base_url=url)) as opener,
        ):
            before = Leaving()
            task = asyncio.ensure_future(opener.open("/chat/completions", scene.body))
            await _cancelled(task, scene)
            if state == "in the pause before a retry":
                await opener.aclose()  # the connection, which serves again
            await before.is_nothing()

    run(check())


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("state", ["waiting", "with unread data", "paused", "at the end"])
def test_who_leaves_a_stream_leaves_nothing_behind(
    make_opener: MakeOpener, state: str, tls: bool, run: Run
) -> None:
    more = {"waiting": 0, "with unread data": 3, "paused": 4_000_000, "at the end": 0}[state]

    async def check() -> None:
        scene = Scene()

        async def play(connection: Connection) -> None:
            try:
                await connection.start()
                await connection.chunk(b"a")
                if more:
                    await connection.chunk(b"b" * more)
                if state == "at the end":
                    await connection.send(b"0\r\n\r\n")
                await scene.hold(connection)
            finally:
                scene.closed.set()

        async with (
            asyncio.timeout(15),
            serve(play, tls=server_tls() if tls else None) as upstream,
            aclosing(make_opener(base_url=upstream.url)) as opener,
        ):
            before = Leaving()
            stream = await opener.open("/chat/completions", BODY)
            async with aclosing(stream):
                assert (await stream.read())[:1] == b"a"
                if state == "waiting":
                    await scene.is_there.wait()
                    reading = asyncio.ensure_future(stream.read())
                    await settled()
                    reading.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await reading
                await settled()
            if state == "at the end":
                await opener.aclose()
            await scene.closed.wait()
            await before.is_nothing()

    run(check())


async def test_an_opener_that_is_closed_leaves_nothing_behind(make_opener: MakeOpener) -> None:
    async with serve(respond(b"a"), respond(b"b"), tls=server_tls()) as upstream:
        before = Leaving()
        async with aclosing(make_opener(base_url=upstream.url)) as opener:
            assert [await ask(opener), await ask(opener)] == [b"a", b"b"]
        await opener.aclose()
        await before.is_nothing()

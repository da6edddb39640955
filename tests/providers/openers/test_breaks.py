"""What came before a break is read before its error, with every opener, on both event loops."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

import pytest

from app.errors import ProviderError, ProviderTimeout
from tests.providers.openers.certificates import server_tls
from tests.providers.openers.every_opener import MakeOpener
from tests.providers.openers.proxying import relay
from tests.providers.openers.reading import BODY, Run, read_to_the_end
from tests.providers.upstream import Connection, accept, serve, settled

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
FIXED = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"
UNBOUNDED = b"HTTP/1.1 200 OK\r\n\r\n"


@dataclass(frozen=True)
class Break:
    """A response that breaks.

    Attributes:
        before: its beginning, which brings ``data: a`` or nothing.
        more: what comes together with the break: the rest of the readable data.
        how: what the server does then.
    """

    before: bytes
    more: bytes
    how: Callable[[Connection], Awaitable[None] | None]
    is_timeout: bool = False


async def _stay(connection: Connection) -> None:
    await connection.closed_by_client()


FIRST = b"9\r\ndata: a\n\n\r\n"
BREAKS = {
    "closed in a chunk": Break(CHUNKED + FIRST, b"9\r\ndata:", Connection.close),
    "closed between chunks": Break(CHUNKED + FIRST, b"5\r\ndata:\r\n", Connection.close),
    "closed before the last line end": Break(
        CHUNKED + FIRST, b"5\r\ndata:\r\n0\r\n", Connection.close
    ),
    "closed in a trailer": Break(CHUNKED + FIRST, b"5\r\ndata:\r\n0\r\nx: 1\r\n", Connection.close),
    "closed in a chunk's size": Break(CHUNKED + FIRST, b"5\r\ndata:\r\n5", Connection.close),
    "closed before its length": Break(FIXED + b"data: a\n\n", b"data:", Connection.close),
    "reset in a chunk": Break(CHUNKED + FIRST, b"9\r\ndata:", Connection.reset),
    "reset before its length": Break(FIXED + b"data: a\n\n", b"data:", Connection.reset),
    "reset without a length": Break(UNBOUNDED + b"data: a\n\n", b"data:", Connection.reset),
    "malformed": Break(CHUNKED + FIRST, b"5\r\ndata:\r\nnonsense\r\n", _stay),
    "silent in a chunk": Break(CHUNKED + FIRST, b"9\r\ndata:", _stay, is_timeout=True),
    "silent before its length": Break(FIXED + b"data: a\n\n", b"data:", _stay, is_timeout=True),
    "silent without a length": Break(UNBOUNDED + b"data: a\n\n", b"data:", _stay, is_timeout=True),
}


class Server:
    """Plays a `Break`: its end when told to, or at once."""

    def __init__(self, broken: Break, *, at_once: bool) -> None:
        self._broken = broken
        self._at_once = at_once
        self.go_on, self.is_over = asyncio.Event(), asyncio.Event()

    async def play(self, connection: Connection) -> None:
        await connection.send(self._broken.before)
        if not self._at_once:
            await self.go_on.wait()
        await connection.send(self._broken.more)
        if (ending := self._broken.how(connection)) is not None:
            self.is_over.set()
            await ending
        self.is_over.set()


@pytest.mark.parametrize("when", ["waited for", "read late", "before the first read"])
@pytest.mark.parametrize("name", BREAKS)
def test_what_came_before_a_break_is_read_first(
    make_opener: MakeOpener, name: str, when: str, run: Run
) -> None:
    broken = BREAKS[name]

    async def check() -> None:
        server = Server(broken, at_once=when == "before the first read")
        # On a time-out the silence may begin before the late reader comes.
        timeout_s = 0.05 if broken.is_timeout else 100
        async with (
            asyncio.timeout(10),
            serve(server.play) as upstream,
            aclosing(make_opener(base_url=upstream.url, read_timeout_s=timeout_s)) as opener,
            aclosing(await opener.open("/chat/completions", BODY)) as stream,
        ):
            received = b""
            if when != "before the first read":
                received = await stream.read()
                server.go_on.set()
            if when != "waited for":
                await server.is_over.wait()
                await settled()
                if broken.is_timeout:
                    await asyncio.sleep(2 * timeout_s)  # the reader's own delay
            rest, failure = await read_to_the_end(stream)

        assert received + rest == b"data: a\n\ndata:"
        assert type(failure) is (ProviderTimeout if broken.is_timeout else ProviderError)

    run(check())


TLS_BREAKS: dict[str, Callable[[Connection], Awaitable[None] | None]] = {
    "closed": Connection.close,
    "reset": Connection.reset,
    "a record that is none": lambda connection: connection.send(b"\x17\x03\x03\x00\x05abcde"),
    "no TLS at all": lambda connection: connection.send(b"HTTP/1.1 500 Oops\r\n\r\n"),
}


@pytest.mark.parametrize("is_read_late", [False, True], ids=["waited for", "read late"])
@pytest.mark.parametrize("how", TLS_BREAKS)
def test_what_came_before_tls_breaks_is_read_first(
    make_opener: MakeOpener, how: str, is_read_late: bool, run: Run
) -> None:
    async def check() -> None:
        is_sent, is_over = asyncio.Event(), asyncio.Event()

        async def play(connection: Connection) -> None:
            await connection.send(CHUNKED + FIRST + b"9\r\ndata:")
            is_sent.set()
            await connection.closed_by_client()

        async def spoiled(connection: Connection) -> None:
            copying = asyncio.ensure_future(relay(connection, upstream.port))
            try:
                await is_sent.wait()
                await settled()
                if (spoiling := TLS_BREAKS[how](connection)) is not None:
                    await spoiling
                await settled()
                is_over.set()
                await connection.closed_by_client()
            finally:
                copying.cancel()
                await asyncio.gather(copying, return_exceptions=True)

        async with (
            asyncio.timeout(10),
            serve(play, tls=server_tls()) as upstream,
            accept(spoiled) as between,
            aclosing(make_opener(base_url=f"https://127.0.0.1:{between.port}/v1")) as opener,
            aclosing(await opener.open("/chat/completions", BODY)) as stream,
        ):
            if is_read_late:
                await is_over.wait()
            received, failure = await read_to_the_end(stream)

        assert received == b"data: a\n\ndata:"
        assert type(failure) is ProviderError

    run(check())

"""A reader that does not read holds up the server, not memory, with every opener."""

import asyncio
from contextlib import aclosing

import pytest

from tests.providers.openers.certificates import server_tls
from tests.providers.openers.every_opener import MakeOpener
from tests.providers.openers.reading import BODY, Run, read_to_the_end
from tests.providers.upstream import Connection, serve, settled

PIECE = bytes(range(256)) * 256
PIECES = 240  # 15 MiB: the buffers of both ends hold a third of it at most
TOTAL = len(PIECE) * PIECES
HEADS = {
    "chunked": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    "content-length": b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % TOTAL,
    "connection": b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n",
}


@pytest.mark.parametrize(
    ("framing", "tls", "is_broken"),
    [
        ("chunked", False, False),
        ("chunked", False, True),
        ("chunked", True, False),
        ("chunked", True, True),
        ("content-length", False, False),
        ("content-length", False, True),
        ("connection", False, False),  # its end cannot be told from a break
    ],
)
def test_who_does_not_read_holds_up_the_server_and_loses_nothing(
    make_opener: MakeOpener, framing: str, tls: bool, is_broken: bool, run: Run
) -> None:
    async def check() -> None:
        sent = 0

        async def play(connection: Connection) -> None:
            nonlocal sent
            connection.hold_little()
            await connection.send(HEADS[framing])
            for _ in range(PIECES - is_broken):
                data = b"%x\r\n%b\r\n" % (len(PIECE), PIECE) if framing == "chunked" else PIECE
                await connection.send(data)
                sent += len(PIECE)
            if framing == "chunked" and not is_broken:
                await connection.finish()
            if is_broken or framing == "connection":
                connection.close()

        async with (
            asyncio.timeout(20),
            serve(play, tls=server_tls() if tls else None) as upstream,
            aclosing(make_opener(base_url=upstream.url)) as opener,
            aclosing(await opener.open("/chat/completions", BODY)) as stream,
        ):
            before = -1
            while before < sent:
                before = sent
                await settled()
                await settled()
            held_up_at = sent
            received, failure = await read_to_the_end(stream)

        assert held_up_at < TOTAL * 2 // 3
        assert len(received) == len(PIECE) * (PIECES - is_broken)
        assert received == PIECE * (PIECES - is_broken)
        assert (failure is not None) is is_broken

    run(check())


async def test_a_paused_stream_may_be_left(make_opener: MakeOpener) -> None:
    closed = asyncio.Event()

    async def play(connection: Connection) -> None:
        try:
            await connection.start()
            while True:
                await connection.chunk(PIECE)
        finally:
            closed.set()

    async with (
        asyncio.timeout(10),
        serve(play) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
    ):
        async with aclosing(await opener.open("/chat/completions", BODY)) as stream:
            assert await stream.read()
            for _ in range(10):
                await settled()
        await closed.wait()


async def test_silence_while_nobody_reads_takes_nothing_away(make_opener: MakeOpener) -> None:
    """A reader that was held up by its own client comes late, and then reads all of it."""
    pieces = 40

    async def play(connection: Connection) -> None:
        await connection.start()
        for _ in range(pieces):
            await connection.chunk(PIECE)
        await connection.finish()

    async with (
        asyncio.timeout(10),
        serve(play) as upstream,
        aclosing(make_opener(base_url=upstream.url, read_timeout_s=0.5)) as opener,
        aclosing(await opener.open("/chat/completions", BODY)) as stream,
    ):
        await asyncio.sleep(0.8)  # longer than the server may be silent
        received, failure = await read_to_the_end(stream)

    assert failure is None
    assert received == PIECE * pieces

"""The time limits of every opener that no other test is about.

Connecting: `test_tls`, `test_proxies`; sending: `test_sending`; the body: `test_breaks`.
"""

import asyncio
import time
from contextlib import aclosing

import pytest

from app.errors import ProviderError, ProviderTimeout
from app.providers.failures import ERROR_BODY_TIMEOUT_S
from tests.providers.openers.every_opener import EVERY_OPENER, MakeOpener
from tests.providers.openers.reading import BODY, ask
from tests.providers.upstream import Connection, Script, serve


def begins_with(beginning: bytes) -> Script:
    async def play(connection: Connection) -> None:
        await connection.send(beginning)
        await connection.closed_by_client()

    return play


@pytest.mark.parametrize(
    "beginning",
    [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nserver: x\r\n", b"HTTP/1.1 103 X\r\n\r\n"],
    ids=["nothing", "half a status line", "half a head", "interim only"],
)
async def test_headers_that_do_not_come_are_a_timeout_that_is_not_retried(
    make_opener: MakeOpener, beginning: bytes
) -> None:
    async with (
        asyncio.timeout(10),
        serve(*[begins_with(beginning)] * 3) as upstream,
        aclosing(make_opener(base_url=upstream.url, read_timeout_s=0.05)) as opener,
    ):
        with pytest.raises(ProviderTimeout):
            await opener.open("/chat/completions", BODY)

    assert len(upstream.requests) == 1


async def test_an_error_whose_body_does_not_come_keeps_its_status(make_opener: MakeOpener) -> None:
    beginning = b"HTTP/1.1 400 No\r\ncontent-length: 99\r\n\r\n{"
    async with (
        asyncio.timeout(10),
        serve(begins_with(beginning)) as upstream,
        aclosing(make_opener(base_url=upstream.url, read_timeout_s=0.05)) as opener,
    ):
        with pytest.raises(ProviderError, match="status 400"):
            await opener.open("/chat/completions", BODY)


async def test_a_stream_may_take_longer_than_the_longest_silence(make_opener: MakeOpener) -> None:
    """The limit is for each read: a model may think at length, and speak at length."""

    async def play(connection: Connection) -> None:
        await connection.start()
        end = time.monotonic() + 2
        while time.monotonic() < end:
            await connection.chunk(b"a")
            await asyncio.sleep(0.02)
        await connection.finish()

    async with (
        serve(play) as upstream,
        aclosing(make_opener(base_url=upstream.url, read_timeout_s=1.5)) as opener,
    ):
        assert set(await ask(opener)) == set(b"a")


async def test_an_error_that_drips_is_read_for_some_seconds() -> None:
    """All openers at once: it takes as long as the limit, which nobody may shorten."""

    async def play(connection: Connection) -> None:
        await connection.start(400)
        while True:
            await connection.chunk(b" ")
            await asyncio.sleep(0.1)

    async def refused(make: MakeOpener) -> float:
        begin = time.monotonic()
        async with serve(play) as upstream, aclosing(make(base_url=upstream.url)) as opener:
            with pytest.raises(ProviderError, match="status 400"):
                await opener.open("/chat/completions", BODY)
        return time.monotonic() - begin

    async with asyncio.timeout(ERROR_BODY_TIMEOUT_S * 6):
        took = await asyncio.gather(*map(refused, EVERY_OPENER.values()))

    assert min(took) >= ERROR_BODY_TIMEOUT_S * 0.9

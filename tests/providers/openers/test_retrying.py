"""What every opener sends again by itself, and what it does not.

The statuses are in `test_opener`, the pauses in `test_retries` and `test_aiohttp_client`.
"""

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import aclosing

import pytest

from app.errors import ProviderError, ProviderRateLimited, ProviderUnreachable
from tests.providers.openers.every_opener import MakeOpener
from tests.providers.openers.reading import BODY, ask
from tests.providers.upstream import Connection, Script, hang_up, respond, serve, settled


def broken_off(beginning: bytes, how: Callable[[Connection], None]) -> Script:
    async def play(connection: Connection) -> None:
        if beginning:
            await connection.send(beginning)
        how(connection)

    return play


@pytest.mark.parametrize(
    "script",
    [
        broken_off(b"", Connection.close),
        broken_off(b"", Connection.reset),
        broken_off(b"HTTP/1.1 200 OK\r\ncontent-le", Connection.close),
    ],
    ids=["closed", "reset", "closed within the headers"],
)
async def test_a_connection_that_breaks_before_its_response_is_tried_again(
    make_opener: MakeOpener, script: Script
) -> None:
    async with (
        serve(script, respond(b"a")) as upstream,
        aclosing(make_opener(base_url=upstream.url, max_retries=1)) as opener,
    ):
        assert await ask(opener) == b"a"

    assert upstream.requests[0].body == upstream.requests[1].body


async def test_a_server_that_is_just_starting_is_tried_again(make_opener: MakeOpener) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        await connection.read_request()
        await respond(b"a")(connection)
        await connection.closed_by_client()
        writer.close()

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))  # who only does that refuses connections
        port = listener.getsockname()[1]
        async with aclosing(make_opener(base_url=f"http://127.0.0.1:{port}/v1")) as opener:
            begin = time.monotonic()
            asking = asyncio.ensure_future(ask(opener))
            await settled()
            await settled()
            server = await asyncio.start_server(answer, sock=listener)
            assert await asking == b"a"
        server.close()

    assert time.monotonic() - begin > 0.3  # the shortest pause: it was refused at first


@pytest.mark.parametrize("retries", [0, 1])
async def test_it_gives_up_after_its_retries(make_opener: MakeOpener, retries: int) -> None:
    async with (
        serve(*[hang_up] * 3) as upstream,
        aclosing(make_opener(base_url=upstream.url, max_retries=retries)) as opener,
    ):
        with pytest.raises(ProviderUnreachable):
            await opener.open("/chat/completions", BODY)

    assert len(upstream.requests) == 1 + retries


async def test_the_server_may_ask_for_a_retry(make_opener: MakeOpener) -> None:
    headers = {"x-should-retry": "true", "retry-after-ms": "1"}

    async with (
        serve(respond(b"{}", status=404, headers=headers), respond(b"a")) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
    ):
        assert await ask(opener) == b"a"


async def test_the_server_may_ask_for_none(make_opener: MakeOpener) -> None:
    headers = {"x-should-retry": "false", "retry-after-ms": "1"}

    async with (
        serve(respond(b"{}", status=503, headers=headers), respond(b"a")) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
    ):
        with pytest.raises(ProviderError):
            await opener.open("/chat/completions", BODY)

    assert len(upstream.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_a_pause_that_our_client_would_not_wait_for_is_not_made(
    make_opener: MakeOpener, status: int
) -> None:
    refusal = respond(b"{}", status=status, headers={"retry-after": "20"})

    async with (
        asyncio.timeout(5),
        serve(refusal, respond()) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
    ):
        with pytest.raises(ProviderRateLimited if status == 429 else ProviderError):
            await opener.open("/chat/completions", BODY)

    assert len(upstream.requests) == 1


async def test_a_stream_that_broke_is_never_asked_for_again(make_opener: MakeOpener) -> None:
    async def play(connection: Connection) -> None:
        await connection.start()
        connection.close()

    async with (
        serve(play, respond(b"a")) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
    ):
        with pytest.raises(ProviderError):
            await ask(opener)

    assert len(upstream.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 422])
async def test_what_would_be_refused_again_is_sent_once(
    make_opener: MakeOpener, status: int
) -> None:
    async with (
        serve(*[respond(b"{}", status=status)] * 2) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
    ):
        with pytest.raises(ProviderError):
            await opener.open("/chat/completions", BODY)

    assert len(upstream.requests) == 1

"""How every opener sends a request that is large, to a server that does not read it at once."""

import asyncio
import json
from contextlib import aclosing

import pytest

from app.errors import ProviderRefused, ProviderTimeout
from tests.providers.openers.every_opener import MakeOpener
from tests.providers.openers.reading import ask, read_all
from tests.providers.upstream import Connection, accept, respond, settled

SIZE = 8_000_000
LARGE = b'{"x":"%b"}' % (b"x" * SIZE)
HUGE = b'{"x":"%b"}' % (b"x" * SIZE * 4)


async def read_head(connection: Connection) -> tuple[int, bytes]:
    """Return the length of the body and what came of it with the head."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += await connection.read_some()
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    [length] = [int(line[16:]) for line in lines if line.startswith("content-length: ")]
    return length, rest


async def test_a_large_body_arrives_whole_at_a_slow_reader(make_opener: MakeOpener) -> None:
    received = b""
    turns = 0

    async def play(connection: Connection) -> None:
        nonlocal received
        length, received = await read_head(connection)
        await settled()
        pieces = [received]
        missing = length - len(received)
        while missing:
            pieces.append(await connection.read_some())
            missing -= len(pieces[-1])
            assert pieces[-1]
        received = b"".join(pieces)
        await respond(b"a")(connection)

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with accept(play) as upstream, aclosing(make_opener(base_url=upstream.url)) as opener:
        counting = asyncio.ensure_future(count())
        assert await ask(opener, LARGE) == b"a"
        counting.cancel()

    assert json.loads(received) == {"x": "x" * SIZE}
    assert turns > 20  # the loop went on meanwhile


async def test_a_refusal_may_come_before_the_request_was_sent(make_opener: MakeOpener) -> None:
    async def play(connection: Connection) -> None:
        await read_head(connection)
        await respond(b'{"error":"too large"}', status=413)(connection)
        connection.end()
        await connection.closed_by_client()

    async with (
        asyncio.timeout(10),
        accept(play) as upstream,
        aclosing(make_opener(base_url=upstream.url, max_retries=0)) as opener,
    ):
        with pytest.raises(ProviderRefused, match="status 413"):
            await opener.open("/chat/completions", LARGE)


@pytest.mark.parametrize("is_read_on", [True, False], ids=["read on", "never read"])
async def test_an_answer_may_come_before_the_request_was_sent(
    make_opener: MakeOpener, is_read_on: bool
) -> None:
    """And the connection, on which a part of the request is missing, serves no other."""
    closed = asyncio.Event()

    async def play(connection: Connection) -> None:
        await read_head(connection)
        await respond(b"data: a\n\n")(connection)
        if is_read_on:
            await connection.closed_by_client()
            closed.set()
        else:
            await let_go.wait()

    async def again(connection: Connection) -> None:
        await connection.read_request()
        await respond(b"data: b\n\n")(connection)

    let_go = asyncio.Event()
    async with (
        asyncio.timeout(10),
        accept(play, again) as upstream,
        aclosing(make_opener(base_url=upstream.url, max_retries=0)) as opener,
    ):
        assert await read_all(await opener.open("/chat/completions", LARGE)) == b"data: a\n\n"
        assert await ask(opener) == b"data: b\n\n"
        let_go.set()
        if is_read_on:
            await opener.aclose()
            await closed.wait()


async def test_a_server_that_never_reads_is_a_timeout(make_opener: MakeOpener) -> None:
    closed = asyncio.Event()

    async def play(connection: Connection) -> None:
        await read_head(connection)
        await given_up.wait()
        await connection.closed_by_client()
        closed.set()

    given_up = asyncio.Event()
    async with (
        asyncio.timeout(10),
        accept(play) as upstream,
        aclosing(make_opener(base_url=upstream.url, max_retries=0, read_timeout_s=0.2)) as opener,
    ):
        with pytest.raises(ProviderTimeout):
            await opener.open("/chat/completions", LARGE)
        given_up.set()
        await closed.wait()


async def test_who_cancels_sends_no_more(make_opener: MakeOpener) -> None:
    received = 0
    is_reading, is_left, is_over = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def play(connection: Connection) -> None:
        nonlocal received
        _, rest = await read_head(connection)
        is_reading.set()
        await is_left.wait()
        received = len(rest)
        try:
            while data := await connection.read_some():
                received += len(data)
        finally:
            is_over.set()

    async with (
        asyncio.timeout(10),
        accept(play) as upstream,
        aclosing(make_opener(base_url=upstream.url, max_retries=0)) as opener,
    ):
        asking = asyncio.ensure_future(opener.open("/chat/completions", HUGE))
        await is_reading.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await settled()
        is_left.set()
        await is_over.wait()

    assert received < 3 * SIZE  # what fits into the buffers of both ends

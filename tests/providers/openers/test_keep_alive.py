"""Which connections every opener uses again, and what becomes of one that died meanwhile."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

import pytest

from app.errors import ProviderTimeout
from tests.providers.openers.every_opener import MakeOpener
from tests.providers.openers.reading import BODY, ask
from tests.providers.upstream import Connection, Script, respond, serve, settled

STOLEN = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nstolen"
WHOLE = {
    "chunked": b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    "content-length": b"content-length: 1\r\n\r\na",
}


def send(response: bytes) -> Script:
    async def play(connection: Connection) -> None:
        await connection.send(response)

    return play


def then(script: Script, following: Callable[[Connection], None]) -> Script:
    async def play(connection: Connection) -> None:
        await script(connection)
        following(connection)

    return play


@pytest.mark.parametrize("framing", WHOLE)
@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_a_connection_serves_again_if_it_may(
    make_opener: MakeOpener, framing: str, version: str
) -> None:
    if (version, framing) == ("1.0", "chunked"):
        head = b"HTTP/1.1 200 OK\r\nConnection: Keep-Alive\r\n"  # there are no chunks in 1.0
    else:
        head = f"HTTP/{version} 200 OK\r\nConnection: Keep-Alive\r\n".encode()

    async with (
        serve(*[send(head + WHOLE[framing])] * 3) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
    ):
        assert [await ask(opener) for _ in range(3)] == [b"a"] * 3

    assert upstream.connections == 1


async def test_a_response_without_a_body_leaves_its_connection_usable(
    make_opener: MakeOpener,
) -> None:
    scripts = [send(b"HTTP/1.1 204 No Content\r\n\r\n"), respond(b"b")]

    async with serve(*scripts) as upstream, aclosing(make_opener(base_url=upstream.url)) as opener:
        assert [await ask(opener), await ask(opener)] == [b"", b"b"]

    assert upstream.connections == 1


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + WHOLE["chunked"],
        b"HTTP/1.1 200 OK\r\nconnection: Close, x\r\n" + WHOLE["content-length"],
        b"HTTP/1.0 200 OK\r\n" + WHOLE["content-length"],
    ],
    ids=["close", "close among others", "HTTP/1.0"],
)
async def test_a_connection_that_shall_be_closed_is_closed_by_us(
    make_opener: MakeOpener, head: bytes
) -> None:
    closed = asyncio.Event()

    async def play(connection: Connection) -> None:
        await connection.send(head)
        await connection.closed_by_client()
        closed.set()

    async with (
        asyncio.timeout(10),
        serve(play, respond(b"b")) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
    ):
        assert await ask(opener) == b"a"
        await closed.wait()
        assert await ask(opener) == b"b"

    assert upstream.connections == 2


@pytest.mark.parametrize("how", [Connection.close, Connection.reset], ids=["closed", "reset"])
async def test_a_connection_that_died_while_idle_is_not_used(
    make_opener: MakeOpener, how: Callable[[Connection], None]
) -> None:
    async with (
        serve(then(respond(b"a"), how), respond(b"b")) as upstream,
        aclosing(make_opener(base_url=upstream.url, max_retries=0)) as opener,
    ):
        assert await ask(opener) == b"a"
        await settled()
        assert await ask(opener) == b"b"

    assert [request.body for request in upstream.requests] == [upstream.requests[0].body] * 2


@pytest.mark.parametrize("how", [Connection.close, Connection.reset], ids=["closed", "reset"])
async def test_a_connection_that_dies_as_it_is_used_again_costs_a_retry_at_most(
    make_opener: MakeOpener, how: Callable[[Connection], None]
) -> None:
    async def play(connection: Connection) -> None:
        how(connection)

    async with (
        serve(respond(b"a"), play, respond(b"b")) as upstream,
        aclosing(make_opener(base_url=upstream.url, max_retries=1)) as opener,
    ):
        assert [await ask(opener), await ask(opener)] == [b"a", b"b"]

    assert (len(upstream.requests), upstream.connections) == (3, 2)


async def test_a_connection_that_fell_silent_is_given_up(make_opener: MakeOpener) -> None:
    """Half-open: the other machine is gone, and nobody has told us."""
    closed = asyncio.Event()

    async def play(connection: Connection) -> None:
        await connection.closed_by_client()
        closed.set()

    async with (
        asyncio.timeout(10),
        serve(respond(b"a"), play, respond(b"b")) as upstream,
        aclosing(make_opener(base_url=upstream.url, max_retries=0, read_timeout_s=0.5)) as opener,
    ):
        assert await ask(opener) == b"a"
        with pytest.raises(ProviderTimeout):
            await opener.open("/chat/completions", BODY)
        await closed.wait()
        assert await ask(opener) == b"b"

    assert upstream.connections == 2


@pytest.mark.parametrize("is_cancelled", [False, True], ids=["left", "cancelled"])
async def test_a_connection_with_half_a_response_never_serves_again(
    make_opener: MakeOpener, is_cancelled: bool
) -> None:
    closed = asyncio.Event()

    async def play(connection: Connection) -> None:
        await connection.start()
        await connection.chunk(b"a")
        await connection.closed_by_client()
        closed.set()

    async with (
        asyncio.timeout(10),
        serve(play, respond(b"b")) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
    ):
        async with aclosing(await opener.open("/chat/completions", BODY)) as stream:
            assert await stream.read() == b"a"
            if is_cancelled:
                reading = asyncio.ensure_future(stream.read())
                await settled()
                reading.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await reading
        await closed.wait()
        assert await ask(opener) == b"b"

    assert upstream.connections == 2


@pytest.mark.parametrize("framing", WHOLE)
async def test_a_response_that_nobody_read_is_not_read_as_the_next_one(
    make_opener: MakeOpener, framing: str
) -> None:
    async with (
        serve(send(b"HTTP/1.1 200 OK\r\n" + WHOLE[framing]), respond(b"b")) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
    ):
        stream = await opener.open("/chat/completions", BODY)
        await settled()
        await stream.aclose()
        assert await ask(opener) == b"b"


@pytest.mark.parametrize("is_late", [False, True], ids=["at once", "while idle"])
@pytest.mark.parametrize("framing", WHOLE)
async def test_what_comes_behind_a_response_is_no_response_to_the_next_request(
    make_opener: MakeOpener, framing: str, is_late: bool
) -> None:
    go_on, is_sent = asyncio.Event(), asyncio.Event()

    async def play(connection: Connection) -> None:
        response = b"HTTP/1.1 200 OK\r\n" + WHOLE[framing]
        if is_late:
            await connection.send(response)
            await go_on.wait()
            await connection.send(STOLEN)
        else:
            await connection.send(response + STOLEN)
        is_sent.set()

    async with (
        asyncio.timeout(10),
        serve(play, respond(b"b"), respond(b"b")) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
    ):
        assert await ask(opener) == b"a"
        go_on.set()
        await is_sent.wait()
        await settled()
        assert await ask(opener) == b"b"


async def test_each_of_many_gets_its_own_response_and_their_connections_serve_again(
    make_opener: MakeOpener,
) -> None:
    requests = 30
    everybody_is_here = asyncio.Barrier(requests)

    async def play(connection: Connection) -> None:
        own = upstream.requests[-1].body
        if len(upstream.requests) <= requests:
            await everybody_is_here.wait()
        await respond(own)(connection)

    async with (
        serve(*[play] * requests * 2) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
    ):
        bodies = [b'{"model":"m%d"}' % number for number in range(requests)]
        for _ in range(2):
            assert await asyncio.gather(*[ask(opener, body) for body in bodies]) == bodies

    assert upstream.connections == requests

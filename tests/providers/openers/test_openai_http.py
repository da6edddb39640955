"""The HTTP client that the openai package is given: what it does with the bodies of errors.

The rest of it is in `test_opener`.
"""

import asyncio

import httpx2

from app.providers.failures import MAX_BODY_BYTES
from app.providers.openers.openai_http import PeerClient
from tests.providers.upstream import Connection, respond, serve


async def test_a_good_body_is_whole() -> None:
    body = b"x" * (2 * MAX_BODY_BYTES)

    async with serve(respond(body)) as upstream, PeerClient() as client:
        assert (await client.get(upstream.url)).content == body


async def test_of_an_errors_body_the_beginning_is_read() -> None:
    script = respond(b"x" * MAX_BODY_BYTES, b"y" * MAX_BODY_BYTES, status=500)

    async with serve(script) as upstream, PeerClient() as client:
        assert (await client.get(upstream.url)).content == b"x" * MAX_BODY_BYTES


async def test_an_errors_body_is_never_inflated() -> None:
    script = respond(b"not gzip at all", status=500, headers={"content-encoding": "gzip"})

    async with serve(script) as upstream, PeerClient() as client:
        assert (await client.get(upstream.url)).content == b"not gzip at all"


async def test_an_errors_body_that_breaks_off_is_as_long_as_it_came() -> None:
    async def play(connection: Connection) -> None:
        await connection.start(500)
        await connection.chunk(b"oops")
        connection.close()

    async with serve(play) as upstream, PeerClient() as client:
        response = await client.get(upstream.url)

    assert (response.status_code, response.content) == (500, b"oops")


async def test_an_errors_body_that_does_not_come_is_not_waited_for() -> None:
    async def play(connection: Connection) -> None:
        await connection.start(500)
        await connection.chunk(b"oops")
        await connection.closed_by_client()

    async with (
        asyncio.timeout(10),
        serve(play) as upstream,
        PeerClient(error_body_timeout_s=0.05, timeout=httpx2.Timeout(100)) as client,
    ):
        response = await client.get(upstream.url)

    assert (response.status_code, response.content) == (500, b"oops")

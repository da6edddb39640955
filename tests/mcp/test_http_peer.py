"""The HTTP client, against servers that break off, flood and compress."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

pytest.importorskip("mcp")
from app.mcp.http_peer import PeerClient

pytestmark = [pytest.mark.real, pytest.mark.timeout(60)]


class Heard:
    def __init__(self) -> None:
        self.failures = 0
        self.statuses: list[int] = []

    def client(self, most_bytes: int = 2**20) -> PeerClient:
        return PeerClient(
            {"x-key": "v"},
            on_failure=self.fail,
            on_status=self.statuses.append,
            most_bytes=most_bytes,
        )

    def fail(self) -> None:
        self.failures += 1


@contextlib.asynccontextmanager
async def answering(response: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Give the URL of a server that answers with these bytes, and what it was sent."""
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(response)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heads


async def test_its_requests_ask_for_no_compression() -> None:
    heard = Heard()
    async with (
        answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}") as (url, heads),
        heard.client() as client,
    ):
        response = await client.get(url)

    assert response.text == "{}"
    assert b"accept-encoding: identity" in heads[0].lower()
    assert b"x-key: v" in heads[0].lower()
    assert (heard.failures, heard.statuses) == (0, [])


async def test_a_server_that_is_not_there_is_a_503() -> None:
    heard = Heard()
    async with heard.client() as client:
        response = await client.get("http://127.0.0.1:9/")

    assert response.status_code == 503
    assert (heard.failures, heard.statuses) == (1, [503])


async def test_a_refusal_is_heard() -> None:
    heard = Heard()
    async with (
        answering(b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n") as (url, _),
        heard.client() as client,
    ):
        await client.get(url)

    assert (heard.failures, heard.statuses) == (0, [401])


async def test_a_compressed_response_is_refused() -> None:
    heard = Heard()
    bomb = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc"
    async with answering(bomb) as (url, _), heard.client() as client:
        assert (await client.get(url)).status_code == 502


async def test_a_body_that_breaks_off_ends_there() -> None:
    heard = Heard()
    async with (
        answering(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc") as (url, _),
        heard.client() as client,
    ):
        response = await client.get(url)

    assert response.content == b"abc"
    assert heard.failures == 1


async def test_an_endless_body_ends_at_the_limit() -> None:
    heard = Heard()
    body = b"x" * (8 * 2**20)
    async with (
        answering(b"HTTP/1.1 200 OK\r\n\r\n" + body) as (url, _),
        heard.client(most_bytes=2**20) as client,
    ):
        response = await client.get(url)

    assert len(response.content) <= 2**20

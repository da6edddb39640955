"""Posts over connections that serve again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import pytest

from app.store.dynamodb_http import JsonPosts, NoResponse

_OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


@asynccontextmanager
async def _server(
    respond: Callable[[int, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[tuple[str, list[int]]]:
    """Serve; gives the URL and how many requests each connection has brought."""
    requests: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(requests)
        requests.append(0)
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                requests[number] += 1
                await respond(sum(requests), writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", requests


async def _ok(number: int, writer: asyncio.StreamWriter) -> None:
    writer.write(_OK)


async def test_a_connection_serves_again() -> None:
    async with _server(_ok) as (url, requests), aclosing(JsonPosts(url, timeout_s=5)) as posts:
        for _ in range(5):
            assert await posts.post({}, b"", timeout_s=5) == (200, b"{}")

    assert requests == [5]


async def test_a_connection_that_was_closed_meanwhile_harms_nobody() -> None:
    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        if number == 2:
            writer.transport.abort()
        else:
            writer.write(_OK)

    async with _server(respond) as (url, requests), aclosing(JsonPosts(url, timeout_s=5)) as posts:
        for _ in range(2):
            assert await posts.post({}, b"", timeout_s=5) == (200, b"{}")

    assert requests == [2, 1]


async def test_many_share_some_connections() -> None:
    async with _server(_ok) as (url, requests), aclosing(JsonPosts(url, timeout_s=20)) as posts:
        await asyncio.gather(*(posts.post({}, b"", timeout_s=20) for _ in range(300)))

    assert sum(requests) == 300
    assert len(requests) <= 64


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{}",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n" + b" " * 33 * 1024 * 1024,
        b"",
    ],
)
async def test_half_a_response_is_none(response: bytes) -> None:
    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(response)
        await writer.drain()
        raise ConnectionResetError

    async with _server(respond) as (url, _), aclosing(JsonPosts(url, timeout_s=10)) as posts:
        with pytest.raises(NoResponse):
            await posts.post({}, b"", timeout_s=10)


async def test_nobody_waits_longer_than_he_says() -> None:
    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async with _server(respond) as (url, _):
        async with aclosing(JsonPosts(url, timeout_s=30)) as posts:
            with pytest.raises(NoResponse, match="in time"):
                await posts.post({}, b"", timeout_s=0.1)
        async with aclosing(JsonPosts(url, timeout_s=0.1)) as posts:
            with pytest.raises(NoResponse, match="in time"):
                await posts.post({}, b"", timeout_s=30)


async def test_a_server_that_is_not_there_is_said() -> None:
    async with aclosing(JsonPosts("http://127.0.0.1:1", timeout_s=5)) as posts:
        with pytest.raises(NoResponse, match="ECONNREFUSED"):
            await posts.post({}, b"", timeout_s=5)


async def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with _server(_ok) as (url, requests):
        monkeypatch.setenv("HTTP_PROXY", url)
        monkeypatch.setenv("http_proxy", url)
        async with aclosing(JsonPosts("http://dynamodb.invalid", timeout_s=5)) as posts:
            assert await posts.post({}, b"", timeout_s=5) == (200, b"{}")

    assert requests == [1]


async def test_a_proxy_that_is_none_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "ftp://proxy")
    monkeypatch.setenv("http_proxy", "ftp://proxy")
    async with aclosing(JsonPosts("http://dynamodb.invalid", timeout_s=5)) as posts:
        with pytest.raises(NoResponse, match="no proxy"):
            await posts.post({}, b"", timeout_s=5)


async def test_what_is_closed_posts_nothing() -> None:
    async with _server(_ok) as (url, requests):
        posts = JsonPosts(url, timeout_s=5)
        await posts.post({}, b"", timeout_s=5)
        await posts.aclose()
        await posts.aclose()
        with pytest.raises(NoResponse, match="closed"):
            await posts.post({}, b"", timeout_s=5)

    assert requests == [1]

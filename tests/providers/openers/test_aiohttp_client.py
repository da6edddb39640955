"""What only `AiohttpOpener` does: its own retries, and proxies."""

import asyncio
from contextlib import aclosing

import pytest

from app import __version__
from app.errors import ProviderError, ProviderTimeout, ProviderUnreachable
from app.providers.failures import MAX_BODY_BYTES
from app.providers.openers.aiohttp_client import AiohttpOpener
from tests.providers.upstream import Connection, Script, hang_up, respond, serve

BODY = b'{"model":"m","messages":[],"stream":true}'
NOW = 1_767_225_600.0  # Thu, 01 Jan 2026 00:00:00 GMT


class Sleeper:
    """Counts the seconds instead of sleeping them."""

    def __init__(self) -> None:
        self.naps: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.naps.append(seconds)


async def naps_before_a_response(*refusals: Script) -> list[float]:
    sleeper = Sleeper()
    async with serve(*refusals, respond()) as upstream:
        opener = AiohttpOpener(
            base_url=upstream.url, sleep=sleeper, clock=lambda: NOW, random_=lambda: 0.0
        )
        async with aclosing(opener):
            await (await opener.open("/chat/completions", BODY)).aclose()
    return sleeper.naps


def refusal(retry_after: str) -> Script:
    return respond(b"{}", status=503, headers={"retry-after": retry_after})


async def test_it_waits_longer_each_time() -> None:
    assert await naps_before_a_response(hang_up, respond(b"{}", status=500)) == [0.5, 1.0]


async def test_it_waits_as_long_as_it_is_told() -> None:
    naps = await naps_before_a_response(refusal("1"), refusal("Thu, 01 Jan 2026 00:00:02 GMT"))

    assert naps == [1.0, 2.0]


async def test_it_gives_up_after_its_retries() -> None:
    sleeper = Sleeper()

    async with serve(hang_up, hang_up, hang_up, respond()) as upstream:
        opener = AiohttpOpener(base_url=upstream.url, sleep=sleeper)
        async with aclosing(opener):
            with pytest.raises(ProviderUnreachable):
                await opener.open("/chat/completions", BODY)

    assert len(sleeper.naps) == 2


async def test_a_request_that_timed_out_is_not_sent_again() -> None:
    async with serve(Connection.closed_by_client) as upstream:
        opener = AiohttpOpener(base_url=upstream.url, read_timeout_s=0.05)
        async with aclosing(opener):
            with pytest.raises(ProviderTimeout):
                await opener.open("/chat/completions", BODY)

    assert len(upstream.requests) == 1


async def test_it_says_who_it_is_and_what_it_wants() -> None:
    async with serve(respond()) as upstream:
        opener = AiohttpOpener(base_url=upstream.url)
        async with aclosing(opener):
            await (await opener.open("/chat/completions", BODY)).aclose()

    assert upstream.requests[0].headers["user-agent"] == f"deltaline/{__version__}"
    assert upstream.requests[0].headers["accept"] == "text/event-stream"
    assert upstream.requests[0].body == BODY


async def test_no_cookie_is_kept() -> None:
    first = respond(headers={"set-cookie": "session=1"})

    async with serve(first, respond()) as upstream:
        opener = AiohttpOpener(base_url=upstream.url.replace("127.0.0.1", "localhost"))
        async with aclosing(opener):
            for _ in range(2):
                await (await opener.open("/chat/completions", BODY)).aclose()

    assert "cookie" not in upstream.requests[1].headers


async def test_a_large_body_arrives_whole() -> None:
    body = b'{"x":"%b"}' % (b"x" * 3_000_000)

    async with serve(respond()) as upstream:
        opener = AiohttpOpener(base_url=upstream.url)
        async with aclosing(opener):
            await (await opener.open("/chat/completions", body)).aclose()

    assert upstream.requests[0].body == body


async def test_an_endless_error_is_read_to_a_limit() -> None:
    closed = asyncio.Event()

    async def play(connection: Connection) -> None:
        await connection.start(500)
        await connection.chunk(b"x" * MAX_BODY_BYTES)
        await connection.closed_by_client()
        closed.set()

    async with serve(play) as upstream:
        opener = AiohttpOpener(base_url=upstream.url, max_retries=0)
        async with aclosing(opener):
            with pytest.raises(ProviderError):
                await opener.open("/chat/completions", BODY)
            async with asyncio.timeout(5):
                await closed.wait()


async def test_an_error_whose_body_breaks_off_keeps_its_status() -> None:
    async def play(connection: Connection) -> None:
        await connection.start(500)
        await connection.chunk(b"oops")
        connection.abort()

    async with serve(play) as upstream:
        opener = AiohttpOpener(base_url=upstream.url, max_retries=0)
        async with aclosing(opener):
            with pytest.raises(ProviderError, match="status 500"):
                await opener.open("/chat/completions", BODY)


async def test_a_proxy_gets_its_own_credentials_and_not_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serve(respond(), respond(status=502)) as proxy:
        address = proxy.url.removeprefix("http://").removesuffix("/v1")
        monkeypatch.setenv("HTTP_PROXY", f"user:pass@{address}")
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:pass@{address}")
        monkeypatch.setenv("NO_PROXY", "localhost")

        plain = AiohttpOpener(base_url="http://model.example/v1", api_key="secret")
        async with aclosing(plain):
            await (await plain.open("/chat/completions", BODY)).aclose()
        tunnel = AiohttpOpener(base_url="https://model.example/v1", api_key="secret", max_retries=0)
        async with aclosing(tunnel):
            with pytest.raises(ProviderUnreachable):
                await tunnel.open("/chat/completions", BODY)

    assert [request.target for request in proxy.requests] == [
        "http://model.example/v1/chat/completions",
        "model.example:443",
    ]
    for request in proxy.requests:
        assert request.headers["proxy-authorization"] == "Basic dXNlcjpwYXNz"
    assert "secret" not in str(proxy.requests[1])


async def test_closing_it_unused_or_twice_is_harmless() -> None:
    opener = AiohttpOpener()

    await opener.aclose()
    await opener.aclose()

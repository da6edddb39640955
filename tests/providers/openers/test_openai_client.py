"""What only `OpenAIOpener` does: Azure, other clients, and importing the package late."""

import gzip
import subprocess
import sys
from contextlib import aclosing

import httpx2
import pytest
from openai import AsyncOpenAI

from app.errors import ProviderError, ProviderNotConfigured, ProviderTimeout, ProviderUnreachable
from app.providers.openers.openai_client import OpenAIOpener
from app.providers.openers.opener import Opener
from tests.providers.upstream import Connection, hang_up, respond, serve, settled

BODY = b'{"model":"gpt-4o","messages":[],"stream":true}'


async def read_one(opener: Opener) -> bytes:
    async with aclosing(await opener.open("/chat/completions", BODY)) as stream:
        return await stream.read()


async def test_azure_has_its_own_addresses_and_headers() -> None:
    async with serve(respond(b"data: a\n\n")) as upstream:
        opener = OpenAIOpener(
            azure_endpoint=upstream.url.removesuffix("/v1"),
            azure_api_version="2024-10-21",
            api_key="secret",
        )
        async with aclosing(opener):
            assert await read_one(opener) == b"data: a\n\n"

    request = upstream.requests[0]
    assert request.target == ("/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21")
    assert request.headers["api-key"] == "secret"
    assert "authorization" not in request.headers


async def test_azure_without_credentials_is_not_configured() -> None:
    opener = OpenAIOpener(azure_endpoint="http://127.0.0.1:1", azure_api_version="2024-10-21")

    with pytest.raises(ProviderNotConfigured):
        await opener.open("/chat/completions", BODY)


async def test_a_client_of_ones_own_is_used_as_it_is() -> None:
    client = AsyncOpenAI(
        base_url="http://127.0.0.1:1",
        api_key="own",
        default_headers={"x-own": "1"},
        http_client=httpx2.AsyncClient(),
    )
    async with serve(respond(b"data: a\n\n")) as upstream:
        client.base_url = httpx2.URL(upstream.url)
        async with aclosing(OpenAIOpener(client=client)) as opener:
            assert await read_one(opener) == b"data: a\n\n"

    assert upstream.requests[0].headers["authorization"] == "Bearer own"
    assert upstream.requests[0].headers["x-own"] == "1"
    assert client.is_closed()


async def test_the_errors_of_another_transport_are_told_apart_too() -> None:
    async with serve(hang_up, Connection.closed_by_client) as upstream:
        client = AsyncOpenAI(
            base_url=upstream.url,
            api_key="own",
            max_retries=0,
            http_client=httpx2.AsyncClient(),
            timeout=httpx2.Timeout(5, read=0.05),
        )
        async with aclosing(OpenAIOpener(client=client)) as opener:
            with pytest.raises(ProviderUnreachable):
                await opener.open("/chat/completions", BODY)
            with pytest.raises(ProviderTimeout):
                await opener.open("/chat/completions", BODY)


async def test_another_transport_loses_no_byte_to_a_break_right_after_it() -> None:
    async def play(connection: Connection) -> None:
        await connection.start()
        await connection.send(b"9\r\ndata: a\n\n\r\n9\r\ndata:")
        connection.reset()

    async with serve(play) as upstream:
        client = AsyncOpenAI(base_url=upstream.url, api_key="own", http_client=httpx2.AsyncClient())
        async with (
            aclosing(OpenAIOpener(client=client)) as opener,
            aclosing(await opener.open("/chat/completions", BODY)) as stream,
        ):
            await settled()
            received = b""
            with pytest.raises(ProviderError):
                while data := await stream.read():
                    received += data

    assert received == b"data: a\n\ndata:"


async def test_a_client_of_ones_own_follows_no_redirect_and_inflates_nothing() -> None:
    async with serve() as elsewhere:
        moved = respond(status=307, headers={"location": elsewhere.url})
        bomb = respond(gzip.compress(b"data: a\n\n"), headers={"content-encoding": "gzip"})
        async with serve(moved, bomb) as upstream:
            client = AsyncOpenAI(base_url=upstream.url, api_key="own")
            async with aclosing(OpenAIOpener(client=client)) as opener:
                with pytest.raises(ProviderError, match="the server redirects to 127"):
                    await opener.open("/chat/completions", BODY)
                with pytest.raises(ProviderError, match="compressed"):
                    await opener.open("/chat/completions", BODY)

    assert elsewhere.requests == []


async def test_a_key_that_cannot_be_had_is_an_error() -> None:
    async def key() -> str:
        raise OSError("no token")

    client = AsyncOpenAI(base_url="http://127.0.0.1:1", api_key=key)
    async with aclosing(OpenAIOpener(client=client)) as opener:
        with pytest.raises(ProviderError, match="no token"):
            await opener.open("/chat/completions", BODY)


def test_the_package_is_imported_only_when_an_opener_is_made() -> None:
    program = "import sys, app.providers.openers.openai_client; sys.exit('openai' in sys.modules)"

    subprocess.run([sys.executable, "-c", program], check=True)

"""How the tests read a stream."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from typing import Any, TypeAlias

from app.errors import ProviderError
from app.providers.openers.opener import ByteStream, Opener

BODY = b'{"model":"m","messages":[{"role":"user","content":"Hello"}],"stream":true}'

# Runs a test on an event loop of its kind.
Run: TypeAlias = Callable[[Coroutine[Any, Any, None]], None]


async def read_all(stream: ByteStream) -> bytes:
    """Read a body that ends well, and close the stream."""
    async with aclosing(stream):
        data, failure = await read_to_the_end(stream)
    if failure is not None:
        raise failure
    return data


async def read_to_the_end(stream: ByteStream) -> tuple[bytes, ProviderError | None]:
    """Return what came, and the error after it if there was one; check that it stays so."""
    data = bytearray()
    try:
        while piece := await stream.read():
            data += piece
            if stream.is_at_end:
                assert await stream.read() == b""
        assert await stream.read() == b""
    except ProviderError as failure:
        try:
            assert await stream.read() == b"", "there is more after an error"
        except ProviderError as again:
            assert type(again) is type(failure)
        else:
            raise AssertionError("after an error the stream ends as if it were whole") from failure
        return bytes(data), failure
    return bytes(data), None


async def ask(opener: Opener, body: bytes = BODY) -> bytes:
    """Send a request and return the body of its response, which ends well."""
    async with asyncio.timeout(20):
        return await read_all(await opener.open("/chat/completions", body))

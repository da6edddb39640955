"""The HTTP client that `OpenAIOpener` gives to the openai package.

It is the package's own client on top of aiohttp, with the connections of `app.peer_http` and with
errors whose bodies are short: the package reads the body of an error to its end, and inflates it.

Importing this module imports the openai package.

Source: openai-python 3.52, _base_client.py (`AsyncAPIClient.request`) and _vendor/httpx_aiohttp.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import aiohttp
import httpx2
from openai._vendor.httpx_aiohttp.client import Httpx2AiohttpClient
from openai._vendor.httpx_aiohttp.transport import AiohttpTransport

from app.known_secrets import remember
from app.peer_http import peer_session
from app.providers.failures import ERROR_BODY_TIMEOUT_S, MAX_BODY_BYTES

# Marks a response that stands for a read time-out.
TIMED_OUT = "deltaline.timed_out"
_CREDENTIALS = "proxy-authorization"
_LARGE_BODY_BYTES = 2**20
_PIECE_BYTES = 2**16


class PeerClient(Httpx2AiohttpClient):
    """A client that takes proxies from the environment.

    Args:
        error_body_timeout_s: how long the body of an error is read.
        options: of the client.
    """

    def __init__(
        self, *, error_body_timeout_s: float = ERROR_BODY_TIMEOUT_S, **options: Any
    ) -> None:
        self._error_body_timeout_s = error_body_timeout_s
        super().__init__(**options)

    def _init_transport(self, *args: Any, **options: Any) -> httpx2.AsyncBaseTransport:
        options.pop("transport", None)
        return _Transport(self._error_body_timeout_s, *args, **options)

    def _init_proxy_transport(
        self, proxy: httpx2.Proxy, *_: Any, **options: Any
    ) -> httpx2.AsyncBaseTransport:
        if proxy.auth is not None:
            # The package would hand them over as an object that aiohttp warns of.
            user, password = proxy.auth
            remember(password, quote(password, safe=""), f"{user}:{password}")
            credentials = aiohttp.encode_basic_auth(*proxy.auth)
            proxy = httpx2.Proxy(proxy.url, headers={_CREDENTIALS: credentials})
        return _Transport(self._error_body_timeout_s, proxy=proxy, **options)


class _Transport(AiohttpTransport):
    def __init__(self, error_body_timeout_s: float, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._error_body_timeout_s = error_body_timeout_s

    def get_client(self) -> aiohttp.ClientSession:
        # Each request brings its own time-outs.
        return peer_session(aiohttp.ClientTimeout(total=None), ssl=self.ssl_context)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.proxy is not None and request.url.scheme == "http":
            # aiohttp sends the proxy's headers to where it asks for a tunnel only.
            request.headers.update(self.proxy.headers)
        if len(request.content) > _LARGE_BODY_BYTES:
            # aiohttp warns that bytes of this size, as they are, would block the loop.
            request = httpx2.Request(
                request.method,
                request.url,
                headers=request.headers,
                stream=_InPieces(request.content),
                extensions=request.extensions,
            )
        try:
            response = await super().handle_async_request(request)
        except httpx2.ReadTimeout:
            # As a response, since the package sends everything else again.
            return httpx2.Response(
                504, headers={"x-should-retry": "false"}, extensions={TIMED_OUT: True}
            )
        except aiohttp.ClientError as error:  # none of those that the package knows
            raise httpx2.ConnectError("no response", request=request) from error
        if not response.is_success:
            response.headers.pop("content-encoding", None)
            response.stream = _ErrorBody(response.stream, self._error_body_timeout_s)
        return response


class _InPieces(httpx2.AsyncByteStream):
    """The body of a request, sent as fast as the other side reads."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for begin in range(0, len(self._body), _PIECE_BYTES):
            yield self._body[begin : begin + _PIECE_BYTES]


class _ErrorBody(httpx2.AsyncByteStream):
    """The first `MAX_BODY_BYTES` of a body, or what comes of them in time."""

    def __init__(self, stream: Any, timeout_s: float) -> None:
        self._stream = stream
        self._timeout_s = timeout_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        body = bytearray()
        try:
            async with asyncio.timeout(self._timeout_s):
                async for piece in self._stream:
                    body += piece
                    if len(body) >= MAX_BODY_BYTES:
                        break
        except (TimeoutError, httpx2.HTTPError):
            pass  # the status says enough
        yield bytes(body[:MAX_BODY_BYTES])

    async def aclose(self) -> None:
        await self._stream.aclose()

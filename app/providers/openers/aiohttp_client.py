"""Opens the model's stream with aiohttp, a client for everything. It came before ours."""

import asyncio
import io
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping

import aiohttp
from yarl import URL

from app.causes import described
from app.content_coding import compression_of
from app.errors import (
    OutOfDescriptors,
    ProviderError,
    ProviderNotConfigured,
    ProviderTimeout,
    ProviderUnreachable,
)
from app.peer_http import peer_session
from app.providers.failures import (
    ERROR_BODY_TIMEOUT_S,
    MAX_BODY_BYTES,
    compressed,
    error_for_status,
)
from app.providers.openers.attempts import Attempts, Failed, refused, unanswered
from app.providers.openers.descriptors import is_without_descriptors
from app.providers.openers.opener import DEFAULT_BASE_URL, ApiPath
from app.providers.openers.proxy import proxy_for
from app.providers.openers.proxy_environment import proxies_of_environment
from app.providers.openers.request_head import request_headers
from app.providers.openers.server_address import server_address
from app.received import read_received, take_buffered
from app.tracing import trace_headers

logger = logging.getLogger(__name__)

_LARGE_BODY_BYTES = 2**20


class AiohttpOpener:
    """An `Opener` with one connection pool, made on the first request.

    Args:
        base_url: the API's, such as ``https://api.groq.com/openai/v1``; None for OpenAI's own.
        api_key: sent as bearer token. Without one there is no such header, and OpenAI's own server
            is not asked at all.
        organization, project: OpenAI's headers of these names.
        connect_timeout_s: limit for connecting, TLS included.
        read_timeout_s: the longest silence, before the headers and between two reads. The whole
            response may take any time.
        max_retries, sleep, clock, random_: as for `Attempts`.
    """

    def __init__(
        self,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 300.0,
        max_retries: int = 2,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: Callable[[], float] = time.time,
        random_: Callable[[], float] = random.random,
    ) -> None:
        self._is_configured = bool(api_key or base_url)
        self._api_key = api_key
        self._server = server_address(base_url)
        base = (base_url or DEFAULT_BASE_URL).rstrip("/")
        self._urls: Mapping[ApiPath, URL] = {
            "/chat/completions": URL(f"{base}/chat/completions"),
            "/responses": URL(f"{base}/responses"),
        }
        # Not the session's headers: aiohttp would send those to a proxy too, with the key.
        self._headers = request_headers(api_key, organization, project)
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=connect_timeout_s, sock_read=read_timeout_s
        )
        self._attempts: Attempts[AiohttpStream] = Attempts(
            max_retries, sleep=sleep, clock=clock, random_=random_
        )
        self._session: aiohttp.ClientSession | None = None
        self._proxy: URL | None = None
        self._proxy_headers: Mapping[str, str] | None = None

    async def open(self, path: ApiPath, body: bytes) -> "AiohttpStream":
        if not self._is_configured:
            raise ProviderNotConfigured("neither OPENAI_API_KEY nor OPENAI_BASE_URL is set")
        return await self._attempts.until_open(lambda: self._attempt(path, body))

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _attempt(self, path: ApiPath, body: bytes) -> "AiohttpStream | Failed":
        try:
            response = await self._post(self._urls[path], body)
        except (aiohttp.ClientError, OSError) as cause:
            return unanswered(_no_response(cause))
        if 200 <= response.status < 300:
            return _stream(response)
        return refused(await self._refusal(response), response.status, response.headers)

    async def _post(self, url: URL, body: bytes) -> aiohttp.ClientResponse:
        if self._session is None:
            self._session = peer_session(self._timeout)
            self._find_proxy()
        # A file object, since aiohttp warns that bytes of this size would block the loop.
        data = io.BytesIO(body) if len(body) > _LARGE_BODY_BYTES else body
        return await self._session.post(
            url,
            data=data,
            headers={**self._headers, **trace_headers()},
            allow_redirects=False,
            proxy=self._proxy,
            proxy_headers=self._proxy_headers,
        )

    def _find_proxy(self) -> None:
        # Once, not per request: aiohttp's ``trust_env`` asks a thread each time, and would also
        # take credentials from a ``.netrc``.
        proxy = proxy_for(self._server, *proxies_of_environment())
        if proxy is None:
            return
        scheme = "https" if proxy.is_tls else "http"
        self._proxy = URL.build(scheme=scheme, host=proxy.host, port=proxy.port)
        if self._server.is_tls:  # for the tunnel only
            self._proxy_headers = proxy.headers
        else:
            self._headers |= proxy.headers

    async def _refusal(self, response: aiohttp.ClientResponse) -> ProviderError:
        body = b""
        try:
            async with asyncio.timeout(ERROR_BODY_TIMEOUT_S):
                while len(body) < MAX_BODY_BYTES and (
                    data := await read_received(response.content)
                ):
                    body += data
        except (aiohttp.ClientError, OSError):
            logger.debug("the body of an error response broke off")
        finally:
            _let_go(response)
        return error_for_status(response.status, response.headers, body, api_key=self._api_key)


def _stream(response: aiohttp.ClientResponse) -> "AiohttpStream":
    if coding := compression_of(response.headers):
        response.close()
        raise compressed(coding)
    return AiohttpStream(response)


class AiohttpStream:
    """The body of one response."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._readany = response.content.readany

    @property
    def is_at_end(self) -> bool:
        return self._response.content.at_eof()

    async def read(self) -> bytes:
        try:
            return await self._readany()
        except (aiohttp.ClientError, OSError) as error:
            # As `read_received` does, without a coroutine more for each read.
            if data := take_buffered(self._response.content):
                return data
            if isinstance(error, TimeoutError):
                raise ProviderTimeout("nothing came for the read time-out") from error
            raise ProviderError(f"the stream broke off: {described(error)}") from error

    async def aclose(self) -> None:
        _let_go(self._response)


def _let_go(response: aiohttp.ClientResponse) -> None:
    if response.content.is_eof():
        response.release()  # back to the pool
    else:
        response.close()


def _no_response(cause: Exception) -> ProviderError | OutOfDescriptors:
    error: ProviderError | OutOfDescriptors
    if is_without_descriptors(cause):
        error = OutOfDescriptors(f"no connection to the model: {described(cause)}")
    elif isinstance(cause, TimeoutError) and not isinstance(cause, aiohttp.ConnectionTimeoutError):
        error = ProviderTimeout("no response within the read time-out")
    else:
        error = ProviderUnreachable(f"no response: {described(cause)}")
    error.__cause__ = cause
    return error

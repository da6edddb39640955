"""Opens the model's stream with aiohttp: the default opener."""

import asyncio
import io
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from app import __version__
from app.causes import described
from app.errors import (
    OutOfDescriptors,
    ProviderError,
    ProviderNotConfigured,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnreachable,
)
from app.known_secrets import password_in, remember
from app.providers.failures import MAX_BODY_BYTES, error_for_status
from app.providers.openers.descriptors import is_without_descriptors
from app.providers.openers.opener import DEFAULT_BASE_URL, ApiPath
from app.providers.openers.retries import is_worth_a_retry, retry_delay_s
from app.received import read_received, take_buffered

logger = logging.getLogger(__name__)

_LARGE_BODY_BYTES = 2**20
_ERROR_BODY_TIMEOUT_S = 5.0


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
        max_retries: how often a request is sent again; see `retries`.
        sleep, clock, random_: as `retries` needs them; ``clock`` gives Unix time in seconds.
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
        base = (base_url or DEFAULT_BASE_URL).rstrip("/")
        self._urls: Mapping[ApiPath, URL] = {
            "/chat/completions": URL(f"{base}/chat/completions"),
            "/responses": URL(f"{base}/responses"),
        }
        # Not the session's headers: aiohttp would send those to a proxy too, with the key.
        self._headers = {
            "accept": "text/event-stream",
            "accept-encoding": "identity",
            "content-type": "application/json",
            "user-agent": f"deltaline/{__version__}",
        }
        if api_key:
            self._headers["authorization"] = f"Bearer {api_key}"
        if organization:
            self._headers["openai-organization"] = organization
        if project:
            self._headers["openai-project"] = project
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=connect_timeout_s, sock_read=read_timeout_s
        )
        self._max_retries = max_retries
        self._sleep = sleep
        self._clock = clock
        self._random = random_
        self._session: aiohttp.ClientSession | None = None
        self._proxy: URL | None = None
        self._proxy_headers: Mapping[str, str] | None = None

    async def open(self, path: ApiPath, body: bytes) -> "AiohttpStream":
        if not self._is_configured:
            raise ProviderNotConfigured("neither OPENAI_API_KEY nor OPENAI_BASE_URL is set")
        retry = 0
        while True:
            error: ProviderError | OutOfDescriptors
            try:
                response = await self._post(self._urls[path], body)
            except (aiohttp.ClientError, OSError) as cause:
                error = _no_response(cause)
                may_retry = not isinstance(error, ProviderTimeout)
                headers: Mapping[str, str] = {}
            else:
                if response.status < 300:
                    return AiohttpStream(response)
                error = await self._refusal(response)
                headers = response.headers
                # The request itself is wrong, whatever the status: llama.cpp says 500 to an image.
                may_retry = is_worth_a_retry(response.status, headers) and not isinstance(
                    error, ProviderRefused
                )
            delay_s = None
            if may_retry and retry < self._max_retries:
                delay_s = retry_delay_s(retry, headers, clock=self._clock, random=self._random)
            if delay_s is None:
                raise error
            retry += 1
            text = "retry %d of the model's server in %.1f s: %s"
            logger.info(text, retry, delay_s, error.log_text)
            await self._sleep(delay_s)

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _post(self, url: URL, body: bytes) -> aiohttp.ClientResponse:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
            )
            self._proxy, credentials = _proxy_for(url)
            if credentials and url.scheme == "http":
                self._headers["proxy-authorization"] = credentials
            elif credentials:  # for the tunnel only
                self._proxy_headers = {"proxy-authorization": credentials}
        # A file object, since aiohttp warns that bytes of this size would block the loop.
        data = io.BytesIO(body) if len(body) > _LARGE_BODY_BYTES else body
        return await self._session.post(
            url,
            data=data,
            headers=self._headers,
            proxy=self._proxy,
            proxy_headers=self._proxy_headers,
        )

    async def _refusal(self, response: aiohttp.ClientResponse) -> ProviderError:
        body = b""
        try:
            async with asyncio.timeout(_ERROR_BODY_TIMEOUT_S):
                while len(body) < MAX_BODY_BYTES and (
                    data := await read_received(response.content)
                ):
                    body += data
        except (aiohttp.ClientError, OSError):
            logger.debug("the body of an error response broke off")
        finally:
            _let_go(response)
        body = body[:MAX_BODY_BYTES]
        if self._api_key:
            body = body.replace(self._api_key.encode(), b"[key]")  # some servers repeat it
        return error_for_status(response.status, response.headers, body)


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


def _proxy_for(url: URL) -> tuple[URL | None, str]:
    """Return the proxy that the environment names for ``url``, and the credentials for it.

    Called once, not per request: aiohttp's ``trust_env`` asks a thread each time, and would also
    take credentials from a ``.netrc``.
    """
    host = url.host or ""
    address = getproxies().get(url.scheme)
    if not address or proxy_bypass(f"{host}:{url.port}"):
        return None, ""
    remember(*password_in(address))
    proxy = URL(address if "://" in address else f"http://{address}")
    if proxy.user is None:
        return proxy, ""
    return proxy.with_user(None), aiohttp.encode_basic_auth(proxy.user, proxy.password or "")

"""Opens the model's stream with our own client: the default opener.

It does what one kind of request needs: a POST to one server, whose response is read as it comes.
What a read brings is decoded where it arrives, without the objects, timers and tasks with which a
general client pays for being general.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable

from app.causes import described
from app.content_coding import compression_of
from app.errors import (
    OutOfDescriptors,
    ProviderError,
    ProviderNotConfigured,
    ProviderTimeout,
    ProviderUnreachable,
)
from app.known_secrets import remember
from app.providers.failures import (
    ERROR_BODY_TIMEOUT_S,
    MAX_BODY_BYTES,
    compressed,
    error_for_status,
)
from app.providers.openers.attempts import Attempts, Failed, refused, unanswered
from app.providers.openers.connection import Connection
from app.providers.openers.connection_pool import ConnectionPool
from app.providers.openers.descriptors import is_without_descriptors
from app.providers.openers.idle_connections import IDLE_HEADERS, IDLE_S
from app.providers.openers.opener import ApiPath
from app.providers.openers.request_head import request_headers, with_headers, with_length
from app.providers.openers.response_framing import ResponseHead
from app.providers.openers.response_stream import ResponseStream
from app.providers.openers.server_address import server_address
from app.tracing import trace_headers

logger = logging.getLogger(__name__)


class HttpToolsOpener:
    """An `Opener` with connections that serve again.

    Args:
        base_url: the API's, such as ``https://api.groq.com/openai/v1``; None for OpenAI's own.
        api_key: sent as bearer token. Without one there is no such header, and OpenAI's own server
            is not asked at all.
        organization, project: OpenAI's headers of these names.
        connect_timeout_s: limit for connecting, a proxy's tunnel and TLS included.
        read_timeout_s: the longest silence, before the headers and between two reads. The whole
            response may take any time.
        idle_s: how long a connection waits for the next request.
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
        idle_s: float = IDLE_S,
        max_retries: int = 2,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: Callable[[], float] = time.time,
        random_: Callable[[], float] = random.random,
    ) -> None:
        self._is_configured = bool(api_key or base_url)
        self._api_key = api_key
        self._server = server_address(base_url)
        remember(self._server.user_info)
        self._headers = request_headers(api_key, organization, project, self._server.user_info)
        # Of all requests that have been sent, by their path: they differ in their length only.
        self._heads: dict[ApiPath, bytes] = {}
        self._connect_timeout_s = connect_timeout_s
        self._pool = ConnectionPool(self._server, read_timeout_s=read_timeout_s, idle_s=idle_s)
        self._attempts: Attempts[ResponseStream] = Attempts(
            max_retries, sleep=sleep, clock=clock, random_=random_
        )

    async def open(self, path: ApiPath, body: bytes) -> ResponseStream:
        if not self._is_configured:
            raise ProviderNotConfigured("neither OPENAI_API_KEY nor OPENAI_BASE_URL is set")
        return await self._attempts.until_open(lambda: self._attempt(path, body))

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def _attempt(self, path: ApiPath, body: bytes) -> ResponseStream | Failed:
        try:
            request = self._head(path, body)
            stream, head = await self._pool.ask(request, body, self._connect)
        except (ProviderUnreachable, ProviderTimeout, OutOfDescriptors) as error:
            return unanswered(error)
        if not 200 <= head.status < 300:
            return refused(await self._refusal(stream, head), head.status, head.headers)
        if coding := compression_of(head.headers):
            stream.abort()
            raise compressed(coding)
        stream.forget_headers(but=IDLE_HEADERS)
        return stream

    def _head(self, path: ApiPath, body: bytes) -> bytes:
        try:
            head = self._heads.get(path)
            if head is None:
                head = self._heads[path] = self._pool.head(path, self._headers)
            if traced := trace_headers():
                head = with_headers(head, traced)
        except ValueError as error:
            raise ProviderNotConfigured(str(error)) from None
        return with_length(head, len(body))

    async def _connect(self) -> Connection:
        """Return a new connection.

        Raises:
            ProviderUnreachable, OutOfDescriptors: there is none.
        """
        if self._pool.is_closed:
            raise ProviderUnreachable("the opener is closed")
        try:
            async with asyncio.timeout(self._connect_timeout_s) as limit:
                return await self._pool.connect()
        except (OSError, UnicodeError) as error:
            if limit.expired():
                text = f"no connection within {self._connect_timeout_s:g} seconds"
                raise ProviderUnreachable(text) from error
            if is_without_descriptors(error):
                lack = f"no connection to the model: {described(error)}"
                raise OutOfDescriptors(lack) from error
            raise ProviderUnreachable(f"no connection: {described(error)}") from error

    async def _refusal(self, stream: ResponseStream, head: ResponseHead) -> ProviderError:
        body = b""
        try:
            async with asyncio.timeout(ERROR_BODY_TIMEOUT_S):
                while len(body) < MAX_BODY_BYTES and (data := await stream.read()):
                    body += data
        except (ProviderError, TimeoutError):
            logger.debug("the body of an error response broke off")
        finally:
            stream.abort()
        return error_for_status(head.status, head.headers, body, api_key=self._api_key)

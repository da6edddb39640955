"""Posts to DynamoDB over connections that serve again.

The parts are those of the default opener (`app.providers.openers`), so that a Lambda environment
that asks the model and DynamoDB loads one HTTP client, and no large one.
"""

import asyncio
from collections.abc import Mapping

from app.causes import described
from app.errors import ProviderError, ProviderTimeout, ProviderUnreachable
from app.providers.openers.connecting import Connector
from app.providers.openers.connection import Connection
from app.providers.openers.idle_connections import IdleConnections, idle_time_s
from app.providers.openers.proxy import proxy_for
from app.providers.openers.proxy_environment import proxies_of_environment
from app.providers.openers.request_head import request_head
from app.providers.openers.response_framing import ResponseHead
from app.providers.openers.response_stream import ResponseStream
from app.providers.openers.server_address import server_address

# As many calls at once as AWS's own SDKs make, and some more; others wait.
_MAX_CONNECTIONS = 64
# Largest response: a page of a query has 1 MB of items, and a batch of reads 16 MB.
_MAX_BYTES = 32 * 1024 * 1024


class NoResponse(Exception):
    """There was no response, or only a part. The message is for the log."""


class JsonPosts:
    """Sends bodies to one server, and returns what it says.

    Args:
        url: of the server.
        timeout_s: for one call, connecting included.
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self._server = server_address(url)
        self._target = f"{self._server.path}/"
        self._timeout_s = timeout_s
        self._connector: Connector | None = None
        self._idle: IdleConnections[Connection] = IdleConnections()
        self._connections: set[Connection] = set()
        self._free = asyncio.Semaphore(_MAX_CONNECTIONS)
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def post(
        self, headers: Mapping[str, str], body: bytes, *, timeout_s: float
    ) -> tuple[int, bytes]:
        """Return the status and the body of the response.

        Args:
            timeout_s: for this call, if it is less than for any.

        Raises:
            NoResponse: also if it took too long.
        """
        try:
            async with asyncio.timeout(min(timeout_s, self._timeout_s)), self._free:
                return await self._post(headers, body)
        except TimeoutError:
            raise NoResponse("no response in time") from None
        except (ProviderError, OSError, UnicodeError) as error:
            raise NoResponse(_reason(error)) from error

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        for connection in tuple(self._connections):
            connection.abort()
        if self._connections:
            await asyncio.sleep(0)  # the loop closes them after this

    async def _post(self, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        head = self._request_head(headers, body)
        now = asyncio.get_running_loop().time()
        while (connection := self._idle.take(now)) is not None:
            if not connection.is_usable:
                continue
            stream = self._stream(connection)
            try:
                return await _response(stream, head, body)
            except ProviderUnreachable:
                # The server may close an idle connection while a request is on its way. What is
                # posted here may come twice: see `Calls`.
                if not stream.is_unanswered:
                    raise
                break
        return await _response(self._stream(await self._connect()), head, body)

    async def _connect(self) -> Connection:
        if self._is_closed:
            raise NoResponse("the store is closed")
        return await self._route().connect(self._new)

    def _request_head(self, headers: Mapping[str, str], body: bytes) -> bytes:
        target, proxy = self._target, self._route().proxy
        if proxy is not None and not self._server.is_tls:
            target = f"http://{self._server.authority}{target}"
            headers = {**headers, **proxy.headers}
        return request_head("POST", target, self._server.authority, headers, len(body))

    def _route(self) -> Connector:
        if self._connector is None:
            proxies, is_excepted = proxies_of_environment()
            try:
                proxy = proxy_for(self._server, proxies, is_excepted)
            except ValueError as error:
                raise NoResponse(f"no proxy: {error}") from None
            self._connector = Connector(self._server, proxy)
        return self._connector

    def _new(self) -> Connection:
        return Connection(self._connections.add, self._lost)

    def _lost(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._idle.discard(connection)

    def _stream(self, connection: Connection) -> ResponseStream:
        return ResponseStream(connection, read_timeout_s=self._timeout_s, on_free=self._keep)

    def _keep(self, connection: Connection, head: ResponseHead) -> None:
        loop = asyncio.get_running_loop()
        too_much = self._idle.put(connection, loop.time(), idle_time_s(head.headers))
        if too_much is not None:
            too_much.abort()
        self._watch_idle(loop)

    def _watch_idle(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close connections when they are too old: one timer for all."""
        expiry = self._idle.next_expiry()
        if self._timer is None and expiry is not None and not self._is_closed:
            self._timer = loop.call_at(expiry, self._close_expired)

    def _close_expired(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        for connection in self._idle.expired(loop.time()):
            connection.abort()
        self._watch_idle(loop)


async def _response(stream: ResponseStream, head: bytes, body: bytes) -> tuple[int, bytes]:
    try:
        response = await stream.ask(head, body)
        pieces: list[bytes] = []
        size = 0
        while data := await stream.read():
            pieces.append(data)
            size += len(data)
            if size > _MAX_BYTES:
                raise NoResponse("the response is too large")
        return response.status, b"".join(pieces)
    finally:
        stream.abort()


def _reason(error: Exception) -> str:
    if isinstance(error, ProviderTimeout):
        return "no response in time"
    if isinstance(error, ProviderError):
        return error.log_text
    return f"no connection: {described(error)}"

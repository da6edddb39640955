"""The connections of one client to one server: those in use, and those that wait for a request."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from app.errors import ProviderUnreachable
from app.providers.openers.connecting import Connector
from app.providers.openers.connection import Connection
from app.providers.openers.idle_connections import IDLE_S, IdleConnections, idle_time_s
from app.providers.openers.proxy import proxy_for
from app.providers.openers.proxy_environment import proxies_of_environment
from app.providers.openers.request_head import request_head
from app.providers.openers.response_framing import ResponseHead
from app.providers.openers.response_stream import ResponseStream
from app.providers.openers.server_address import ServerAddress


class ConnectionPool:
    """Connections that serve again.

    Args:
        server: where they go.
        read_timeout_s: of the responses that come on them.
        idle_s: how long one waits for the next request.

    Attributes:
        connections: all that there are.
        is_closed: no more are made.
    """

    def __init__(
        self, server: ServerAddress, *, read_timeout_s: float, idle_s: float = IDLE_S
    ) -> None:
        self.connections: set[Connection] = set()
        self.is_closed = False
        self._server = server
        self._read_timeout_s = read_timeout_s
        self._idle_s = idle_s
        self._connector: Connector | None = None
        self._idle: IdleConnections[Connection] = IdleConnections()
        self._timer: asyncio.TimerHandle | None = None
        self._all_are_lost: asyncio.Event | None = None
        # The event loop's, known from its first connection on.
        self._time: Callable[[], float] = time.monotonic

    def head(self, path: str, headers: Mapping[str, str], body: bytes | None = None) -> bytes:
        """Return the head of a POST, as the server or the proxy before it wants it.

        Args:
            body: what follows; `None`: `with_length` has yet to say how long it is.

        Raises:
            ProviderUnreachable: the environment names a proxy that is none.
            ValueError: a header cannot be sent.
        """
        server, proxy = self._server, self._route().proxy
        target = f"{server.path}{path}"
        if proxy is not None and not server.is_tls:
            target = f"http://{server.authority}{target}"
            headers = {**headers, **proxy.headers}
        body_bytes = None if body is None else len(body)
        return request_head("POST", target, server.authority, headers, body_bytes)

    async def ask(
        self, head: bytes, body: bytes, connect: Callable[[], Awaitable[Connection]]
    ) -> tuple[ResponseStream, ResponseHead]:
        """Send a request and wait for the headers of its response.

        Args:
            connect: calls `connect`, with the caller's own limits and errors.

        Raises:
            ProviderUnreachable, ProviderTimeout: there was no response.
        """
        while self._idle and (connection := self._idle.take(self._time())) is not None:
            if not connection.is_usable:
                continue
            stream = self._stream(connection)
            try:
                return stream, await stream.ask(head, body)
            except ProviderUnreachable:
                # The server may close an idle connection while a request is on its way. Without a
                # byte of a response it is as if there had been no connection: the request goes out
                # once more, on a new one. HTTP says so of requests that change nothing (RFC 9110,
                # 9.2.2), and clients for everything (urllib3, aiohttp, Go) draw the line at POST;
                # what is posted here may come twice: it only asks a model, which all openers do
                # again anyway, or it is a call of `app.store.dynamodb_calls`.
                if not stream.is_unanswered:
                    raise
                break
        stream = self._stream(await connect())
        return stream, await stream.ask(head, body)

    async def connect(self) -> Connection:
        """Return a new connection."""
        return await self._route().connect(self._new)

    async def aclose(self) -> None:
        """Close all connections, and make none any more. Idempotent."""
        self.is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self.connections:
            self._all_are_lost = asyncio.Event()
            for connection in tuple(self.connections):
                connection.abort()
            await self._all_are_lost.wait()

    def _route(self) -> Connector:
        """Return what connects, made at the first request: the proxies are looked up once."""
        if self._connector is None:
            proxies, is_excepted = proxies_of_environment()
            try:
                proxy = proxy_for(self._server, proxies, is_excepted)
            except ValueError as error:
                raise ProviderUnreachable(f"no proxy: {error}") from None
            self._connector = Connector(self._server, proxy)
        return self._connector

    def _new(self) -> Connection:
        return Connection(self._made, self._lost)

    def _made(self, connection: Connection) -> None:
        self._time = connection.loop.time
        self.connections.add(connection)

    def _lost(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self._idle.discard(connection)
        if self._all_are_lost is not None and not self.connections:
            self._all_are_lost.set()

    def _stream(self, connection: Connection) -> ResponseStream:
        return ResponseStream(connection, read_timeout_s=self._read_timeout_s, on_free=self._keep)

    def _keep(self, connection: Connection, head: ResponseHead) -> None:
        idle_s = idle_time_s(head.headers, self._idle_s)
        too_much = self._idle.put(connection, self._time(), idle_s)
        if too_much is not None:
            too_much.abort()
        self._watch_idle(connection.loop)

    def _watch_idle(self, loop: asyncio.AbstractEventLoop) -> None:
        """See to it that connections are closed when they are too old: one timer for all."""
        if self._timer is not None or self.is_closed:
            return
        expiry = self._idle.next_expiry()
        if expiry is not None:
            self._timer = loop.call_at(expiry, self._close_expired)

    def _close_expired(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        for connection in self._idle.expired(loop.time()):
            connection.abort()
        self._watch_idle(loop)

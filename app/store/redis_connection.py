"""A connection to one Redis server.

It does what `app.store.redis_lane` needs: a row of commands goes out in one write, and the read
that brings the last of its replies is what wakes who waits. redis-py's own connections read each
reply through a stream, which cost as much as all else that a row does.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.store.redis_url import RedisUrl
from app.store.redis_wire import Command, Replies, packed

# In seconds. A caller has four for all that he asks (`app.turns.patience`).
CONNECT_S = 2.0
# Of a connection that is silent: asked whether it lives after so many seconds, every so many, and
# so many times. What stands in between forgets connections that are silent for minutes.
_KEPT_ALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}

Address: TypeAlias = tuple[str, int]
# Called with what a server says without having been asked by `RedisConnection.ask`.
Listener: TypeAlias = Callable[[Any], None]


class RedisConnection(asyncio.Protocol):
    """A connection that `open_connection` makes.

    Args:
        listener: of what comes while no row waits for it; if it is not given, the server has not
            kept to the protocol.

    Attributes:
        closed: done when nothing can be asked any more.
    """

    def __init__(self, listener: Listener | None = None) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._listener = listener
        self._replies = Replies()
        self._transport: asyncio.Transport | None = None
        self._row: asyncio.Future[list[Any]] | None = None
        self._brought: list[Any] = []
        self._count = 0

    @property
    def is_open(self) -> bool:
        return not self.closed.done()

    def ask(self, commands: Sequence[Command]) -> "asyncio.Future[list[Any]]":
        """Send a row of commands; the future has what they bring, errors among it.

        One row at a time. If the connection fails, the future has a `RedisError`, and which of the
        commands were executed is unknown.
        """
        row: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        if self._transport is None or not self.is_open:
            row.set_exception(_cut(None))
            return row
        assert self._row is None
        self._row, self._count = row, len(commands)
        self._transport.write(packed(commands))
        return row

    def send(self, *command: bytes | str) -> None:
        """Send a command, if it can be; the listener is told what it brings."""
        if self._transport is not None and self.is_open:
            self._transport.write(packed((command,)))

    def give_up(self) -> None:
        """Close it, since what is asked takes too long."""
        self._close(RedisTimeoutError("a row of commands took too long"))

    def close(self) -> None:
        """Close it at once. Idempotent."""
        self._close(_cut(None))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is one too, but not by its class.
        self._transport = cast(asyncio.Transport, transport)
        own = transport.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEPT_ALIVE.items():
            if hasattr(socket, name):  # not everywhere
                own.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def data_received(self, data: bytes) -> None:
        try:
            found = self._replies.feed(data)
        except InvalidResponse as error:
            self._close(error)
            return
        for reply in found:
            if self._row is None:
                if self._listener is None:
                    self._close(InvalidResponse("a reply to nothing that was asked"))
                    return
                self._listener(reply)
                continue
            self._brought.append(reply)
            if len(self._brought) == self._count:
                row, self._row = self._row, None
                brought, self._brought = self._brought, []
                if not row.done():  # else nobody waits any more
                    row.set_result(brought)

    def connection_lost(self, error: Exception | None) -> None:
        self._close(_cut(error))

    def _close(self, error: RedisError) -> None:
        if self._transport is not None:
            self._transport.abort()
        if not self.closed.done():
            self.closed.set_result(None)
        row, self._row = self._row, None
        if row is not None and not row.done():
            row.set_exception(error)


async def open_connection(
    url: RedisUrl,
    tls: ssl.SSLContext | None,
    *,
    address: Address | None = None,
    listener: Listener | None = None,
) -> RedisConnection:
    """Return a connection that is signed in.

    Args:
        url: who signs in, and with which database.
        tls: as `tls_of` makes it.
        address: of the server, if it is not that of ``url``.
        listener: as for `RedisConnection`.

    Raises:
        RedisError, TimeoutError: it cannot be reached, or does not let us in.
    """
    host, port = address or (url.host, url.port)
    async with asyncio.timeout(CONNECT_S):
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: RedisConnection(listener), host, port, ssl=tls
            )
        except OSError as error:
            raise _cut(error) from error
        try:
            first = signing_in(url)
            for reply in await connection.ask(first) if first else ():
                if isinstance(reply, Exception):
                    raise reply
        except BaseException:
            connection.close()
            raise
    return connection


def signing_in(url: RedisUrl) -> Sequence[Command]:
    """Return what a new connection is told first."""
    commands: list[Command] = []
    if url.username is not None:
        commands.append(("AUTH", url.username, url.password or ""))
    elif url.password is not None:
        commands.append(("AUTH", url.password))
    if url.database:
        commands.append(("SELECT", url.database))
    return commands


def tls_of(url: RedisUrl) -> ssl.SSLContext | None:
    """Return how servers are checked, and with what they check us; None without TLS.

    Raises:
        OSError: a file of ``url`` cannot be read.
    """
    if not url.is_tls:
        return None
    context = ssl.create_default_context(cafile=url.tls_files.get("ssl_ca_certs"))
    if "ssl_certfile" in url.tls_files:
        context.load_cert_chain(url.tls_files["ssl_certfile"], url.tls_files.get("ssl_keyfile"))
    return context


def _cut(cause: Exception | None) -> RedisConnectionError:
    error = RedisConnectionError("the connection is closed")
    error.__cause__ = cause
    return error

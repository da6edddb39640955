"""Connects to the model's server: TCP, a tunnel through a proxy, TLS.

TLS begins on a connection that stands, in the same way behind a tunnel and without one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import cache, partial
from itertools import chain, zip_longest
from socket import SOCK_STREAM
from typing import TYPE_CHECKING, TypeAlias

from app.errors import ProviderUnreachable
from app.providers.openers.connection import Connection
from app.providers.openers.proxy import Proxy, TunnelHandshake
from app.providers.openers.server_address import ServerAddress

if TYPE_CHECKING:
    from ssl import SSLContext

# How long an address has to itself until the next one is tried too, in seconds (RFC 8305, 5).
_HEAD_START_S = 0.25

MakeConnection: TypeAlias = Callable[[], Connection]


class Connector:
    """Opens connections to one server.

    Args:
        server: the model's.
        proxy: stands in front of it.
    """

    def __init__(self, server: ServerAddress, proxy: Proxy | None) -> None:
        self.proxy = proxy
        self._server = server
        self._context: SSLContext | None = None

    async def connect(self, make: MakeConnection) -> Connection:
        """Return a connection on which a request can be sent.

        Raises:
            ProviderUnreachable: the proxy refuses.
            OSError: as for `asyncio.loop.create_connection`, TLS included.
            UnicodeError: the host's name is none.
        """
        server, proxy = self._server, self.proxy
        connection = await _reach(proxy or server, make)
        try:
            if proxy is not None and proxy.is_tls:
                await self._encrypt(connection, proxy.host)
            if server.is_tls:
                if proxy is not None:
                    await _Tunnel(connection, TunnelHandshake(proxy, server)).opened()
                await self._encrypt(connection, server.host)
        except BaseException:
            connection.abandon()
            raise
        return connection

    async def _encrypt(self, connection: Connection, host: str) -> None:
        loop = asyncio.get_running_loop()
        if not connection.is_usable:
            raise ConnectionResetError("closed before TLS began")
        transport = await loop.start_tls(
            connection.transport, connection, self._tls(), server_hostname=host
        )
        if transport is None:
            raise ConnectionResetError("closed while TLS began")
        connection.use(transport)

    def _tls(self) -> "SSLContext":
        if self._context is None:
            from ssl import get_default_verify_paths

            self._context = _context(get_default_verify_paths())
        return self._context


@cache
def _context(paths: object) -> "SSLContext":
    """Return what verifies servers with the certificates at ``paths``.

    Made once for all connectors, since it reads all certificates, and late, since it takes some
    hundredths of a second. OpenSSL looks for them where SSL_CERT_FILE and SSL_CERT_DIR say.
    """
    from ssl import create_default_context

    context = create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


async def _reach(place: Proxy | ServerAddress, make: MakeConnection) -> Connection:
    """Connect to the first address of a host that lets us in."""
    if _is_address(place.host):
        return await _connect(place.host, place.port, make)
    found = await asyncio.get_running_loop().getaddrinfo(place.host, place.port, type=SOCK_STREAM)
    addresses = _by_turns([str(address[4][0]) for address in found])
    if len(addresses) == 1:
        return await _connect(addresses[0], place.port, make)
    return await _first([partial(_connect, address, place.port, make) for address in addresses])


async def _connect(address: str, port: int, make: MakeConnection) -> Connection:
    made: list[Connection] = []

    def make_one() -> Connection:
        made.append(make())
        return made[-1]

    try:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(make_one, address, port)
    except BaseException:
        # If we are cancelled when the connection stands and before we are told, uvloop closes it
        # and never says that it is lost.
        for one in made:
            one.abandon()
        raise
    return connection


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _by_turns(addresses: Sequence[str]) -> list[str]:
    """Return IPv6 and IPv4 by turns, beginning with what the system put first."""
    first = [a for a in addresses if (":" in a) == (":" in addresses[0])]
    second = [a for a in addresses if a not in first]
    turns = chain.from_iterable(zip_longest(first, second))
    return list(dict.fromkeys(address for address in turns if address is not None))


async def _first(attempts: Sequence[Callable[[], Awaitable[Connection]]]) -> Connection:
    """Return the connection of the attempt that succeeds first; each has a head start.

    asyncio's loop could do it (``happy_eyeballs_delay``), uvloop's cannot.
    """
    waiting = list(attempts)
    running: set[asyncio.Task[Connection]] = set()
    first_error: BaseException | None = None
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.ensure_future(waiting.pop(0)()))
            timeout_s = _HEAD_START_S if waiting else None
            done, running = await asyncio.wait(
                running, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                if (error := task.exception()) is None:
                    done.discard(task)
                    running |= done
                    return task.result()
                first_error = first_error or error
        assert first_error is not None
        raise first_error
    finally:
        for task in running:
            task.add_done_callback(_abort)
            task.cancel()


def _abort(task: "asyncio.Task[Connection]") -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().abort()


class _Tunnel:
    """Owns a connection to a proxy until it leads to the server."""

    def __init__(self, connection: Connection, handshake: TunnelHandshake) -> None:
        self._connection = connection
        self._handshake = handshake
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def opened(self) -> None:
        """Return when the proxy has agreed.

        Raises:
            ProviderUnreachable: it has not.
        """
        if not self._connection.is_usable:
            raise ConnectionResetError("the proxy closed the connection")
        self._connection.own(self)
        try:
            self._connection.transport.write(self._handshake.request)
            await self._over
        finally:
            self._connection.own(None)

    def receive(self, data: bytes) -> None:
        self._handshake.feed(data)
        self._judge()

    def receive_end(self) -> None:
        self._handshake.feed_end()
        self._judge()

    def lose(self, error: Exception | None) -> None:
        if not self._over.done():
            self._over.set_exception(error or ConnectionResetError("closed by the proxy"))

    def resume(self) -> None:
        """Nothing waits for it: the request is short."""

    def _judge(self) -> None:
        if self._over.done():
            return
        if self._handshake.fault is not None:
            text = f"the proxy opens no tunnel: {self._handshake.fault}"
            self._over.set_exception(ProviderUnreachable(text))
        elif self._handshake.is_open:
            self._over.set_result(None)

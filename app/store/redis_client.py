"""Connects to a Redis, whether it is one server or a cluster, which redis-py knows."""

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any, Protocol

from redis.asyncio import RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from app.store.redis_connection import (
    CONNECT_S,
    Address,
    Listener,
    RedisConnection,
    open_connection,
    tls_of,
)
from app.store.redis_reasons import Unsuitable
from app.store.redis_url import RedisUrl
from app.store.redis_wire import Command

# How long a row of commands with all its replies may take, in seconds. A caller has four for all
# that he asks (`app.turns.patience`).
ROW_S = 3.0
# The same for each server of a cluster.
_RESPONSE_S = 2.5


class Client(Protocol):
    """The way to one server, or to all of a cluster.

    Attributes:
        is_one: whether all that is kept is on one server, so that a script may touch all of it.
    """

    is_one: bool

    @property
    def nodes(self) -> Sequence[Address]:
        """The servers of a cluster, as far as they are known."""
        ...

    async def run(self, commands: Sequence[Command]) -> Sequence[Any]:
        """Send the commands in one go; return what they brought, errors among it.

        Raises:
            RedisError, OSError: a connection failed; which of them were executed is unknown.
        """
        ...

    async def listen(self, listener: Listener) -> RedisConnection:
        """Return a connection of its own to a server.

        Raises:
            RedisError, TimeoutError: there is none.
        """
        ...

    async def aclose(self) -> None: ...


_OPTIONS: dict[str, Any] = {
    "socket_connect_timeout": CONNECT_S,
    "socket_timeout": _RESPONSE_S,
    # Tried again is what `app.store.redis_link` knows to be harmless.
    "retry": Retry(NoBackoff(), 0),
    "protocol": 2,
    # No CLIENT SETINFO: one round trip less, and one permission.
    "driver_info": None,
}


async def connect(url: RedisUrl, nodes: Sequence[Address] = ()) -> Client:
    """Return a client that has spoken with the server.

    Args:
        nodes: of a cluster, which are asked in place of the address of ``url``: it may be that of a
            node that is dead.

    Raises:
        Unsuitable: it is no Redis for us.
        RedisError, OSError: it cannot be reached, or does not let us in.
    """
    tls = tls_of(url)
    if nodes:
        return await _connect_to_cluster(url, tls, nodes)
    one = _One(url, tls)
    try:
        # Nobody needs a permission for it, and it says what the others may not ask.
        (told,) = await one.run([("HELLO",)])
        if isinstance(told, Exception):
            raise told
    except BaseException:
        await one.aclose()
        raise
    mode = dict(zip(told[::2], told[1::2], strict=False)).get(b"mode", b"")
    if mode == b"standalone":
        return one
    await one.aclose()
    if mode == b"sentinel":
        raise Unsuitable("CHAT_STORE names a Sentinel; name the Redis behind it, or its proxy.")
    if url.database:
        raise Unsuitable("A Redis cluster has no numbered databases; leave the number out.")
    return await _connect_to_cluster(url, tls, [(url.host, url.port)])


async def _connect_to_cluster(
    url: RedisUrl, tls: ssl.SSLContext | None, nodes: Sequence[Address]
) -> Client:
    options = {**url.client_options(), **_OPTIONS}
    del options["host"], options["port"]
    many = RedisCluster(startup_nodes=[ClusterNode(*node) for node in nodes], **options)
    try:
        await many.initialize()
    except BaseException:
        await many.aclose()
        raise
    return _Cluster(many, url, tls)


class _One:
    """One server."""

    is_one = True
    nodes: Sequence[Address] = ()

    def __init__(self, url: RedisUrl, tls: ssl.SSLContext | None) -> None:
        self._url = url
        self._tls = tls
        self._free: list[RedisConnection] = []
        self._is_closed = False

    async def run(self, commands: Sequence[Command]) -> Sequence[Any]:
        connection = await self._connected()
        in_vain = asyncio.get_running_loop().call_later(ROW_S, connection.give_up)
        try:
            results = await connection.ask(commands)
        except BaseException:
            connection.close()
            raise
        finally:
            in_vain.cancel()
        if self._is_closed:  # meanwhile, by who asked something else in vain
            connection.close()
        else:
            self._free.append(connection)
        return results

    async def _connected(self) -> RedisConnection:
        while self._free:
            connection = self._free.pop()
            if connection.is_open:  # else the server has closed it
                return connection
        return await open_connection(self._url, self._tls)

    async def listen(self, listener: Listener) -> RedisConnection:
        return await open_connection(self._url, self._tls, listener=listener)

    async def aclose(self) -> None:
        self._is_closed = True
        for connection in self._free:
            connection.close()


class _Cluster:
    """All servers of a cluster, by redis-py's client."""

    is_one = False

    def __init__(self, redis: RedisCluster, url: RedisUrl, tls: ssl.SSLContext | None) -> None:
        self._redis = redis
        self._url = url
        self._tls = tls

    @property
    def nodes(self) -> Sequence[Address]:
        return [(str(node.host), int(node.port)) for node in self._redis.get_nodes()]

    async def run(self, commands: Sequence[Command]) -> Sequence[Any]:
        pipeline = self._redis.pipeline()
        for command in commands:
            pipeline.execute_command(*command)
        async with asyncio.timeout(ROW_S):
            results: Sequence[Any] = await pipeline.execute(raise_on_error=False)
        return results

    async def listen(self, listener: Listener) -> RedisConnection:
        node = self._redis.get_random_node()
        address = (str(node.host), int(node.port))
        return await open_connection(self._url, self._tls, address=address, listener=listener)

    async def aclose(self) -> None:
        await self._redis.aclose()

"""Connects to a Redis, whether it is one server or a cluster, with redis-py."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from redis.asyncio import Connection, Redis, RedisCluster, SSLConnection
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from app.store.redis_reasons import Unsuitable
from app.store.redis_url import RedisUrl

# In seconds. A caller has four for all that he asks (`app.turns.patience`).
CONNECT_S = 2.0
RESPONSE_S = 2.5

Command: TypeAlias = Sequence[bytes | str | int]
Address: TypeAlias = tuple[str, int]


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

    def make_connection(self) -> Connection:
        """Return a connection of its own to a server; it is not connected yet."""
        ...

    async def aclose(self) -> None: ...


_OPTIONS: dict[str, Any] = {
    "socket_connect_timeout": CONNECT_S,
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
    if nodes:
        return await _connect_to_cluster(url, nodes)
    # No time-out of its own for each response: `app.store.redis_link` has one for all.
    one = _One(Redis(**url.client_options(), **_OPTIONS, socket_timeout=None, db=url.database))
    try:
        # Nobody needs a permission for it, and it says what the others may not ask.
        (told,) = await one.run([("HELLO",)])
        if isinstance(told, RedisError):
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
    return await _connect_to_cluster(url, [(url.host, url.port)])


async def _connect_to_cluster(url: RedisUrl, nodes: Sequence[Address]) -> Client:
    options = {**url.client_options(), **_OPTIONS, "socket_timeout": RESPONSE_S}
    del options["host"], options["port"]
    many = RedisCluster(startup_nodes=[ClusterNode(*node) for node in nodes], **options)
    try:
        await many.initialize()
    except BaseException:
        await many.aclose()
        raise
    return _Cluster(many)


class _One:
    """One server, by redis-py's connections without their pool, which is dearer than a turn."""

    is_one = True
    nodes: Sequence[Address] = ()

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._free: list[Connection] = []
        self._is_closed = False

    async def run(self, commands: Sequence[Command]) -> Sequence[Any]:
        connection = await self._connected()
        results: list[Any] = []
        try:
            await connection.send_packed_command(packed(commands), check_health=False)
            for _ in commands:
                try:
                    results.append(await connection.read_response())
                except ResponseError as error:
                    results.append(error)
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        if self._is_closed:  # meanwhile, by who asked something else in vain
            await connection.disconnect(nowait=True)
        else:
            self._free.append(connection)
        return results

    async def _connected(self) -> Connection:
        while self._free:
            connection = self._free.pop()
            try:
                if not await connection.can_read():
                    return connection
            except (RedisError, OSError):
                pass
            await connection.disconnect(nowait=True)  # the server has closed it
        made = self.make_connection()
        await made.connect()  # type: ignore[no-untyped-call]
        return made

    def make_connection(self) -> Connection:
        made = self._redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        assert isinstance(made, Connection | SSLConnection)
        return made

    async def aclose(self) -> None:
        self._is_closed = True
        for connection in self._free:
            await connection.disconnect(nowait=True)
        await self._redis.aclose()


class _Cluster:
    """All servers of a cluster, by redis-py's client."""

    is_one = False

    def __init__(self, redis: RedisCluster) -> None:
        self._redis = redis

    @property
    def nodes(self) -> Sequence[Address]:
        return [(str(node.host), int(node.port)) for node in self._redis.get_nodes()]

    async def run(self, commands: Sequence[Command]) -> Sequence[Any]:
        pipeline = self._redis.pipeline()
        for command in commands:
            pipeline.execute_command(*command)
        results: Sequence[Any] = await pipeline.execute(raise_on_error=False)
        return results

    def make_connection(self) -> Connection:
        node = self._redis.get_random_node()
        made = node.connection_class(**node.connection_kwargs)
        assert isinstance(made, Connection | SSLConnection)
        return made

    async def aclose(self) -> None:
        await self._redis.aclose()


def packed(commands: Sequence[Command]) -> bytes:
    """Return commands as the protocol writes them.

    Source: redis.io/docs/latest/develop/reference/protocol-spec, "Sending commands to a server".
    """
    pieces: list[bytes] = []
    for command in commands:
        pieces.append(b"*%d\r\n" % len(command))
        for word in command:
            data = word if isinstance(word, bytes) else str(word).encode()
            pieces.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(pieces)


__all__ = ["Address", "Client", "Command", "RedisError", "connect"]

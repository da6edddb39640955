"""Connects to a Redis, whether it is one server or a cluster, with redis-py."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from redis.asyncio import Connection, Redis, RedisCluster, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.store.redis_connection import RowConnection
from app.store.redis_url import RedisUrl

# In seconds. A caller has four for all that he asks (`app.turns.patience`).
CONNECT_S = 2.0
RESPONSE_S = 2.5

Command: TypeAlias = Sequence[bytes | str | int]


class Unsuitable(Exception):
    """What is there cannot be used. The message is a sentence."""


class Client(Protocol):
    """The way to one server, or to all of a cluster.

    Attributes:
        is_one: whether all that is kept is on one server, so that a script may touch all of it.
    """

    is_one: bool

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


async def connect(url: RedisUrl) -> Client:
    """Return a client that has spoken with the server.

    Raises:
        Unsuitable: it is no Redis for us.
        RedisError, OSError: it cannot be reached, or does not let us in.
    """
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
    many = RedisCluster(**url.client_options(), **_OPTIONS, socket_timeout=RESPONSE_S)
    try:
        await many.initialize()
    except BaseException:
        await many.aclose()
        raise
    return _Cluster(many)


class _One:
    """One server. redis-py makes the connections, and its pool is left out."""

    is_one = True

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._free: list[RowConnection] = []

    async def run(self, commands: Sequence[Command]) -> Sequence[Any]:
        connection = self._known()
        if connection is None:
            made = self.make_connection()
            await made.connect()  # type: ignore[no-untyped-call]
            connection = RowConnection(made)
        try:
            results = await connection.ask(packed(commands), len(commands))
        except BaseException:
            connection.close()
            raise
        self._free.append(connection)
        return results

    def _known(self) -> RowConnection | None:
        while self._free:
            connection = self._free.pop()
            if not connection.is_lost:
                return connection
        return None

    def make_connection(self) -> Connection:
        made = self._redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        assert isinstance(made, Connection | SSLConnection)
        return made

    async def aclose(self) -> None:
        for connection in self._free:
            connection.close()
        await self._redis.aclose()


class _Cluster:
    """All servers of a cluster, by redis-py's client."""

    is_one = False

    def __init__(self, redis: RedisCluster) -> None:
        self._redis = redis

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


__all__ = ["Client", "Command", "RedisError", "Unsuitable", "connect"]

"""Connects to a Redis, whether it is one server or a cluster, with redis-py."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from redis.asyncio import Connection, Redis, RedisCluster, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from app.store.redis_url import RedisUrl

# In seconds. A caller has four for all that he asks (`app.turns.patience`).
CONNECT_S = 2.0
RESPONSE_S = 2.5

Command: TypeAlias = Sequence[bytes | str | int]


class Unsuitable(Exception):
    """What is there cannot be used. The message is a sentence."""


class Client(Protocol):
    """Of redis-py's two clients what is needed here."""

    async def aclose(self) -> None: ...

    def pipeline(self, transaction: Any = None) -> Any: ...


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
    one = Redis(**url.client_options(), **_OPTIONS, socket_timeout=None, db=url.database)
    try:
        # Nobody needs a permission for it, and it says what the others may not ask.
        told: Any = await one.execute_command("HELLO")  # type: ignore[no-untyped-call]
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
    return many


async def run(client: Client, commands: Sequence[Command]) -> Sequence[Any]:
    """Send the commands in one go; return what they brought, errors among it.

    Raises:
        RedisError, OSError: the connection failed; which of them were executed is unknown.
    """
    if isinstance(client, Redis):
        return await _run_on_one(client, commands)
    pipeline = client.pipeline()
    for command in commands:
        pipeline.execute_command(*command)
    results: Sequence[Any] = await pipeline.execute(raise_on_error=False)
    return results


async def _run_on_one(client: Redis, commands: Sequence[Command]) -> Sequence[Any]:
    """Do what redis-py's pipeline does, without its tasks, time-outs and records for each command.

    That is half of what a write for many turns costs.
    """
    pool = client.connection_pool
    connection = await pool.get_connection()  # type: ignore[no-untyped-call]
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
    finally:
        await pool.release(connection)
    return results


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


def connection_of(client: Client) -> Connection:
    """Return a connection of its own to a server that ``client`` knows; it is not connected yet."""
    if isinstance(client, RedisCluster):
        node = client.get_random_node()
        made = node.connection_class(**node.connection_kwargs)
    else:
        assert isinstance(client, Redis)
        made = client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    assert isinstance(made, Connection | SSLConnection)
    return made


__all__ = ["Client", "Command", "RedisError", "Unsuitable", "connect", "connection_of", "run"]

"""A connection to one Redis, asked in rows: many commands in one write, their results in one wait.

redis-py connects it and signs in. Then its transport is told that it has another protocol: redis-py
itself takes three coroutines for each result and a dozen for each use of its pool, which was most
of what a turn cost. Results are read by hiredis, as redis-py does it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import hiredis
from redis.asyncio import Connection
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ClusterCrossSlotError,
    InvalidResponse,
    MasterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)

# The errors that are told from each other here or in the log; their texts begin with these words.
_ERRORS: Mapping[str, type[RedisError]] = {
    "CROSSSLOT": ClusterCrossSlotError,
    "LOADING": BusyLoadingError,
    "MASTERDOWN": MasterDownError,
    "NOAUTH": AuthenticationError,
    "NOPERM": NoPermissionError,
    "NOSCRIPT": NoScriptError,
    "OOM": OutOfMemoryError,
    "READONLY": ReadOnlyError,
}
_MORE = object()


class RowConnection(asyncio.Protocol):
    """Asks one row at a time.

    Args:
        connection: connected; nothing of it may be used any more.

    Attributes:
        is_lost: whether nothing can be asked any more.
    """

    def __init__(self, connection: Connection) -> None:
        # As long as redis-py knows them it warns of a connection that was not closed.
        writer, connection._reader, connection._writer = connection._writer, None, None
        assert writer is not None
        self._writer = writer  # without it, it would close the transport
        self._transport = writer.transport
        self._reader = hiredis.Reader(
            protocolError=InvalidResponse, replyError=_error_of, notEnoughData=_MORE
        )
        self._results: list[Any] = []
        self._count = 0
        self._asked: asyncio.Future[Sequence[Any]] | None = None
        self.is_lost = self._transport.is_closing()
        self._transport.set_protocol(self)

    async def ask(self, row: bytes, count: int) -> Sequence[Any]:
        """Send a row of ``count`` commands and return what they bring, errors among it.

        Who is cancelled meanwhile has to close the connection.

        Raises:
            RedisError: the connection failed.
        """
        if self.is_lost:
            raise RedisConnectionError("the connection was lost")
        self._results, self._count = [], count
        self._asked = asyncio.get_running_loop().create_future()
        self._transport.write(row)
        try:
            return await self._asked
        finally:
            self._asked = None

    def close(self) -> None:
        self.is_lost = True
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        results = self._results
        try:
            self._reader.feed(data)
            while (found := self._reader.gets()) is not _MORE:
                results.append(found)
        except RedisError as error:
            self._fail(error)
            return
        if len(results) < self._count:
            return
        if self._asked is None or self._asked.done() or len(results) > self._count:
            self._fail(InvalidResponse("a result of no command"))
        else:
            self._asked.set_result(results)

    def eof_received(self) -> None:
        self._fail(RedisConnectionError("the server has closed the connection"))

    def connection_lost(self, exc: Exception | None) -> None:
        error = RedisConnectionError("the connection was lost")
        error.__cause__ = exc
        self._fail(error)

    def _fail(self, error: RedisError) -> None:
        self.close()
        if self._asked is not None and not self._asked.done():
            self._asked.set_exception(error)


def _error_of(text: str) -> RedisError:
    code, _, rest = text.partition(" ")
    known = _ERRORS.get(code)
    return ResponseError(text) if known is None else known(rest)

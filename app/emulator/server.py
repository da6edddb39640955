"""A small HTTP/1.1 server that leaves nothing behind when it is closed."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from app.emulator.changes import Changes
from app.emulator.connection import MAX_HEAD_BYTES, BadRequest, ClientGone, Connection, Request

Respond: TypeAlias = Callable[[Connection, Request], Awaitable[None]]


class HttpServer:
    """Listens on one port and calls ``respond`` for each request.

    Args:
        respond: responds to one request; if the response is not complete, the connection is cut.
        idle_timeout_s: closes a connection that sends no (further) request for so long. ``None``
            is for runtimes, which keep their connection while they are frozen.
        max_head_bytes: largest head of a request.
    """

    def __init__(
        self,
        respond: Respond,
        *,
        idle_timeout_s: float | None = None,
        max_head_bytes: int = MAX_HEAD_BYTES,
    ) -> None:
        self._respond = respond
        self._max_head_bytes = max_head_bytes
        self._idle_timeout_s = idle_timeout_s
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._changes = Changes()
        self._responding = 0
        self._is_stopping = False

    async def start(self, host: str, port: int = 0) -> int:
        """Listen; return the port. Raises `OSError` if it is taken."""
        self._server = await asyncio.start_server(self._serve, host, port, backlog=512)
        return int(self._server.sockets[0].getsockname()[1])

    def stop(self) -> None:
        """Stop listening, and respond to no more requests. The present ones go on."""
        self._is_stopping = True
        if self._server is not None:
            self._server.close()

    async def until_responded(self) -> None:
        """Wait until every request has its whole response."""
        await self._changes.until(lambda: not self._responding)

    async def until_quiet(self) -> None:
        """Wait until all clients have closed their connections and what they sent is read."""
        await self._changes.until(lambda: not self._connections)

    async def close(self) -> None:
        """Stop listening and cut every connection."""
        if self._server is not None:
            self._server.close()
        connections = list(self._connections)
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        connection = Connection(reader, writer, max_head_bytes=self._max_head_bytes)
        try:
            await self._serve_requests(connection)
            await connection.close()
        except asyncio.CancelledError:
            connection.abort()  # cancelled by `close`; the task ends here anyway
        finally:
            connection.abort()
            self._connections.discard(task)
            self._changes.notify()

    async def _serve_requests(self, connection: Connection) -> None:
        try:
            while (request := await self._next_request(connection)) is not None:
                self._responding += 1
                try:
                    await self._respond(connection, request)
                finally:
                    self._responding -= 1
                    self._changes.notify()
        except BadRequest as error:
            await _refuse(connection, str(error))
        except ClientGone:
            return  # there is nobody left to respond to

    async def _next_request(self, connection: Connection) -> Request | None:
        if self._stops():
            return None
        try:
            async with asyncio.timeout(self._idle_timeout_s):
                request = await connection.next_request()
        except TimeoutError:
            return None
        return None if self._stops() else request

    def _stops(self) -> bool:
        return self._is_stopping


async def _refuse(connection: Connection, reason: str) -> None:
    if connection.can_respond:
        body = json.dumps({"errorType": "BadRequest", "errorMessage": reason}).encode()
        with contextlib.suppress(ClientGone):
            await connection.respond(400, [("content-type", "application/json")], body)

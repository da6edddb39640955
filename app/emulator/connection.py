"""The server's side of one HTTP/1.1 connection: h11 on asyncio streams.

The emulator needs what most servers hide: the trailers of a request, chunks as they arrive, the
moment a client leaves while it waits for the response, and a way to break off a response so that
the client can tell. asyncio sets TCP_NODELAY on every TCP socket, so a written chunk is sent as a
packet at once. What is read is acknowledged at once: the Lambda Web Adapter does not set that
option, and so sends no small chunk before the last one is acknowledged, which Linux puts off for 40
ms where nothing is sent back.
"""

import asyncio
import contextlib
import http
import socket
from collections.abc import AsyncGenerator, Awaitable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import h11

from app.received import read_socket

Headers: TypeAlias = Sequence[tuple[str, str]]
_T = TypeVar("_T")

_READ_BYTES = 64 * 1024
# For a request's head or its trailers, which may hold a stack trace in base64.
MAX_HEAD_BYTES = 1024 * 1024
_WRITE_TIMEOUT_S = 60.0
_LINGER_S = 2.0
_REASONS = {status.value: status.phrase for status in http.HTTPStatus}
_BODYLESS = frozenset({204, 304})
# Of Linux. It holds until the kernel thinks otherwise, so it is set after each read.
_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)


class ClientGone(Exception):
    """The client closed the connection, or does not read what we write."""


class BadRequest(Exception):
    """The client does not speak HTTP/1.1. The connection cannot be used any longer."""


class BodyTooLarge(Exception):
    """The request's body is larger than the address accepts."""


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request. Header names are in lower case; their order is the client's."""

    method: str
    path: str
    query: str
    headers: Headers
    client_host: str

    def header(self, name: str) -> str:
        """Return all values of a header, joined by commas; ``""`` if there is none."""
        return ",".join(value for key, value in self.headers if key == name)


class Connection:
    """One connection that serves one request after another.

    Args:
        max_head_bytes: largest head of a request, and largest trailers.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        max_head_bytes: int = MAX_HEAD_BYTES,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=max_head_bytes)
        self._bodyless = False
        self.trailers: dict[str, str] = {}

    @property
    def can_respond(self) -> bool:
        """Whether the response to the current request has not been started."""
        return self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE)

    async def next_request(self) -> Request | None:
        """Return the head of the next request; ``None`` if no further one can come.

        Raises:
            BadRequest, ClientGone
        """
        if self._http.our_state is h11.DONE:
            if self._http.their_state is h11.SEND_BODY:
                async for _ in self.body():
                    pass  # an unread body, or just the end of a request without one
            if self._http.their_state is h11.DONE:
                self._http.start_next_cycle()
        if self._http.their_state is not h11.IDLE or self._http.our_state is not h11.IDLE:
            return None
        event = await self._next_event()
        if not isinstance(event, h11.Request):
            return None
        path, _, query = event.target.decode("latin-1").partition("?")
        headers = tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in event.headers)
        peer = self._writer.get_extra_info("peername")
        self._bodyless = event.method == b"HEAD"
        self.trailers = {}
        method = event.method.decode("ascii")
        return Request(method, path, query, headers, str(peer[0]) if peer else "")

    async def body(self) -> AsyncGenerator[bytes, None]:
        """Yield the request's body as it arrives; afterwards `trailers` holds its trailers."""
        while True:
            event = await self._next_event()
            if isinstance(event, h11.EndOfMessage):
                self.trailers = {n.decode("latin-1"): v.decode("latin-1") for n, v in event.headers}
                return
            if not isinstance(event, h11.Data):
                raise ClientGone("the connection was closed inside a request")
            yield bytes(event.data)

    async def read_body(self, max_bytes: int) -> bytes:
        """Return the whole body. Raises `BodyTooLarge` once it exceeds ``max_bytes``."""
        body = bytearray()
        async with contextlib.aclosing(self.body()) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) > max_bytes:
                    raise BodyTooLarge
        return bytes(body)

    async def unless_gone(self, awaitable: Awaitable[_T]) -> _T:
        """Await something. Raises `ClientGone` if the client leaves first."""
        wanted = asyncio.ensure_future(awaitable)
        gone = asyncio.ensure_future(self._read_to_end())
        try:
            await asyncio.wait({wanted, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not wanted.done():
                raise ClientGone("the connection was closed while it waited for an answer")
            return wanted.result()
        finally:
            for task in (wanted, gone):
                task.cancel()
            await asyncio.wait({wanted, gone})

    async def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole response in one write."""
        length = () if self._has_no_body(status) else (("content-length", str(len(body))),)
        head = self._encode_head(status, (*headers, *length))
        data = b"" if self._has_no_body(status) else self._encode(h11.Data(data=body))
        await self._write(head + data + self._encode(h11.EndOfMessage()))

    async def start(self, status: int, headers: Headers) -> None:
        """Send the head of a response whose length is not known yet.

        Raises:
            h11.LocalProtocolError: a header or status that HTTP does not allow; nothing was sent.
            ClientGone
        """
        self._bodyless = self._has_no_body(status)
        await self._write(self._encode_head(status, headers))

    async def send(self, data: bytes) -> None:
        """Send a piece of the body now, as one chunk."""
        if data and not self._bodyless:
            await self._write(self._encode(h11.Data(data=data)))

    async def end(self) -> None:
        """Complete the response. Without this the client sees that it was cut."""
        await self._write(self._encode(h11.EndOfMessage()))

    async def close(self) -> None:
        """Send what is buffered and close.

        Before that, what the client still sends is read for a while: closing with unread bytes
        resets the connection, and the client could lose the response.
        """
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_LINGER_S):
                await self._writer.drain()
                if self._writer.can_write_eof():
                    self._writer.write_eof()
                while await self._reader.read(_READ_BYTES):
                    pass
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def abort(self) -> None:
        """Close at once and discard what is buffered."""
        self._writer.transport.abort()

    def _has_no_body(self, status: int) -> bool:
        return self._bodyless or status in _BODYLESS

    def _encode_head(self, status: int, headers: Iterable[tuple[str, str]]) -> bytes:
        raw = [(name.encode("latin-1", "replace"), _header_bytes(value)) for name, value in headers]
        reason = _REASONS.get(status, "").encode()
        return self._encode(h11.Response(status_code=status, headers=raw, reason=reason))

    def _encode(self, event: h11.Event) -> bytes:
        return self._http.send(event) or b""

    async def _write(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(_WRITE_TIMEOUT_S):
                self._writer.write(data)
                await self._writer.drain()
        except (OSError, TimeoutError) as error:
            raise ClientGone("the other side does not take the answer") from error

    async def _read_to_end(self) -> None:
        with contextlib.suppress(OSError):
            while data := await read_socket(self._reader, _READ_BYTES):
                self._http.receive_data(data)

    def _acknowledge(self) -> None:
        connected = self._writer.get_extra_info("socket")
        if _QUICK_ACK is None or connected is None:  # not Linux, or no socket of the system's
            return
        if connected.family in (socket.AF_INET, socket.AF_INET6):
            with contextlib.suppress(OSError):  # closed meanwhile
                connected.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)

    async def _next_event(self) -> h11.Event:
        try:
            while True:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    if self._http.they_are_waiting_for_100_continue:
                        go_on = h11.InformationalResponse(status_code=100, headers=[])
                        await self._write(self._encode(go_on))
                    self._http.receive_data(await read_socket(self._reader, _READ_BYTES))
                    self._acknowledge()
                elif isinstance(event, h11.Event):
                    return event
                else:  # PAUSED: a pipelined request, which cannot be read before the response
                    raise BadRequest("a request inside a request")
        except h11.RemoteProtocolError as error:
            if self._reader.at_eof():
                raise ClientGone("the connection was closed inside a request") from error
            raise BadRequest(str(error)) from error
        except OSError as error:
            raise ClientGone(str(error)) from error


def _header_bytes(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:  # the JSON of a prelude or a client context may hold any character
        return value.encode("utf-8", "replace")

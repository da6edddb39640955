"""HTTP to servers that we call and do not trust: the model's, and those of remote tools.

An aiohttp session with these differences:

* A body whose framing is broken is an error at once. aiohttp closes the connection then and tells
  whoever waits for the *headers*. The reader of a body is never told, not even by the read
  time-out. What came before the fault can be read first.
* A connection that breaks is never the end of a body.
* What is no body (headers, interim responses, chunk lines, trailers) is limited.
* A server that does not read the request, or sends interim responses and then nothing, is waited
  for as long as one that sends nothing. aiohttp's read time-out begins later, or ends, then.
* A connection that is closed while a request is being sent is closed at once. aiohttp, or rather
  asyncio, would keep it until the server has read the rest.
* What comes while nobody asks closes the connection. aiohttp keeps it as the response to the next
  request, so a server could answer one conversation with another's.
* Nothing is decompressed.
* The wait for a proxy's tunnel is a part of connecting. aiohttp waits for it without a limit.

Redirects are each caller's to refuse (``allow_redirects=False``).

Source: aiohttp 3.14, client_proto.py (`ResponseHandler.data_received`), connector.py and
_http_parser.pyx; test_peer_http.py would notice a change.
"""

import asyncio
import functools
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

# What may come between two bytes of bodies. Most servers limit headers to 64 KiB; a chunk's line
# has a few bytes, unless it is padded with extensions to keep us busy.
MAX_FRAMING_BYTES = 256 * 1024
_HEAD_END = b"\r\n\r\n"


def peer_session(timeout: aiohttp.ClientTimeout, **options: Any) -> aiohttp.ClientSession:
    """Return a session without cookies, whose number of connections is not limited.

    ``options`` are those of `aiohttp.TCPConnector`.
    """
    return aiohttp.ClientSession(
        connector=_PeerConnector(limit=0, **options),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=timeout,
        auto_decompress=False,
    )


class _PeerConnector(aiohttp.TCPConnector):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # No public option names the class of a connection.
        connection: type[ResponseHandler] = _PeerConnection
        self._factory = functools.partial(connection, loop=self._loop)

    def _release(self, key: Any, protocol: ResponseHandler, *, should_close: bool = False) -> None:
        super()._release(key, protocol, should_close=should_close)
        if isinstance(protocol, _PeerConnection):
            protocol.is_idle = True

    async def _create_proxy_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 (aiohttp's own signature)
    ) -> tuple[asyncio.BaseTransport, ResponseHandler]:
        async with asyncio.timeout(timeout.sock_connect):
            return await super()._create_proxy_connection(req, traces, timeout)


_receive = ResponseHandler.data_received


class _PeerConnection(ResponseHandler):
    is_idle = False
    _sending_timer: asyncio.TimerHandle | None = None
    _body_bytes = 0
    _framing_bytes = 0  # since the last byte of a body

    def set_response_params(self, **params: Any) -> None:
        self.is_idle = False
        self._body_bytes = self._framing_bytes = 0
        super().set_response_params(**params)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.read_timeout and self._sending_timer is None:
            self._sending_timer = self._loop.call_later(self.read_timeout, self._on_read_timeout)

    def resume_writing(self) -> None:
        self._drop_sending_timer()
        super().resume_writing()

    def _drop_sending_timer(self) -> None:
        if self._sending_timer is not None:
            self._sending_timer.cancel()
            self._sending_timer = None

    def close(self) -> None:
        self._drop_sending_timer()
        transport: Any = self.transport
        super().close()
        if transport is not None and transport.get_write_buffer_size():
            transport.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        payload = self._payload
        if exc is not None and payload is not None and not payload.is_eof():
            # aiohttp takes it for the end of a body that has no other end.
            error = aiohttp.ClientPayloadError("the connection broke")
            error.__cause__ = exc
            payload.set_exception(error)
        self._drop_sending_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.is_idle and data:
            self.close()
            return
        payload = self._payload
        while payload is None or payload.is_eof():
            if not (data := self._receive_head(data)):
                return
            payload = self._payload
        _receive(self, data)
        # What follows is done for every piece of every body.
        if payload.total_bytes != self._body_bytes:
            self._body_bytes = payload.total_bytes
            self._framing_bytes = 0
        elif data:
            self._count_framing(data)
        if self._exception is not None:
            self._tell_reader(payload)

    def _receive_head(self, data: bytes) -> bytes:
        """Feed headers by themselves, and return what comes behind them.

        If that is malformed, aiohttp would lose the headers that it was fed together with it.
        """
        end = data.find(_HEAD_END) + len(_HEAD_END)
        if end < len(_HEAD_END):
            end = len(data)
        self._count_framing(data[:end])
        if self._exception is None:
            _receive(self, data[:end])
            if self._buffer and self._buffer[-1][0][0].code < 200:
                self._reschedule_timeout()
        return data[end:] if self._exception is None else b""

    def _count_framing(self, data: bytes) -> None:
        self._framing_bytes += len(data)
        if self._framing_bytes > MAX_FRAMING_BYTES and self._exception is None:
            self._break_off()

    def _break_off(self) -> None:
        if self.transport is not None:
            self.transport.close()
        self.set_exception(aiohttp.ClientPayloadError("headers or chunk lines without end"))

    def _tell_reader(self, payload: aiohttp.StreamReader) -> None:
        if payload.exception() is None and not payload.is_eof():
            error = aiohttp.ClientPayloadError("the framing of the body is malformed")
            payload.set_exception(error)
            # Once more for a reader that has been woken by the end of a good chunk and has not run
            # yet: it finds no data and waits again, without a look at the exception.
            self._loop.call_soon(payload.set_exception, error)

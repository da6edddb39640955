"""A client of Lambda's Runtime API: h11 on asyncio streams.

    GET  /2018-06-01/runtime/invocation/next            waits for an event
    POST /2018-06-01/runtime/invocation/ID/response     sends the response, whole or streamed
    POST /2018-06-01/runtime/invocation/ID/error        reports that there is no response
    POST /2018-06-01/runtime/init/error                 reports that the function cannot start

A streamed response reports a failure in its trailers, which the usual HTTP clients cannot send.
Every call has a connection of its own. asyncio sets TCP_NODELAY on it, so each chunk that is
written is sent at once.

Sources: AWS's pages "Using the Lambda runtime API" and "Building a custom runtime"; the Runtime
Interface Emulator of aws-sam-cli 1.170.
"""

import asyncio
import contextlib
import time
from base64 import b64encode
from collections.abc import Sequence
from urllib.parse import quote

import h11

from app.causes import described
from app.lambda_runtime.invocation import FunctionError, Invocation, read_invocation
from app.received import read_socket

_ROOT = "/2018-06-01/runtime"
_READ_BYTES = 256 * 1024
# Of one HTTP response; the client context in it may have 3,583 bytes.
_MAX_HEAD_BYTES = 64 * 1024
_CONNECT_TIMEOUT_S = 5.0

_ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
_ERROR_BODY = "Lambda-Runtime-Function-Error-Body"
_JSON = ("Content-Type", "application/json")

_Headers = Sequence[tuple[str, str]]


class RuntimeApiFailed(Exception):
    """The Runtime API is gone or does not work. The process has to end, promptly."""


class ResponseRefused(OSError):
    """Lambda refuses (the rest of) this response. The next invocation may well work."""


class _Connection:
    """A connection for one request and its HTTP response."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_BYTES)

    async def send(self, *events: h11.Event) -> None:
        """Send all of ``events`` in one write."""
        await self.write(b"".join(self.encode(event) for event in events))

    def encode(self, event: h11.Event) -> bytes:
        """Return the bytes of ``event``. The caller has to write them next."""
        return self._http.send(event) or b""

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self) -> tuple[h11.Response, bytes]:
        """Return the HTTP response and its body."""
        response: h11.Response | None = None
        body = bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await read_socket(self._reader, _READ_BYTES))
            elif isinstance(event, h11.Response):
                response = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                assert response is not None
                return response, bytes(body)
            elif not isinstance(event, h11.InformationalResponse):
                raise ConnectionResetError("the connection was closed before the response")

    def close(self) -> None:
        self._writer.close()


class RuntimeApi:
    """The Runtime API, as a runtime calls it.

    Args:
        address: host and port, in the form of ``AWS_LAMBDA_RUNTIME_API``.

    Raises:
        RuntimeApiFailed: ``address`` has another form.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._host, _, port = address.rpartition(":")
        if not self._host or not port.isdecimal():
            raise RuntimeApiFailed(f"{address!r} is not a host and a port.")
        self._port = int(port)

    async def next_invocation(self) -> Invocation | None:
        """Wait for the next invocation, for as long as it takes.

        Returns ``None`` for an invocation without a request id, which no response can name.

        Raises:
            RuntimeApiFailed: the connection or the request failed.
        """
        try:
            response, body = await self._call("GET", "/invocation/next", (), b"")
        except (OSError, h11.ProtocolError) as error:
            text = f"Waiting for the next event failed: {described(error)}."
            raise RuntimeApiFailed(text) from error
        if response.status_code != 200:
            raise RuntimeApiFailed(f"Waiting for the next event: HTTP {response.status_code}.")
        headers = {name.decode("latin-1"): _text(value) for name, value in response.headers}
        return read_invocation(headers, body, now_ms=int(time.time() * 1000))

    async def respond(self, request_id: str, content_type: str, body: bytes) -> None:
        """Send a whole response.

        Raises:
            ResponseRefused: most likely because it is too large (413).
            RuntimeApiFailed: HTTP status 500 or above.
        """
        path = _path(request_id, "response")
        await self._post(path, (("Content-Type", _header_value(content_type)),), body)

    async def fail(self, request_id: str, error: FunctionError) -> None:
        """Report that there is no response, and why. Only before its first byte.

        Raises:
            ResponseRefused, RuntimeApiFailed: as `respond`.
        """
        await self._post(_path(request_id, "error"), _error_headers(error), error.body())

    async def fail_init(self, error: FunctionError) -> None:
        """Report that the function cannot start. Only before the first `next_invocation`.

        Raises:
            ResponseRefused, RuntimeApiFailed: as `respond`.
        """
        await self._post("/init/error", _error_headers(error), error.body())

    async def open_stream(self, request_id: str, content_type: str) -> "ResponseStream":
        """Connect for a streamed response. Nothing is sent yet.

        Raises:
            ResponseRefused: the connection failed.
        """
        head = self._request(
            "POST",
            _path(request_id, "response"),
            (
                ("Content-Type", _header_value(content_type)),
                ("Lambda-Runtime-Function-Response-Mode", "streaming"),
                ("Transfer-Encoding", "chunked"),
                # Announced always: only the end shows whether they are needed.
                ("Trailer", f"{_ERROR_TYPE}, {_ERROR_BODY}"),
            ),
        )
        try:
            return ResponseStream(await self._connect(), head)
        except OSError as error:
            text = f"cannot connect to the Runtime API: {described(error)}"
            raise ResponseRefused(text) from error

    async def _post(self, path: str, headers: _Headers, body: bytes) -> None:
        headers = (*headers, ("Content-Length", str(len(body))))
        try:
            response, reason = await self._call("POST", path, headers, body)
        except (OSError, h11.ProtocolError) as error:
            raise ResponseRefused(f"{path} failed: {described(error)}") from error
        _check(response.status_code, reason)

    async def _call(
        self, method: str, path: str, headers: _Headers, body: bytes
    ) -> tuple[h11.Response, bytes]:
        connection = await self._connect()
        try:
            head = self._request(method, path, headers)
            # Lambda may respond and close the connection before it has read a large body.
            with contextlib.suppress(ConnectionError):
                await connection.send(head, h11.Data(data=body), h11.EndOfMessage())
            return await connection.receive()
        finally:
            connection.close()

    def _request(self, method: str, path: str, headers: _Headers) -> h11.Request:
        host = (("Host", self._address), ("Connection", "close"))
        return h11.Request(method=method, target=_ROOT + path, headers=[*host, *headers])

    async def _connect(self) -> _Connection:
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            return _Connection(*await asyncio.open_connection(self._host, self._port))


class ResponseStream:
    """A streamed response: the request body of a ``POST …/response``, in HTTP chunks."""

    def __init__(self, connection: _Connection, head: h11.Request) -> None:
        self._connection = connection
        self._head: h11.Request | None = head
        # Read from the start: Lambda may refuse the response before it is complete.
        self._verdict = asyncio.ensure_future(connection.receive())

    async def write(self, *pieces: bytes) -> None:
        """Send each of ``pieces`` as a chunk, all of them in one write. None may be empty.

        Raises:
            ResponseRefused: Lambda refused the response, or the connection is lost.
            RuntimeApiFailed: HTTP status 500 or above.
        """
        if self._verdict.done():
            self._check()
            raise ResponseRefused("the Runtime API took the answer for complete before it was")
        # h11 writes only the head and the end. Framing the chunks here halves their cost.
        data = b"".join([b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces])
        if self._head is not None:
            data = self._connection.encode(self._head) + data
            self._head = None
        try:
            await self._connection.write(data)
        except OSError as error:
            await self._settle()
            raise ResponseRefused(f"the connection is lost: {described(error)}") from error

    async def end(self, error: FunctionError | None = None) -> None:
        """Complete the response, in trailers with ``error``; wait until Lambda has all of it.

        Raises:
            ResponseRefused, RuntimeApiFailed: as `write`.
        """
        end = h11.EndOfMessage(headers=[] if error is None else _trailers(error))
        try:
            if not self._verdict.done():
                with contextlib.suppress(ConnectionError):
                    await self._connection.send(end)
            await self._settle()
        finally:
            self.abort()

    def abort(self) -> None:
        """Close the connection, even if the response is not complete."""
        if not self._verdict.cancel() and not self._verdict.cancelled():
            self._verdict.exception()  # retrieved, so that asyncio does not log it
        self._connection.close()

    async def _settle(self) -> None:
        await asyncio.wait({self._verdict})
        self._check()

    def _check(self) -> None:
        try:
            response, reason = self._verdict.result()
        except (OSError, h11.ProtocolError) as error:
            raise ResponseRefused(f"the connection is lost: {described(error)}") from error
        _check(response.status_code, reason)


def _check(status: int, reason: bytes) -> None:
    if status >= 500:
        raise RuntimeApiFailed(f"The Runtime API answered HTTP {status}.")
    if status >= 300:
        raise ResponseRefused(f"HTTP {status}: {reason[:500].decode('utf-8', 'replace')}")


def _error_headers(error: FunctionError) -> _Headers:
    return (_JSON, (_ERROR_TYPE, _header_value(error.code)))


def _trailers(error: FunctionError) -> list[tuple[str, str]]:
    return [
        (_ERROR_TYPE, _header_value(error.code)),
        (_ERROR_BODY, b64encode(error.body()).decode()),
    ]


def _path(request_id: str, route: str) -> str:
    return f"/invocation/{quote(request_id, safe='')}/{route}"


def _header_value(text: str) -> str:
    # The text is the function's own, and h11 refuses characters that HTTP does not allow.
    return "".join(char if " " <= char < "\x7f" else "?" for char in text).strip()


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")

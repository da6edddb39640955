"""A client of Lambda's Runtime API: h11 on asyncio streams.

    GET  /2018-06-01/runtime/invocation/next            waits for an event
    POST /2018-06-01/runtime/invocation/ID/response     the answer, whole or as it is made
    POST /2018-06-01/runtime/invocation/ID/error        there is no answer
    POST /2018-06-01/runtime/init/error                 the function cannot start

Usual HTTP clients cannot send trailers, which is how a streamed answer says that it failed. Every
call has a connection of its own. asyncio sets TCP_NODELAY on it: a chunk that was written is a
packet that is sent.

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

from app.lambda_runtime.invocation import FunctionError, Invocation, read_invocation

_ROOT = "/2018-06-01/runtime"
_READ_BYTES = 256 * 1024
# One response head; the client context in it may have 3,583 bytes.
_MAX_HEAD_BYTES = 64 * 1024
_CONNECT_TIMEOUT_S = 5.0

_ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
_ERROR_BODY = "Lambda-Runtime-Function-Error-Body"
_JSON = ("Content-Type", "application/json")

_Headers = Sequence[tuple[str, str]]


class RuntimeApiFailed(Exception):
    """The Runtime API is gone or does not work. The process has to end, promptly."""


class AnswerRefused(OSError):
    """Lambda does not take (the rest of) this answer. The next invocation may well work."""


class _Connection:
    """One request and its response."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_BYTES)

    async def send(self, *events: h11.Event) -> None:
        """Send these in one write."""
        await self.write(b"".join(self.encode(event) for event in events))

    def encode(self, event: h11.Event) -> bytes:
        """Return the bytes of an event, which have to be written next."""
        return self._http.send(event) or b""

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self) -> tuple[h11.Response, bytes]:
        """Return the response and its body."""
        response: h11.Response | None = None
        body = bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(_READ_BYTES))
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
    """The Runtime API at an address.

    Args:
        address: host and port, as Lambda puts them into ``AWS_LAMBDA_RUNTIME_API``.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._host, _, port = address.rpartition(":")
        if not self._host or not port.isdecimal():
            raise RuntimeApiFailed(f"{address!r} is not a host and a port.")
        self._port = int(port)

    async def next_invocation(self) -> Invocation | None:
        """Wait for the next invocation, for as long as it takes.

        Returns ``None`` for an invocation without an id: there is no way to answer it.

        Raises:
            RuntimeApiFailed
        """
        try:
            response, body = await self._call("GET", "/invocation/next", (), b"")
        except (OSError, h11.ProtocolError) as error:
            raise RuntimeApiFailed(f"Waiting for the next event failed: {error}.") from error
        if response.status_code != 200:
            raise RuntimeApiFailed(f"Waiting for the next event: HTTP {response.status_code}.")
        headers = {name.decode("latin-1"): _text(value) for name, value in response.headers}
        return read_invocation(headers, body, now_ms=int(time.time() * 1000))

    async def respond(self, request_id: str, content_type: str, body: bytes) -> None:
        """Send an answer in one piece.

        Raises:
            AnswerRefused: most likely it is too large (413).
            RuntimeApiFailed
        """
        path = _path(request_id, "response")
        await self._post(path, (("Content-Type", _header_value(content_type)),), body)

    async def fail(self, request_id: str, error: FunctionError) -> None:
        """Say that there is no answer, and why. Only before its first byte.

        Raises:
            AnswerRefused, RuntimeApiFailed
        """
        await self._post(_path(request_id, "error"), _error_headers(error), error.body())

    async def fail_init(self, error: FunctionError) -> None:
        """Say that the function cannot start. Only before the first `next_invocation`.

        Raises:
            AnswerRefused, RuntimeApiFailed
        """
        await self._post("/init/error", _error_headers(error), error.body())

    async def open_stream(self, request_id: str, content_type: str) -> "ResponseStream":
        """Connect for an answer that is sent while it is made. Nothing is sent yet.

        Raises:
            AnswerRefused
        """
        head = self._request(
            "POST",
            _path(request_id, "response"),
            (
                ("Content-Type", _header_value(content_type)),
                ("Lambda-Runtime-Function-Response-Mode", "streaming"),
                ("Transfer-Encoding", "chunked"),
                # Nobody can know yet whether they will be needed.
                ("Trailer", f"{_ERROR_TYPE}, {_ERROR_BODY}"),
            ),
        )
        try:
            return ResponseStream(await self._connect(), head)
        except OSError as error:
            raise AnswerRefused(f"cannot connect to the Runtime API: {error}") from error

    async def _post(self, path: str, headers: _Headers, body: bytes) -> None:
        headers = (*headers, ("Content-Length", str(len(body))))
        try:
            response, answer = await self._call("POST", path, headers, body)
        except (OSError, h11.ProtocolError) as error:
            raise AnswerRefused(f"{path} failed: {error}") from error
        _check(response.status_code, answer)

    async def _call(
        self, method: str, path: str, headers: _Headers, body: bytes
    ) -> tuple[h11.Response, bytes]:
        connection = await self._connect()
        try:
            head = self._request(method, path, headers)
            # A response may come, and the connection go, before a large body is out.
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
    """An answer on its way: one HTTP chunk for each `write`."""

    def __init__(self, connection: _Connection, head: h11.Request) -> None:
        self._connection = connection
        self._head: h11.Request | None = head
        # Read from the start: Lambda may refuse the answer before it is complete.
        self._verdict = asyncio.ensure_future(connection.receive())

    async def write(self, *pieces: bytes) -> None:
        """Send each piece as a chunk, and all of them in one packet. None of them is empty.

        Raises:
            AnswerRefused, RuntimeApiFailed
        """
        if self._verdict.done():
            self._check()
            raise AnswerRefused("the Runtime API took the answer for complete before it was")
        # h11 need not see the chunks, as long as it writes the head and the end. This halves what
        # a chunk costs.
        data = b"".join([b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces])
        if self._head is not None:
            data = self._connection.encode(self._head) + data
            self._head = None
        try:
            await self._connection.write(data)
        except OSError as error:
            await self._settle()
            raise AnswerRefused(f"the connection is lost: {error}") from error

    async def end(self, error: FunctionError | None = None) -> None:
        """Complete the answer, with trailers if it failed, and wait until Lambda has all of it.

        Raises:
            AnswerRefused, RuntimeApiFailed
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
        """Close the connection, whatever is missing."""
        if not self._verdict.cancel() and not self._verdict.cancelled():
            self._verdict.exception()  # seen: asyncio logs those that nobody looked at
        self._connection.close()

    async def _settle(self) -> None:
        await asyncio.wait({self._verdict})
        self._check()

    def _check(self) -> None:
        try:
            response, answer = self._verdict.result()
        except (OSError, h11.ProtocolError) as error:
            raise AnswerRefused(f"the connection is lost: {error}") from error
        _check(response.status_code, answer)


def _check(status: int, answer: bytes) -> None:
    if status >= 500:
        raise RuntimeApiFailed(f"The Runtime API answered HTTP {status}.")
    if status >= 300:
        raise AnswerRefused(f"HTTP {status}: {answer[:500].decode('utf-8', 'replace')}")


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
    # Both are the function's own words, and h11 would refuse what HTTP does not allow.
    return "".join(char if " " <= char < "\x7f" else "?" for char in text).strip()


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")

"""A Runtime API for tests, over a real socket, that records what a runtime posts.

It shares no code with the emulator's, so that a test fails if either misreads the contract.
"""

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import h11

from app.aws.http_integration import Prelude, PreludeDecoder
from app.lambda_runtime.handler_loading import Handler
from app.lambda_runtime.invocation_loops import Runtime
from app.lambda_runtime.runtime_api import RuntimeApi

ARN = "arn:aws:lambda:eu-west-2:123456789012:function:chat"

_T = TypeVar("_T")
_WAIT_S = 8.0


async def soon(awaitable: Awaitable[_T]) -> _T:
    """Wait for ``awaitable``, but fail instead of hanging."""
    async with asyncio.timeout(_WAIT_S):
        return await awaitable


@dataclass
class Posted:
    """What a runtime has posted for one invocation so far.

    Attributes:
        route: ``response`` or ``error``.
        headers: with names in lower case.
        chunks: HTTP chunks, or the pieces of a body that has a length.
        is_chunked: whether it came with chunked encoding.
        trailers: with names in lower case.
    """

    route: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    chunks: list[bytes] = field(default_factory=list)
    is_chunked: bool = False
    trailers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def is_streamed(self) -> bool:
        return self.headers.get("lambda-runtime-function-response-mode") == "streaming"

    @property
    def error_type(self) -> str | None:
        name = "lambda-runtime-function-error-type"
        return self.trailers.get(name) or self.headers.get(name)

    def json(self) -> Any:
        return json.loads(self.body)

    def trailing_error(self) -> Any:
        return json.loads(base64.b64decode(self.trailers["lambda-runtime-function-error-body"]))

    def http(self) -> tuple[Prelude, bytes]:
        """Return the prelude and the body after it."""
        decoder = PreludeDecoder()
        prelude = decoder.feed(self.body)
        assert prelude is not None
        return prelude, decoder.rest


class SentEvent:
    """One event that a test sends, and what the runtime posts for it."""

    def __init__(self, headers: Mapping[str, str], payload: bytes, verdict: int) -> None:
        self.headers = headers
        self.payload = payload
        self.verdict = verdict
        self.posted = Posted()
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self._done: asyncio.Future[Posted] = asyncio.get_running_loop().create_future()

    async def next_chunk(self) -> bytes:
        """Wait for the next chunk, but fail if none comes."""
        return await soon(self._chunks.get())

    async def completed(self) -> Posted:
        """Wait until the runtime has posted its whole response or error."""
        return await soon(asyncio.shield(self._done))

    @property
    def is_done(self) -> bool:
        return self._done.done()

    def take(self, chunk: bytes) -> None:
        self.posted.chunks.append(chunk)
        self._chunks.put_nowait(chunk)

    def finish(self) -> None:
        if not self._done.done():
            self._done.set_result(self.posted)


class RecordingRuntimeApi:
    """Hands out events and records what is posted for them.

    Attributes:
        next_status: HTTP status of ``/invocation/next``.
        hasty: respond before everything that a runtime posts has been read.
        waiting: set while a runtime waits for an event.
    """

    def __init__(self) -> None:
        self.address = ""
        self.next_status = 200
        self.hasty = False
        self.init_error: asyncio.Future[Posted] = asyncio.get_running_loop().create_future()
        self.polls = 0
        self.waiting = asyncio.Event()
        self._events: asyncio.Queue[SentEvent] = asyncio.Queue()
        self._running: dict[str, SentEvent] = {}
        self._connections: set[asyncio.Task[None]] = set()

    def invoke(
        self,
        event: Any = None,
        *,
        raw: bytes | None = None,
        timeout_s: float = 60.0,
        verdict: int = 202,
        headers: Mapping[str, str] | None = None,
    ) -> SentEvent:
        """Queue an event.

        Args:
            event: JSON.
            raw: the payload itself, instead of ``event``.
            timeout_s: until the deadline.
            verdict: HTTP status for what the runtime posts; 413 is sent before all of it was read.
            headers: added to those that the runtime sees.
        """
        request_id = f"request-{len(self._running) + self._events.qsize() + 1}"
        all_headers = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + timeout_s) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": ARN,
            "Lambda-Runtime-Trace-Id": f"Root=1-{request_id}",
            **(headers or {}),
        }
        payload = json.dumps(event).encode() if raw is None else raw
        sent = SentEvent(all_headers, payload, verdict)
        self._events.put_nowait(sent)
        return sent

    @contextlib.asynccontextmanager
    async def listen(self) -> AsyncIterator["RecordingRuntimeApi"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        self.address = f"{host}:{port}"
        try:
            yield self
        finally:
            server.close()
            await self.drop()

    async def drop(self) -> None:
        """Close every connection, even in the middle of a request."""
        for task in self._connections:
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        with contextlib.suppress(OSError, asyncio.CancelledError, h11.RemoteProtocolError):
            await self._handle(_Wire(reader, writer))
        writer.close()

    async def _handle(self, wire: "_Wire") -> None:
        request = await wire.next_event()
        if not isinstance(request, h11.Request):
            return
        path = request.target.decode().removeprefix("/2018-06-01/runtime")
        if path == "/invocation/next":
            await self._next(wire)
        elif path == "/init/error":
            posted = Posted("init/error", _headers(request.headers))
            await self._read(wire, posted, posted.chunks.append)
            await wire.respond(202)
            self.init_error.set_result(posted)
        else:
            _, _, request_id, route = path.split("/")
            await self._take(wire, request, self._running[request_id], route)

    async def _next(self, wire: "_Wire") -> None:
        self.polls += 1
        while not isinstance(await wire.next_event(), h11.EndOfMessage):
            pass
        if self.next_status != 200:
            await wire.respond(self.next_status)
            return
        getting = asyncio.ensure_future(self._events.get())
        gone = asyncio.ensure_future(wire.next_event())
        self.waiting.set()
        await asyncio.wait({getting, gone}, return_when=asyncio.FIRST_COMPLETED)
        self.waiting.clear()
        if not getting.done():
            getting.cancel()
            return
        gone.cancel()
        sent = getting.result()
        request_id = sent.headers.get("Lambda-Runtime-Aws-Request-Id", "")
        self._running[request_id] = sent
        await wire.respond(200, sent.headers, sent.payload)

    async def _take(self, wire: "_Wire", request: h11.Request, sent: SentEvent, route: str) -> None:
        posted = sent.posted
        posted.route = route
        posted.headers = _headers(request.headers)
        posted.is_chunked = posted.headers.get("transfer-encoding") == "chunked"
        if sent.verdict == 413 or self.hasty:
            assert isinstance(await wire.next_event(), h11.Data)
            body = b'{"errorType":"Function.ResponseSizeTooLarge"}'
            await wire.respond(sent.verdict, body=body)
        else:
            await self._read(wire, posted, sent.take)
            await wire.respond(sent.verdict)
        sent.finish()

    async def _read(self, wire: "_Wire", posted: Posted, take: Any) -> None:
        chunk = b""
        while True:
            event = await wire.next_event()
            if isinstance(event, h11.EndOfMessage):
                posted.trailers = _headers(event.headers)
                return
            if not isinstance(event, h11.Data):
                return  # cut
            chunk += event.data
            if event.chunk_end or not posted.is_chunked:
                take(chunk)
                chunk = b""


class _Wire:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER)

    async def next_event(self) -> h11.Event | type[h11.PAUSED]:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._reader.read(65536))
        assert isinstance(event, h11.Event) or event is h11.PAUSED
        return event

    async def respond(
        self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"{}"
    ) -> None:
        fields = {**(headers or {}), "Content-Length": str(len(body))}
        head = [(name.encode(), value.encode()) for name, value in fields.items()]
        for event in (
            h11.Response(status_code=status, headers=head),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self._writer.write(self._http.send(event) or b"")
        await self._writer.drain()


def _headers(raw: Any) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in raw}


@contextlib.asynccontextmanager
async def running(handler: Handler, **options: Any) -> AsyncIterator[RecordingRuntimeApi]:
    """Run ``handler`` under our runtime against a new Runtime API; stop it at the end."""
    async with RecordingRuntimeApi().listen() as api:
        await handler.start()
        runtime = Runtime(RuntimeApi(api.address), handler, **options)
        task = asyncio.create_task(runtime.run())
        try:
            yield api
        finally:
            runtime.stop()
            await soon(task)
            await handler.stop()

"""The HTTP of the other side, read by us: requests to our servers, responses to our clients."""

import asyncio
import contextlib
import functools
import re
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any
from unittest import mock

import boto3
import h11
from botocore.eventstream import EventStream
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import EventStreamJSONParser
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from app.aws.invoke import InvokeError, invoke_streaming, post_streaming
from app.emulator.connection import BodyTooLarge, Connection
from app.emulator.connection import Request as EmulatorRequest
from app.emulator.server import HttpServer
from app.http.connection_limits import ConnectionLimits, limited_protocol
from app.lambda_runtime.invocation import Invocation
from app.lambda_runtime.runtime_api import RuntimeApi, RuntimeApiFailed
from tests.fuzz.aws_streams import EVENT_WORDS, framed_events
from tests.fuzz.memory_transport import MemoryTransport, turns_of_the_loop
from tests.fuzz.target import Target, cuts

_MAX_DURATION_MS = 900_000
_STATUS = re.compile(rb"HTTP/1.1 ([2-5]\d\d)")
_LARGE_BYTES = 32 * 1024


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def run_in_loop(work: Coroutine[Any, Any, Any]) -> Any:
    """Return what ``work`` returns; nothing may have gone wrong beside it."""
    loop = _loop()
    problems: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: problems.append(context))
    result = loop.run_until_complete(asyncio.wait_for(work, 20))
    assert not problems, problems
    return result


def check_runtime_api(response: bytes) -> None:
    """A response of the Runtime API is an invocation with a sane deadline, or fails the runtime."""
    read = run_in_loop(_next_invocation([response]))
    # h11 limits what it has not read yet, which is less where a read brings more.
    if len(response) < _LARGE_BYTES:
        for reads in cuts(response):
            assert run_in_loop(_next_invocation(reads)) == read
    if isinstance(read, Invocation):
        assert read.request_id


async def _next_invocation(reads: Sequence[bytes]) -> object:
    transports: list[MemoryTransport] = []

    async def connect(*_: object, **__: object) -> Any:
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport = MemoryTransport(protocol)
        transports.append(transport)
        loop = asyncio.get_running_loop()
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    with mock.patch.object(asyncio, "open_connection", connect):
        waiting = asyncio.ensure_future(RuntimeApi("127.0.0.1:9001").next_invocation())
        await turns_of_the_loop(2)
        (transport,) = transports
        await transport.send(reads)
        try:
            read = await waiting
        except RuntimeApiFailed as error:
            assert len(str(error)) < 1000 + 4 * sum(map(len, reads))
            return "failed"
    await turns_of_the_loop(2)
    if read is None:
        return None
    now_ms = time.time() * 1000
    assert now_ms < read.deadline_ms
    # The latest possible one differs from call to call.
    left_ms = read.deadline_ms - now_ms
    is_replaced = abs(left_ms - _MAX_DURATION_MS) < 60_000
    values = [getattr(read, name) for name in read.__struct_fields__ if name != "deadline_ms"]
    return Invocation(
        request_id=read.request_id,
        payload=repr(values).encode("utf-8", "surrogatepass"),
        deadline_ms=0 if is_replaced else read.deadline_ms,
    )


def check_emulator_http(stream: bytes) -> None:
    """The emulator's server responds in HTTP to whatever comes, and lets go of the connection."""
    requests, written = run_in_loop(_serve_emulator([stream]))
    for reads in cuts(stream) if len(stream) < _LARGE_BYTES else ():
        again, rewritten = run_in_loop(_serve_emulator(reads))
        assert again == requests
        # What is wrong with a request is told in h11's words, which depend on where a read ended.
        assert _STATUS.findall(rewritten) == _STATUS.findall(written)
    _check_responses(written, requests)


async def _serve_emulator(reads: Sequence[bytes]) -> tuple[list[object], bytes]:
    seen: list[object] = []

    async def respond(connection: Connection, request: EmulatorRequest) -> None:
        assert request.method
        try:
            body = await connection.read_body(200)
        except BodyTooLarge:
            seen.append((request, "too large"))
            await connection.respond(413, (), b"")
            return
        seen.append((request, body, dict(connection.trailers)))
        await connection.respond(200, [("x-length", str(len(body)))], body)

    make: list[Callable[[], asyncio.Protocol]] = []
    server = HttpServer(respond)
    with _captured_server(make):
        await server.start("127.0.0.1")
    transport = MemoryTransport(make[0]())
    await transport.send(reads)
    await asyncio.wait_for(server.until_quiet(), 10)
    await turns_of_the_loop(3)
    assert transport.is_closing()
    return seen, bytes(transport.written)


@contextlib.contextmanager
def _captured_server(make: list[Callable[[], asyncio.Protocol]]) -> Iterator[None]:
    """Keep what would make the protocol of each connection, instead of listening."""
    listening = mock.Mock()
    listening.sockets = [mock.Mock(getsockname=lambda: ("127.0.0.1", 1))]

    async def start_server(serve: Any, *_: object, **__: object) -> Any:
        def protocol() -> asyncio.Protocol:
            loop = asyncio.get_running_loop()
            return asyncio.StreamReaderProtocol(asyncio.StreamReader(), serve, loop)

        make.append(protocol)
        return listening

    with mock.patch.object(asyncio, "start_server", start_server):
        yield


def _check_responses(written: bytes, requests: Sequence[object]) -> None:
    """What a server wrote are whole HTTP responses, as h11 reads them."""
    rest = written
    while rest:
        client = h11.Connection(h11.CLIENT)
        client.send(h11.Request(method="GET", target="/", headers=[("host", "a")]))
        client.send(h11.EndOfMessage())
        client.receive_data(rest)
        is_told_to_go_on = False
        while not isinstance(event := client.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                if is_told_to_go_on and not client.trailing_data[0]:
                    return  # and did not: nobody waits for a response
                client.receive_data(b"")
                continue
            assert isinstance(event, h11.Event), event
            is_told_to_go_on = isinstance(event, h11.InformationalResponse)
            assert not isinstance(event, h11.ConnectionClosed)
            if isinstance(event, h11.Response):
                assert 200 <= event.status_code < 600
                if any(is_head(request) for request in requests):
                    return  # its length says nothing about what follows
        rest = client.trailing_data[0]


def is_head(request: object) -> bool:
    """Whether a request asks for a response without a body."""
    return "HEAD" in repr(request)


class _Echo:
    """An ASGI app that sends back what it was sent."""

    def __init__(self) -> None:
        self.seen: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            if not message["more_body"]:
                break
        self.seen.append(scope)
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": body})


_LIMITS = ConnectionLimits(head_bytes=512, url_bytes=128, head_s=600, body_s=600, connections=10)


def check_server_http(stream: bytes) -> None:
    """Our limits and uvicorn's parser respond in HTTP, and never keep more than the limit."""
    run_in_loop(_serve_app([stream]))
    for reads in cuts(stream):
        run_in_loop(_serve_app(reads))


async def _serve_app(reads: Sequence[bytes]) -> None:
    app = _Echo()
    config = Config(app, log_config=None, access_log=False, date_header=False, server_header=False)
    config.load()
    state = ServerState()
    make: Any = limited_protocol(_LIMITS)
    protocol = make(config=config, server_state=state, app_state={})
    transport = MemoryTransport(protocol)
    await transport.send(reads)
    transport.close()
    for _ in range(50):
        await turns_of_the_loop(2)
        if not state.tasks and not state.connections:
            break
    assert not state.tasks
    assert not state.connections
    for scope in app.seen:
        assert len(scope["raw_path"]) + len(scope["query_string"]) <= _LIMITS.url_bytes
        headers = sum(len(name) + len(given) for name, given in scope["headers"])
        assert headers <= 2 * _LIMITS.head_bytes
    if not transport.written:
        return
    _check_first_response(bytes(transport.written))


def _check_first_response(written: bytes) -> None:
    while written.startswith(b"HTTP/1.1 100"):
        written = written.partition(b"\r\n\r\n")[2]
    head, end, _ = written.partition(b"\r\n\r\n")
    assert not written or (head.startswith(b"HTTP/1.1 ") and end)


def check_invoke_http(response: bytes) -> None:
    """A Function URL's response gives its body, or an error that is meant for a person."""
    statuses: list[int] = []
    with _sockets(response), mock.patch.object(boto3, "Session", _NoSession):
        received = post_streaming("http://127.0.0.1:1/", b"{}", on_status=statuses.append)
        _check_received(received, len(response))


def check_invoke_events(stream: bytes) -> None:
    """A streamed invocation gives its body, or an error that is meant for a person."""
    with mock.patch.object(boto3, "Session", functools.partial(_NoSession, stream=stream)):
        received = invoke_streaming("f", b"{}", endpoint_url="http://127.0.0.1:1")
        _check_received(received, len(stream))


def _check_received(received: Iterator[bytes], most: int) -> None:
    length = 0
    try:
        for piece in received:
            assert piece
            length += len(piece)
    except InvokeError as error:
        str(error).encode("utf-8", "backslashreplace")
        assert error.code
    assert length <= most


@contextlib.contextmanager
def _sockets(response: bytes) -> Iterator[None]:
    """Connect urllib3 to a socket that has ``response`` in it already."""
    ours, theirs = socket.socketpair()

    def connect(*_: object, **__: object) -> socket.socket:
        return ours

    # More than a socket's buffer would wait for a reader.
    sender = threading.Thread(target=_send_all, args=(theirs, response))
    if len(response) > 32 * 1024:
        sender.start()
    else:
        _send_all(theirs, response)
    try:
        with mock.patch("urllib3.util.connection.create_connection", connect):
            yield
    finally:
        ours.close()
        theirs.close()
        if sender.ident is not None:
            sender.join()


def _send_all(to: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        to.sendall(data)
        to.shutdown(socket.SHUT_WR)


class _NoSession:
    """What `boto3.Session` would be: no credentials, and a client that was sent ``stream``."""

    region_name = "us-east-1"

    def __init__(self, *, stream: bytes = b"", **_: object) -> None:
        self._stream = stream

    def get_credentials(self) -> None:
        return None

    def client(self, *_: object, **__: object) -> Any:
        client = mock.NonCallableMock(["meta", "close", "invoke_with_response_stream"])
        client.invoke_with_response_stream.return_value = {
            "EventStream": EventStream(
                _Body(self._stream), _event_shape(), EventStreamJSONParser(), "Invoke"
            )
        }
        return client


class _Body:
    def __init__(self, stream: bytes) -> None:
        self._stream = stream

    def stream(self) -> Iterator[bytes]:
        yield self._stream

    def close(self) -> None:
        pass


@functools.cache
def _event_shape() -> Any:
    model = ServiceModel(Loader().load_service_model("lambda", "service-2"))
    output: Any = model.operation_model("InvokeWithResponseStream").output_shape
    return output.members["EventStream"]


_REQUEST_WORDS = (
    *(b"GET / HTTP/1.1\r\n", b"POST /a?b=c HTTP/1.1\r\n", b"HEAD / HTTP/1.1\r\n", b"\r\n"),
    *(b"Host: a\r\n", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"\r\n\r\n"),
    *(b"3\r\nabc\r\n", b"0\r\n\r\n", b"0\r\nA: b\r\n\r\n", b"Expect: 100-continue\r\n"),
    *(b"Connection: close\r\n", b"Connection: Upgrade\r\nUpgrade: websocket\r\n", b"x" * 130),
    *(b"3;a=b\r\nabc\r\n", b"ffffffffffffffffff\r\n", b"Content-Length: -1\r\n", b" \t", b"\0"),
    *(b"GET http://a/ HTTP/1.0\r\n", b"OPTIONS * HTTP/1.1\r\n", b"CONNECT a:1 HTTP/1.1\r\n"),
)
_RESPONSE_WORDS = (
    *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 204 No\r\n", b"\r\n"),
    *(b"Lambda-Runtime-Aws-Request-Id: 1\r\n", b"Lambda-Runtime-Deadline-Ms: 1", b"9" * 400),
    *(b"Lambda-Runtime-Client-Context: {}\r\n", b"Lambda-Runtime-Cognito-Identity: ["),
    *(b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n", b"0\r\n\r\n"),
    *(b"Connection: close\r\n", b"\r\n\r\n", b"abc", b"HTTP/1.1 500 A\r\n", b"\xff", b" : \r\n"),
    *(
        b"Content-Encoding: gzip\r\n",
        b"Location: /a\r\n",
        b"HTTP/1.1 101 S\r\n",
        b"HTTP/1.1 302 F\r\n",
    ),
)

TARGETS = (
    Target("runtime-api", "HTTP of the Runtime API", check_runtime_api, _RESPONSE_WORDS),
    Target("emulator-http", "HTTP of the emulator's clients", check_emulator_http, _REQUEST_WORDS),
    Target("server-http", "HTTP of our own clients", check_server_http, _REQUEST_WORDS),
    Target("invoke-http", "a response of a Function URL", check_invoke_http, _RESPONSE_WORDS),
    Target(
        "invoke-events",
        "an invocation's event stream",
        lambda data: check_invoke_events(framed_events(data)),
        EVENT_WORDS,
        is_made=True,
    ),
)

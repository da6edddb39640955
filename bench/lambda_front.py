"""A fake Runtime API: hands events to a Lambda runtime, and times the responses.

It has only the routes that a streaming runtime and the Lambda Web Adapter use, and serves one
runtime, one event at a time.
"""

import json
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RESPONSE_TIMEOUT_S = 60.0
DEADLINE_S = 900
PRELUDE_END = b"\0" * 8


class NoResponse(Exception):
    """The runtime did not respond to an event in time."""


@dataclass(frozen=True, slots=True)
class InvocationResponse:
    """A runtime's response to one event.

    Attributes:
        body: the body, without the prelude.
        first_byte_at: when its first byte arrived, on the clock of `time.perf_counter`.
        chunks: the number of HTTP chunks that it arrived in.
    """

    body: bytes
    first_byte_at: float
    chunks: int


class LambdaFront:
    """Lambda, as a runtime sees it: a port that hands out events and takes responses."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._events: queue.Queue[bytes] = queue.Queue()
        self._responses: queue.Queue[InvocationResponse] = queue.Queue()
        self._polled = threading.Event()
        self._first_poll_at = 0.0

    def first_poll_at(self, *, within_s: float) -> float | None:
        """When the runtime asked for its first event (`time.perf_counter`); None if it has not."""
        return self._first_poll_at if self._polled.wait(within_s) else None

    def invoke(self, event: bytes) -> InvocationResponse:
        """Hand an event to the runtime, and return its complete response.

        Raises:
            NoResponse
        """
        self._events.put(event)
        try:
            return self._responses.get(timeout=RESPONSE_TIMEOUT_S)
        except queue.Empty:
            raise NoResponse("no answer from the runtime") from None

    def next_event(self) -> bytes:
        if not self._polled.is_set():
            self._first_poll_at = time.perf_counter()
            self._polled.set()
        return self._events.get()

    def take(self, response: InvocationResponse) -> None:
        self._responses.put(response)


@contextmanager
def lambda_front() -> Iterator[LambdaFront]:
    """Serve a new front on a free port. Its threads end with their connections or this process."""
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.front
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.front = LambdaFront(self.server_port)

    def handle_error(self, *_: object) -> None:
        """Say nothing: a runtime that is stopped breaks its connections."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path.endswith("/extension/event/next"):
            threading.Event().wait()  # for a shutdown that never comes
        payload = self.server.front.next_event()
        self._respond(
            200,
            payload,
            {
                "Lambda-Runtime-Aws-Request-Id": "request-1",
                "Lambda-Runtime-Deadline-Ms": str(int((time.time() + DEADLINE_S) * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:1:function:chat",
                "Lambda-Runtime-Trace-Id": "Root=1-5e1b4151-5ac6c58f3a5c7e9f2b1d0a34",
            },
        )

    def do_POST(self) -> None:
        if self.path.endswith("/extension/register"):
            self.rfile.read(int(self.headers["Content-Length"]))
            self._respond(200, b"{}", {"Lambda-Extension-Identifier": "adapter"})
        elif self.path.endswith("/response") and "Content-Length" not in self.headers:
            response = self._read_stream()
            self._respond(202, b"")
            self.server.front.take(response)
        else:
            error = self.rfile.read(int(self.headers["Content-Length"]))
            self._respond(202, b"")
            self.server.front.take(InvocationResponse(error, time.perf_counter(), 0))

    def log_message(self, *_: object) -> None:
        """Say nothing: writing a line for each request would be part of what is timed."""

    def _read_stream(self) -> InvocationResponse:
        body = bytearray()
        first_byte_at = 0.0
        start = chunks = 0
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
            chunks += 1
            if not first_byte_at:
                start = body.find(PRELUDE_END) + len(PRELUDE_END)
                if len(PRELUDE_END) <= start < len(body):
                    first_byte_at = time.perf_counter()
        while self.rfile.readline().strip():
            pass  # trailers
        return InvocationResponse(bytes(body[start:]), first_byte_at, chunks)

    def _respond(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def function_url_event(path: str, body: bytes = b"", *, query: str = "") -> bytes:
    """Return a Function URL's event (payload format 2.0) with the fields that HTTP needs."""
    method = "POST" if body else "GET"
    headers = {"host": "id.lambda-url.eu-west-1.on.aws", "content-type": "application/json"}
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "id",
            "domainName": headers["host"],
            "domainPrefix": "id",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "bench",
            },
            "requestId": "url-1",
            "routeKey": "$default",
            "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1767225600000,
        },
        "body": body.decode(),
        "isBase64Encoded": False,
    }
    return json.dumps(event).encode()

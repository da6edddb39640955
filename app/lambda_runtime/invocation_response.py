"""The answer to one invocation, framed as the front that asked for it wants it.

A handler sees only `Answer`. An HTTP client's answer begins with a prelude, a direct caller's with
its own first byte; a load balancer and an HTTP API get one JSON document at the end.
"""

from collections.abc import Iterable
from typing import Protocol

from app.aws.http_integration import CONTENT_TYPE, Prelude, encode_prelude
from app.lambda_runtime.invocation import FunctionError
from app.lambda_runtime.proxy_response import encode_proxy_response, to_prelude
from app.lambda_runtime.runtime_api import (
    AnswerRefused,
    ResponseStream,
    RuntimeApi,
    RuntimeApiFailed,
)
from app.requests.lambda_events import EventKind

Headers = Iterable[tuple[bytes, bytes]]

_NO_BODY = frozenset({204, 304})
# Clients have waited for minutes for the end of a streamed answer without any byte.
_FILLER = b"\n"


class Answer(Protocol):
    """Where a handler's answer goes. `begin`, then any number of `write`, then `end`; or `fail`.

    All of them raise `AnswerRefused` (an `OSError`, as ASGI asks for) once the answer is over, and
    `RuntimeApiFailed`.
    """

    def begin(self, status: int, headers: Headers) -> None:
        """Set the head. Nothing is sent before the first byte of the body."""
        ...

    async def write(self, data: bytes) -> None:
        """Send a piece of the body now."""
        ...

    async def end(self, error: FunctionError | None = None) -> None:
        """Complete the answer; with ``error`` its end was not a good one, as it says itself."""
        ...

    async def send_whole(self, status: int, headers: Headers, body: bytes) -> None:
        """Send an answer that was never meant to be streamed, instead of the other three."""
        ...

    async def fail(self, error: FunctionError) -> None:
        """Give the answer up, in the way that is left: `/error`, or trailers."""
        ...


def _check(is_over: bool) -> None:
    if is_over:
        raise AnswerRefused("the answer is over")


class StreamedAnswer:
    """An answer that leaves while it is made.

    Args:
        api: where it goes.
        request_id: of the invocation.
        is_http: whether it begins with a prelude; else the content type says what it is.
        is_head: whether it answers a HEAD request, and so has no body.
    """

    def __init__(
        self, api: RuntimeApi, request_id: str, *, is_http: bool, is_head: bool = False
    ) -> None:
        self._api = api
        self._request_id = request_id
        self._is_http = is_http
        self._is_head = is_head
        self._head = Prelude(200)
        self._stream: ResponseStream | None = None
        self._is_over = False

    def begin(self, status: int, headers: Headers) -> None:
        self._head = to_prelude(status, headers)

    async def write(self, data: bytes) -> None:
        _check(self._is_over)
        if not data or self._has_no_body():
            return
        if self._stream is None:
            await self._open(data)
        else:
            await self._send(self._stream, data)

    async def end(self, error: FunctionError | None = None) -> None:
        _check(self._is_over)
        if self._stream is None and error is not None:
            await self.fail(error)
        elif self._stream is None and not self._is_http:
            # No byte, and none may be invented: there is nothing to stream.
            await self._respond(b"")
        else:
            stream = self._stream or await self._open(_FILLER)
            self._is_over = True
            await stream.end(error)

    async def send_whole(self, status: int, headers: Headers, body: bytes) -> None:
        _check(self._is_over)
        self.begin(status, headers)
        if self._is_http:
            await self.write(body)
            await self.end()
        else:
            await self._respond(body)

    async def fail(self, error: FunctionError) -> None:
        if self._is_over:
            return
        self._is_over = True
        if self._stream is not None:
            await self._stream.end(error)
        else:
            await self._api.fail(self._request_id, error)

    async def _respond(self, body: bytes) -> None:
        self._is_over = True
        await self._api.respond(self._request_id, self._content_type(), body)

    def _has_no_body(self) -> bool:
        return self._is_http and (self._is_head or self._head.status_code in _NO_BODY)

    async def _open(self, data: bytes) -> ResponseStream:
        """Send the first piece of the body, and all that comes before it."""
        stream = await self._api.open_stream(self._request_id, self._content_type())
        if self._is_over:  # `fail` was called while we waited
            stream.abort()
        _check(self._is_over)
        self._stream = stream
        prelude = (encode_prelude(self._head),) if self._is_http else ()
        await self._send(stream, *prelude, data)
        return stream

    async def _send(self, stream: ResponseStream, *pieces: bytes) -> None:
        try:
            await stream.write(*pieces)
        except (AnswerRefused, RuntimeApiFailed):
            self._is_over = True
            stream.abort()
            raise

    def _content_type(self) -> str:
        if self._is_http:
            return CONTENT_TYPE
        named = (value for name, value in self._head.headers if name == "content-type")
        return next(named, "application/octet-stream")


class WholeAnswer:
    """An answer for a front that cannot stream: gathered, and sent as one JSON document.

    Args:
        api: where it goes.
        request_id: of the invocation.
        kind: of the event.
        multi_value: whether a load balancer's event had lists of header values.
    """

    def __init__(
        self, api: RuntimeApi, request_id: str, kind: EventKind, *, multi_value: bool
    ) -> None:
        self._api = api
        self._request_id = request_id
        self._kind = kind
        self._multi_value = multi_value
        self._head = Prelude(200)
        self._body = bytearray()
        self._is_over = False

    def begin(self, status: int, headers: Headers) -> None:
        self._head = to_prelude(status, headers)

    async def write(self, data: bytes) -> None:
        _check(self._is_over)
        self._body += data

    async def end(self, error: FunctionError | None = None) -> None:
        _check(self._is_over)
        # A failure that the body itself tells of has no other place in such a document.
        self._is_over = True
        document = encode_proxy_response(
            self._kind, self._head, bytes(self._body), multi_value=self._multi_value
        )
        await self._api.respond(self._request_id, "application/json", document)

    async def send_whole(self, status: int, headers: Headers, body: bytes) -> None:
        self.begin(status, headers)
        await self.write(body)
        await self.end()

    async def fail(self, error: FunctionError) -> None:
        if not self._is_over:
            self._is_over = True
            await self._api.fail(self._request_id, error)

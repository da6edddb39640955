"""The response to one invocation, framed for the front that the event came through.

A handler sees only `InvocationResponse`. A streamed response to an HTTP client begins with a
prelude, one to a direct caller with the first byte of the body. A load balancer and an HTTP API get
one JSON document at the end.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from app.aws.http_integration import CONTENT_TYPE, Prelude, encode_prelude
from app.lambda_runtime.invocation import FunctionError
from app.lambda_runtime.lambda_call import LambdaCall
from app.lambda_runtime.proxy_response import encode_proxy_response, to_prelude
from app.lambda_runtime.runtime_api import (
    ResponseRefused,
    ResponseStream,
    RuntimeApi,
    RuntimeApiFailed,
)
from app.requests.lambda_events import EventKind

Headers = Iterable[tuple[bytes, bytes]]

_NO_BODY = frozenset({204, 304})
# Some clients have waited minutes for the end of a streamed response that had no body.
_FILLER = b"\n"


class InvocationResponse(Protocol):
    """The response of a handler: `begin`, any number of `write`, then `end`; `fail` at any time.

    Methods that send raise `ResponseRefused` (an `OSError`, as ASGI requires) if Lambda refuses the
    response or if it is over, and `RuntimeApiFailed`.
    """

    def begin(self, status: int, headers: Headers) -> None:
        """Set the head. Nothing is sent before the first byte of the body."""
        ...

    async def write(self, data: bytes) -> None:
        """Add a piece to the body. A streamed response sends it at once."""
        ...

    async def end(self, error: FunctionError | None = None) -> None:
        """Complete the response. ``error`` reports a failure that the body itself tells of."""
        ...

    async def send_buffered(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole response at once, instead of `begin`, `write` and `end`."""
        ...

    async def fail(self, error: FunctionError) -> None:
        """Give the response up: by ``/error`` before its first byte, in trailers after it.

        Does nothing once the response is over.
        """
        ...


def _check(is_over: bool) -> None:
    if is_over:
        raise ResponseRefused("the answer is over")


class StreamedResponse:
    """A response that is sent while it is produced.

    Args:
        api: takes the response.
        request_id: of the invocation.
        is_http: whether it begins with a prelude. Without one, its head is only the content type.
        is_head: whether the request is a HEAD request, so that the response has no body.
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
            # A direct caller gets the exact body, which is empty: there is nothing to stream.
            await self._send_at_once(b"")
        else:
            stream = self._stream or await self._open(_FILLER)
            self._is_over = True
            await stream.end(error)

    async def send_buffered(self, status: int, headers: Headers, body: bytes) -> None:
        _check(self._is_over)
        self.begin(status, headers)
        if self._is_http:
            await self.write(body)
            await self.end()
        else:
            await self._send_at_once(body)

    async def fail(self, error: FunctionError) -> None:
        if self._is_over:
            return
        self._is_over = True
        if self._stream is not None:
            await self._stream.end(error)
        else:
            await self._api.fail(self._request_id, error)

    async def _send_at_once(self, body: bytes) -> None:
        self._is_over = True
        await self._api.respond(self._request_id, self._content_type(), body)

    def _has_no_body(self) -> bool:
        return self._is_http and (self._is_head or self._head.status_code in _NO_BODY)

    async def _open(self, data: bytes) -> ResponseStream:
        """Open the stream; send the prelude, if there is one, and the first piece of the body."""
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
        except (ResponseRefused, RuntimeApiFailed):
            self._is_over = True
            stream.abort()
            raise

    def _content_type(self) -> str:
        if self._is_http:
            return CONTENT_TYPE
        named = (value for name, value in self._head.headers if name == "content-type")
        return next(named, "application/octet-stream")


class BufferedResponse:
    """A response to a front that cannot stream: collected, then sent as one JSON document.

    Args:
        api: takes the response.
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
        # The document has no field for ``error``. The body tells of it.
        self._is_over = True
        document = encode_proxy_response(
            self._kind, self._head, bytes(self._body), multi_value=self._multi_value
        )
        await self._api.respond(self._request_id, "application/json", document)

    async def send_buffered(self, status: int, headers: Headers, body: bytes) -> None:
        self.begin(status, headers)
        await self.write(body)
        await self.end()

    async def fail(self, error: FunctionError) -> None:
        if not self._is_over:
            self._is_over = True
            await self._api.fail(self._request_id, error)


def choose_response(
    api: RuntimeApi, call: LambdaCall, *, invoke_mode: str | None = None
) -> InvocationResponse:
    """Return the response that the caller of an invocation expects.

    Args:
        api: takes the response.
        call: the invocation and its event.
        invoke_mode: ``buffered`` or ``response_stream`` if that is how every HTTP front invokes
            this function; by default the event decides.
    """
    request_id = call.invocation.request_id
    is_streamed = (
        call.kind.is_streamed
        if invoke_mode is None or not call.kind.is_http
        else invoke_mode == "response_stream"
    )
    if is_streamed:
        is_head = call.kind.is_http and _method(call.event) == "HEAD"
        return StreamedResponse(api, request_id, is_http=call.kind.is_http, is_head=is_head)
    multi_value = call.event.get("multiValueHeaders") is not None
    return BufferedResponse(api, request_id, call.kind, multi_value=multi_value)


def _method(event: Mapping[str, Any]) -> object:
    http = event["requestContext"].get("http")
    return http.get("method") if isinstance(http, Mapping) else event.get("httpMethod")

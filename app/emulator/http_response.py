"""Sends a function's response as an HTTP response: prelude applied, live or buffered."""

import base64
import contextlib
import json
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import TypeAlias

import h11

from app.aws.http_integration import CONTENT_TYPE, Prelude, PreludeDecoder, PreludeError
from app.emulator.connection import Connection, Headers
from app.emulator.function_response import (
    FunctionFailure,
    FunctionInvocation,
    FunctionResponse,
    ResponseEnd,
    ResponseStart,
)

# The server sets these itself. The Lambda Web Adapter leaves a content-length in the prelude.
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive"})

# Lambda has no name for this error, it only responds with 502: the name is ours.
INVALID_PRELUDE = "Runtime.InvalidPrelude"


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers of an HTTP response."""

    status: int
    headers: Headers


WholeResponse: TypeAlias = tuple[Head, bytes]


@dataclass(frozen=True, slots=True)
class HttpResponder:
    """How one public address sends the responses of functions.

    Attributes:
        apply_prelude: a prelude becomes status and headers; else it stays in the body.
        buffered: the response is sent once it is complete.
        headers: added to every response; they replace the function's headers of the same name.
        doubled_headers: added to every response next to the function's headers of the same name,
            as Lambda does with CORS headers: the reason to configure CORS in one place only.
        error_response: makes the response to a failure before the first byte.
        read_result: reads a body that was not streamed; `None` leaves it as it is. Only used if
            ``buffered``.
        log_tail: adds the log. Only used if ``buffered``: a live head is sent before there is a
            log.
    """

    apply_prelude: bool
    buffered: bool
    headers: Headers
    error_response: Callable[[FunctionFailure], WholeResponse]
    read_result: Callable[[bytes], WholeResponse] | None = None
    log_tail: bool = False
    doubled_headers: Headers = ()

    async def respond(
        self, connection: Connection, invocation: FunctionInvocation
    ) -> FunctionFailure | None:
        """Send the response of an invocation; return its failure, if any.

        After a failure in mid-response the end is not sent and the connection is cut: HTTP/1.1 has
        no other way to report it by then.

        Raises:
            ClientGone: the invocation runs on, and the rest of its response is dropped.
        """
        events = _http_events(invocation.response, apply_prelude=self.apply_prelude)
        try:
            async with contextlib.aclosing(events):
                if self.buffered:
                    return await self._send_whole(connection, invocation.response, events)
                return await self._send_live(connection, events)
        finally:
            invocation.response.abandon()

    async def _send_live(
        self, connection: Connection, events: AsyncGenerator["_HttpEvent", None]
    ) -> FunctionFailure | None:
        error: FunctionFailure | None = None
        async for event in events:
            match event:
                case Head():
                    error = await self._start(connection, event)
                    if error is not None:
                        break
                case bytes():
                    await connection.send(event)
                case ResponseEnd():
                    error = event.error
        if error is None:
            await connection.end()
        elif connection.can_respond:
            await self._respond(connection, *self.error_response(error))
        return error

    async def _send_whole(
        self,
        connection: Connection,
        response: FunctionResponse,
        events: AsyncGenerator["_HttpEvent", None],
    ) -> FunctionFailure | None:
        head, body, error, streamed = Head(200, ()), bytearray(), None, True
        async for event in events:
            match event:
                case Head():
                    head = event
                case ResponseStart():
                    streamed = event.streamed
                case bytes():
                    body += event
                case ResponseEnd():
                    error = event.error
        whole = bytes(body)
        if error is not None:
            head, whole = self.error_response(error)
        elif self.read_result is not None and not streamed:
            head, whole = self.read_result(whole)
        if self.log_tail:
            tail = base64.b64encode(await response.log_tail()).decode()
            head = Head(head.status, (*head.headers, ("x-amz-log-result", tail)))
        await self._respond(connection, head, whole)
        return error

    async def _start(self, connection: Connection, head: Head) -> FunctionFailure | None:
        try:
            await connection.start(head.status, self._with_headers(head))
        except h11.LocalProtocolError as error:
            return _invalid_prelude(f"HTTP does not allow it: {error}")
        return None

    async def _respond(self, connection: Connection, head: Head, body: bytes) -> None:
        try:
            await connection.respond(head.status, self._with_headers(head), body)
        except h11.LocalProtocolError as error:
            head, body = self.error_response(_invalid_prelude(f"HTTP does not allow it: {error}"))
            await connection.respond(head.status, self._with_headers(head), body)

    def _with_headers(self, head: Head) -> Headers:
        added = {name for name, _ in self.headers}
        own = (header for header in head.headers if header[0].lower() not in added)
        return (*own, *self.headers, *self.doubled_headers)


_HttpEvent: TypeAlias = ResponseStart | Head | bytes | ResponseEnd


async def _http_events(
    response: FunctionResponse, *, apply_prelude: bool
) -> AsyncGenerator[_HttpEvent, None]:
    """Yield `ResponseStart`, `Head`, bytes and `ResponseEnd`; a failed response lacks some of them.

    Without a prelude the head is held back until the first byte, so that a failure before it still
    gets a status of its own.
    """
    decoder: PreludeDecoder | None = None
    head: Head | None = None
    async with contextlib.aclosing(response.events()) as events:
        async for event in events:
            match event:
                case ResponseStart(content_type, streamed):
                    yield event
                    if apply_prelude and content_type.partition(";")[0].strip() == CONTENT_TYPE:
                        decoder = PreludeDecoder()
                    else:
                        default = "application/octet-stream" if streamed else "application/json"
                        head = Head(200, (("content-type", content_type or default),))
                case bytes() if decoder is not None:
                    try:
                        prelude = decoder.feed(event)
                    except PreludeError as invalid:
                        yield ResponseEnd(_invalid_prelude(str(invalid)))
                        return
                    if prelude is not None:
                        yield head_of_prelude(prelude)
                        yield decoder.rest
                        decoder = None
                case bytes():
                    if head is not None:
                        yield head
                        head = None
                    yield event
                case ResponseEnd(error):
                    if error is None and decoder is not None:
                        error = _invalid_prelude("the answer ended inside it")
                    if error is None and head is not None:
                        yield head
                    yield ResponseEnd(error)


def head_of_prelude(prelude: Prelude) -> Head:
    """Return the status, headers and cookies of a prelude, without what the server sets itself."""
    headers = [header for header in prelude.headers if header[0].lower() not in _FRAMING]
    if "content-type" not in {name.lower() for name, _ in headers}:
        headers.append(("content-type", "application/octet-stream"))
    headers += [("set-cookie", cookie) for cookie in prelude.cookies]
    return Head(prelude.status_code, headers)


def _invalid_prelude(reason: str) -> FunctionFailure:
    body = {"errorType": INVALID_PRELUDE, "errorMessage": reason}
    return FunctionFailure(INVALID_PRELUDE, json.dumps(body))

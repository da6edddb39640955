"""An invocation's reply as the answer to an HTTP request: the prelude applied, live or whole."""

import base64
import binascii
import contextlib
import json
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import h11

from app.aws.http_integration import CONTENT_TYPE, Prelude, PreludeDecoder, PreludeError
from app.emulator.connection import Connection, Headers
from app.emulator.reply import FunctionError, Invocation, Reply, ReplyEnd, ReplyStart

# What this server decides by itself. The Lambda Web Adapter leaves a content-length in the prelude.
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive"})

# Lambda only answers 502; this name for the error is ours.
INVALID_PRELUDE = "Runtime.InvalidPrelude"


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers of an answer."""

    status: int
    headers: Headers


WholeAnswer: TypeAlias = tuple[Head, bytes]


@dataclass(frozen=True, slots=True)
class HttpFront:
    """How one front turns replies into answers.

    Attributes:
        apply_prelude: a prelude becomes status and headers; else it stays in the body.
        buffered: the answer is sent once it is complete.
        headers: added to every answer, in place of the function's own of the same name.
        doubled_headers: added to every answer, beside the function's own of the same name: what
            Lambda does with CORS headers, and why CORS belongs in one place.
        of_error: the answer to a failure before the first byte.
        of_result: reads a whole result that was not streamed; `None` takes it as it is. Only
            used if ``buffered``.
        log_tail: adds the log. Only if ``buffered``: a live head leaves before there is a log.
    """

    apply_prelude: bool
    buffered: bool
    headers: Headers
    of_error: Callable[[FunctionError], WholeAnswer]
    of_result: Callable[[bytes], WholeAnswer] | None = None
    log_tail: bool = False
    doubled_headers: Headers = ()

    async def send(self, connection: Connection, invocation: Invocation) -> FunctionError | None:
        """Answer with an invocation's reply; return its error.

        An error after the first byte leaves the answer without its end, so that the connection is
        cut: the only sign of failure that HTTP/1.1 has left by then.

        Raises:
            ClientGone: the invocation goes on, and what it still answers is dropped.
        """
        events = _http_events(invocation.reply, apply_prelude=self.apply_prelude)
        try:
            async with contextlib.aclosing(events):
                if self.buffered:
                    return await self._send_whole(connection, invocation.reply, events)
                return await self._send_live(connection, events)
        finally:
            invocation.reply.abandon()

    async def _send_live(
        self, connection: Connection, events: AsyncGenerator["_HttpEvent", None]
    ) -> FunctionError | None:
        error: FunctionError | None = None
        async for event in events:
            match event:
                case Head():
                    error = await self._start(connection, event)
                    if error is not None:
                        break
                case bytes():
                    await connection.send(event)
                case ReplyEnd():
                    error = event.error
        if error is None:
            await connection.end()
        elif connection.can_respond:
            await self._respond(connection, *self.of_error(error))
        return error

    async def _send_whole(
        self,
        connection: Connection,
        reply: Reply,
        events: AsyncGenerator["_HttpEvent", None],
    ) -> FunctionError | None:
        head, body, error, streamed = Head(200, ()), bytearray(), None, True
        async for event in events:
            match event:
                case Head():
                    head = event
                case ReplyStart():
                    streamed = event.streamed
                case bytes():
                    body += event
                case ReplyEnd():
                    error = event.error
        whole = bytes(body)
        if error is not None:
            head, whole = self.of_error(error)
        elif self.of_result is not None and not streamed:
            head, whole = self.of_result(whole)
        if self.log_tail:
            tail = base64.b64encode(await reply.log_tail()).decode()
            head = Head(head.status, (*head.headers, ("x-amz-log-result", tail)))
        await self._respond(connection, head, whole)
        return error

    async def _start(self, connection: Connection, head: Head) -> FunctionError | None:
        try:
            await connection.start(head.status, self._with_headers(head))
        except h11.LocalProtocolError as error:
            return _invalid_prelude(f"HTTP does not allow it: {error}")
        return None

    async def _respond(self, connection: Connection, head: Head, body: bytes) -> None:
        try:
            await connection.respond(head.status, self._with_headers(head), body)
        except h11.LocalProtocolError as error:
            head, body = self.of_error(_invalid_prelude(f"HTTP does not allow it: {error}"))
            await connection.respond(head.status, self._with_headers(head), body)

    def _with_headers(self, head: Head) -> Headers:
        added = {name for name, _ in self.headers}
        own = (header for header in head.headers if header[0].lower() not in added)
        return (*own, *self.headers, *self.doubled_headers)


_HttpEvent: TypeAlias = ReplyStart | Head | bytes | ReplyEnd


async def _http_events(reply: Reply, *, apply_prelude: bool) -> AsyncGenerator[_HttpEvent, None]:
    """Yield `ReplyStart`, `Head`, bytes, `ReplyEnd`, leaving out what does not come.

    Without a prelude the head comes with the first byte, so that an error before it can still
    have a status of its own.
    """
    decoder: PreludeDecoder | None = None
    head: Head | None = None
    async with contextlib.aclosing(reply.events()) as events:
        async for event in events:
            match event:
                case ReplyStart(content_type, streamed):
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
                        yield ReplyEnd(_invalid_prelude(str(invalid)))
                        return
                    if prelude is not None:
                        yield _head_of(prelude)
                        yield decoder.rest
                        decoder = None
                case bytes():
                    if head is not None:
                        yield head
                        head = None
                    yield event
                case ReplyEnd(error):
                    if error is None and decoder is not None:
                        error = _invalid_prelude("the answer ended inside it")
                    if error is None and head is not None:
                        yield head
                    yield ReplyEnd(error)


def _head_of(prelude: Prelude) -> Head:
    headers = [header for header in prelude.headers if header[0].lower() not in _FRAMING]
    if "content-type" not in {name.lower() for name, _ in headers}:
        headers.append(("content-type", "application/octet-stream"))
    headers += [("set-cookie", cookie) for cookie in prelude.cookies]
    return Head(prelude.status_code, headers)


def _invalid_prelude(reason: str) -> FunctionError:
    body = {"errorType": INVALID_PRELUDE, "errorMessage": reason}
    return FunctionError(INVALID_PRELUDE, json.dumps(body))


def proxy_answer(result: bytes) -> WholeAnswer:
    """Read a result as a Function URL without streaming does.

    ``{"statusCode": …, "headers": …, "cookies": …, "body": …, "isBase64Encoded": …}`` becomes an
    answer; any other JSON is the body of one.
    """
    plain = Head(200, (("content-type", "application/json"),)), result
    try:
        value: Any = json.loads(result)
        if not isinstance(value, dict) or "statusCode" not in value:
            return plain
        head = {key: value[key] for key in ("statusCode", "headers", "cookies") if value.get(key)}
        prelude = PreludeDecoder().feed(json.dumps(head).encode() + bytes(8))
        body = value.get("body") or ""
        text = body if isinstance(body, str) else json.dumps(body)
        raw = base64.b64decode(text) if value.get("isBase64Encoded") else text.encode()
    except (ValueError, binascii.Error):
        return plain
    return (_head_of(prelude), raw) if prelude is not None else plain

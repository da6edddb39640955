"""The response of one invocation, on its way from the runtime to the caller.

It is `ResponseStart`, then pieces of bytes, then `ResponseEnd`. A failure before the first byte is
an end without a start.
"""

import json
import time
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TypeAlias

from app.emulator.changes import Changes

# Pieces kept for a slow caller; beyond that the function waits too.
_MAX_WAITING = 4


@dataclass(frozen=True, slots=True)
class FunctionFailure:
    """How a function failed: Lambda's type (``Category.Reason``) and a body.

    The body is JSON if the emulator made it, else whatever the runtime sent.
    """

    type: str
    body: str

    @classmethod
    def of_invocation(cls, error_type: str, request_id: str, message: str) -> "FunctionFailure":
        """Return a failure that Lambda itself reports, worded as Lambda does."""
        text = f"RequestId: {request_id} Error: {message}"
        return cls(error_type, json.dumps({"errorType": error_type, "errorMessage": text}))


@dataclass(frozen=True, slots=True)
class ResponseStart:
    """The response begins. If it is not ``streamed``, its body is a single piece."""

    content_type: str
    streamed: bool


@dataclass(frozen=True, slots=True)
class ResponseEnd:
    """The response ends. ``error`` is ``None`` if the function succeeded."""

    error: FunctionFailure | None


ResponseEvent: TypeAlias = ResponseStart | bytes | ResponseEnd


class FunctionResponse:
    """Has one producer (the environment) and one consumer (a public address).

    Either may leave first.
    """

    def __init__(self) -> None:
        self._waiting: deque[ResponseEvent] = deque()
        self._abandoned = False
        self._log_tail: bytes | None = None
        self._changes = Changes()
        self.end: ResponseEnd | None = None
        self.streamed_bytes = 0
        self.first_byte_at: float | None = None

    async def put(self, event: ResponseStart | bytes) -> None:
        """Pass an event on; wait while the consumer is behind. Does nothing after the end."""
        if isinstance(event, bytes):
            self.first_byte_at = self.first_byte_at or time.monotonic()
            self.streamed_bytes += len(event)
        await self._changes.until(self._has_room)
        if self.end is None and not self._abandoned:
            self._waiting.append(event)
            self._changes.notify()

    def finish(self, error: FunctionFailure | None = None) -> None:
        """End the response. Only the first end counts: the caller may have received it already."""
        if self.end is None:
            self.end = ResponseEnd(error)
            self._waiting.append(self.end)
            self._changes.notify()

    def close(self, log_tail: bytes) -> None:
        """Mark the invocation as over: the environment is free and the log is complete."""
        self._log_tail = log_tail
        self._changes.notify()

    def abandon(self) -> None:
        """Drop the rest, since the caller has left. As on Lambda, the function is not told.

        Without this the function would wait for a reader for ever.
        """
        self._abandoned = True
        self._waiting.clear()
        self._changes.notify()

    async def events(self) -> AsyncGenerator[ResponseEvent, None]:
        """Yield the events as they come, `ResponseEnd` last."""
        while True:
            await self._changes.until(lambda: bool(self._waiting))
            event = self._waiting.popleft()
            self._changes.notify()
            yield event
            if isinstance(event, ResponseEnd):
                return

    async def log_tail(self) -> bytes:
        """Return the last 4 KB of the invocation's log, once the invocation is over."""
        await self._changes.until(lambda: self._log_tail is not None)
        assert self._log_tail is not None
        return self._log_tail

    def _has_room(self) -> bool:
        return self._abandoned or self.end is not None or len(self._waiting) < _MAX_WAITING


@dataclass(frozen=True, slots=True)
class FunctionInvocation:
    """One invocation of a function: what the runtime is told, and where the response goes."""

    request_id: str
    event: bytes
    function_arn: str
    trace_id: str
    client_context: str
    tenant_id: str
    response: FunctionResponse

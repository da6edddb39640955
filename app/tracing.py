"""What traces a turn, as the layers see it that do its work, and the headers that go on with it.

Whoever traces stands above them (`app.telemetry.spans`) and is handed down. Nothing here is called
for a single token.
"""

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Protocol

import msgspec

from app.events import FinishReason, Usage
from app.messages import Message, StepRequest

_NONE: Mapping[str, str] = MappingProxyType({})
_headers: ContextVar[Mapping[str, str]] = ContextVar("trace_headers", default=_NONE)


def trace_headers() -> Mapping[str, str]:
    """Return the headers with which a request to another server goes on with the current trace.

    They are ``traceparent`` and perhaps ``tracestate``; none where nothing is traced. Whoever sends
    a request to the model, to a remote tool or to an MCP server adds them to its own.
    """
    return _headers.get()


@contextlib.contextmanager
def sending(headers: Mapping[str, str]) -> Iterator[None]:
    """Let `trace_headers` return ``headers`` within the block, in this task and what it starts."""
    token = _headers.set(headers)
    try:
        yield
    finally:
        _headers.reset(token)


class StepOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a call to the model ended.

    Attributes:
        finish_reason: None if the stream failed.
        first_chunk_s: from the request to the first thing that the model said, if it said any.
        error_type: the code of the error it ended with.
        output: what the model said, if content is traced.
    """

    finish_reason: FinishReason | None
    usage: Usage
    first_chunk_s: float | None
    error_type: str | None = None
    output: Message | None = None


class StepTrace(Protocol):
    """The trace of one call to the model."""

    def ended(self, outcome: StepOutcome) -> None:
        """Note the end. Without it the call was cancelled, or failed with an exception."""
        ...


class ToolTrace(Protocol):
    """The trace of one tool call."""

    def ended(self, *, error_type: str | None, output: Any) -> None:
        """Note what came of the call."""
        ...


class Trace(Protocol):
    """The trace of one turn, or of one tool that runs on its own.

    Attributes:
        is_on: whether anything is traced.
        keeps_content: whether it wants to know what was said.
    """

    is_on: bool
    keeps_content: bool

    def step(self, request: StepRequest) -> AbstractContextManager[StepTrace]:
        """Trace the call to the model that is made within the block."""
        ...

    def tool(
        self, *, name: str, description: str, call_id: str, arguments: Mapping[str, Any]
    ) -> AbstractContextManager[ToolTrace]:
        """Trace the tool call that runs within the block."""
        ...


class _Nothing:
    """Traces nothing, as often as wanted."""

    is_on = False
    keeps_content = False

    def step(self, request: StepRequest) -> AbstractContextManager["_Nothing"]:
        return _NOTHING_ENTERED

    def tool(
        self, *, name: str, description: str, call_id: str, arguments: Mapping[str, Any]
    ) -> AbstractContextManager["_Nothing"]:
        return _NOTHING_ENTERED

    def ended(self, *_: object, **__: object) -> None:
        pass


NO_TRACE = _Nothing()
_NOTHING_ENTERED = contextlib.nullcontext(NO_TRACE)

"""The seam between the app and whoever traces its turns. Where nobody does, it costs nothing."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol, TypeAlias

import msgspec

from app.requests.trace_parent import read_trace_parent
from app.tracing import NO_TRACE, Trace
from app.turns.outcome import TurnLabels, TurnObserver
from app.turns.turn import TurnRequest

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]


class TracedTurn(NamedTuple):
    """A turn whose trace has begun.

    Attributes:
        trace: of its steps and tools.
        labels: with the trace's id.
        observer: to be told how it ended, which ends its trace.
    """

    trace: Trace
    labels: TurnLabels
    observer: TurnObserver | None


class Tracing(Protocol):
    """Traces turns."""

    def begin_turn(
        self, headers: Headers, labels: TurnLabels, request: TurnRequest, *, started: float
    ) -> TracedTurn:
        """Begin the trace of a turn, which will run.

        Args:
            headers: of the request, as ASGI has them.
            labels: without the trace's id.
            started: `time.perf_counter` when the request came in.
        """
        ...

    def begin_tool(self, headers: Headers) -> Trace:
        """Begin the trace of a tool that runs on its own."""
        ...


class Untraced:
    """Traces nothing; the log says which trace a request was part of."""

    def begin_turn(
        self, headers: Headers, labels: TurnLabels, request: TurnRequest, *, started: float
    ) -> TracedTurn:
        parent = read_trace_parent(headers)
        if parent is not None:
            labels = msgspec.structs.replace(labels, trace_id=parent.trace_id)
        return TracedTurn(NO_TRACE, labels, None)

    def begin_tool(self, headers: Headers) -> Trace:
        return NO_TRACE

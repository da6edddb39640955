"""The trace of somebody else as a parent of ours, and ours as a parent of somebody else's.

Source: W3C Trace Context, 3.2 and 3.3.
"""

from collections.abc import Mapping

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from app.requests.trace_parent import TraceParent


def context_of(parent: TraceParent | None) -> Context:
    """Return the context below a span of somebody else; an empty one begins a new trace."""
    if parent is None:
        return Context()
    span = NonRecordingSpan(
        SpanContext(
            int(parent.trace_id, 16),
            int(parent.span_id, 16),
            is_remote=True,
            trace_flags=TraceFlags(TraceFlags.SAMPLED if parent.is_sampled else 0),
            trace_state=TraceState.from_header([parent.state]) if parent.state else None,
        )
    )
    return set_span_in_context(span, Context())


def headers_of(span: SpanContext) -> Mapping[str, str]:
    """Return the headers of a request that is made below ``span``."""
    parent = f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags & 1:02x}"
    state = span.trace_state.to_header()
    return {"traceparent": parent} | ({"tracestate": state} if state else {})

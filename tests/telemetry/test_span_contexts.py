"""Traces of other people above and below ours."""

from opentelemetry.trace import get_current_span

from app.requests.trace_parent import TraceParent
from app.telemetry.span_contexts import context_of, headers_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_a_parent_goes_round() -> None:
    parent = TraceParent(TRACE, SPAN, True, "a=1,b=2")

    span = get_current_span(context_of(parent)).get_span_context()

    assert span.is_remote
    assert headers_of(span) == {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "a=1,b=2"}


def test_a_parent_that_is_not_kept_stays_so() -> None:
    span = get_current_span(context_of(TraceParent(TRACE, SPAN, False))).get_span_context()

    assert headers_of(span) == {"traceparent": f"00-{TRACE}-{SPAN}-00"}


def test_without_a_parent_a_trace_begins() -> None:
    assert not get_current_span(context_of(None)).get_span_context().is_valid

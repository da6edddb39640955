"""The spans of a turn: ``invoke_agent``, and below it ``chat`` and ``execute_tool``.

Importing this module imports OpenTelemetry's API. The names are in `app.telemetry.conventions`.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import msgspec
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    set_span_in_context,
)

from app.errors import ChatError
from app.messages import StepRequest
from app.requests.trace_parent import read_trace_parent
from app.telemetry import content
from app.telemetry import conventions as names
from app.telemetry.conventions import Conventions, ModelServer
from app.telemetry.log import owner_mark
from app.telemetry.span_attributes import answered, asked, finish_reason, request_attributes
from app.telemetry.span_contexts import context_of, headers_of
from app.telemetry.turn_instruments import TurnInstruments
from app.telemetry.turn_traces import Headers, TracedTurn
from app.tracing import StepOutcome, sending
from app.turns.outcome import TurnLabels, TurnOutcome
from app.turns.turn import TurnRequest

# Turns that left calls to the client or asked the user, whose continuation links to them.
_REMEMBERED = 1000
_FAILED = Status(StatusCode.ERROR)


class OtelTracing:
    """A `Tracing` that makes spans.

    Args:
        tracer: makes them.
        instruments: of the metrics; they count also what is not sampled.
        server: whose model is called.
        conventions: the names' version.
        keeps_content: whether spans hold what was said.
        clock: seconds, monotonic; that of a request's beginning.
    """

    def __init__(
        self,
        tracer: Tracer,
        instruments: TurnInstruments,
        *,
        server: ModelServer,
        conventions: Conventions,
        keeps_content: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.tracer = tracer
        self.instruments = instruments
        self.server = server
        self.conventions = conventions
        self.keeps_content = keeps_content
        self.clock = clock
        self._left_open: OrderedDict[tuple[str, str], SpanContext] = OrderedDict()

    def begin_turn(
        self, headers: Headers, labels: TurnLabels, request: TurnRequest, *, started: float
    ) -> TracedTurn:
        attributes: dict[str, Any] = {
            names.OPERATION: names.INVOKE_AGENT,
            names.REQUEST_MODEL: request.model,
            names.REQUEST_ID: labels.request_id,
            names.PROTOCOL: labels.protocol,
            **request_attributes(request),
        }
        if self.conventions.says_provider_of_agent:
            attributes[names.PROVIDER] = self.server.provider
        if labels.chat_id is not None:
            attributes[names.CONVERSATION] = labels.chat_id
        if labels.owner:
            attributes[names.USER] = owner_mark(labels.owner)
        # The request has been read and admitted before anybody could know that it asks for a turn.
        start_time = time.time_ns() - int((self.clock() - started) * 1e9)
        key = (labels.owner, request.message_id)
        before = self._left_open.pop(key, None)
        span = self.tracer.start_span(
            names.INVOKE_AGENT,
            context_of(read_trace_parent(headers)),
            kind=SpanKind.INTERNAL,
            attributes=attributes,
            links=None if before is None else [Link(before)],
            start_time=start_time,
        )

        def end(labels: TurnLabels, outcome: TurnOutcome) -> None:
            self._end_turn(span, key, request, outcome)

        trace = _Trace(self, set_span_in_context(span, Context()), labels.chat_id)
        trace_id = f"{span.get_span_context().trace_id:032x}"
        return TracedTurn(trace, msgspec.structs.replace(labels, trace_id=trace_id), end)

    def begin_tool(self, headers: Headers) -> "_Trace":
        return _Trace(self, context_of(read_trace_parent(headers)), None)

    def _end_turn(
        self, span: Span, key: tuple[str, str], request: TurnRequest, outcome: TurnOutcome
    ) -> None:
        error_type = None if outcome.error is None else outcome.error.code
        if outcome.finish_reason == "tool-calls":
            self._left_open[key] = span.get_span_context()
            while len(self._left_open) > _REMEMBERED:
                self._left_open.popitem(last=False)
        self.instruments.turn(request.model, outcome)
        if not span.is_recording():
            return
        usage = {
            names.INPUT_TOKENS: outcome.usage.input_tokens,
            names.OUTPUT_TOKENS: outcome.usage.output_tokens,
        }
        if self.conventions.says_cache_of_agent:
            usage[names.CACHE_READ_TOKENS] = outcome.usage.cached_input_tokens
        span.set_attributes({name: count for name, count in usage.items() if count is not None})
        span.set_attributes({names.STEPS: outcome.steps, names.CLIENT_LEFT: outcome.client_left})
        if outcome.finish_reason is not None:
            span.set_attribute(names.FINISH_REASONS, [finish_reason(outcome.finish_reason)])
        _end(span, error_type)


class _Trace:
    """A `Trace`: what happens below one span, or below a span of somebody else."""

    is_on = True

    def __init__(self, tracing: OtelTracing, parent: Context, chat_id: str | None) -> None:
        self.keeps_content = tracing.keeps_content
        self._tracing = tracing
        self._parent = parent
        self._chat_id = chat_id

    def step(self, request: StepRequest) -> "_Step":
        return _Step(self._tracing, self._parent, request, self._chat_id)

    def tool(
        self, *, name: str, description: str, call_id: str, arguments: Mapping[str, Any]
    ) -> "_Tool":
        tracing = self._tracing
        attributes = {
            names.OPERATION: names.EXECUTE_TOOL,
            names.TOOL_NAME: name,
            names.TOOL_TYPE: names.FUNCTION,
        }
        if call_id:
            attributes[names.TOOL_CALL_ID] = call_id
        if description:
            attributes[names.TOOL_DESCRIPTION] = description
        if tracing.keeps_content:
            attributes[names.TOOL_ARGUMENTS] = content.json_text(arguments)
        title = f"{names.EXECUTE_TOOL} {name}"
        span = tracing.tracer.start_span(title, self._parent, attributes=attributes)
        return _Tool(tracing, span, name)


class _Current:
    """A span that is the current one within a block, there and in what is sent from there."""

    def __init__(self, tracing: OtelTracing, span: Span) -> None:
        self._tracing = tracing
        self._span = span
        self._started = tracing.clock()
        self._sending = sending(headers_of(span.get_span_context()))

    def _enter(self) -> None:
        self._token = otel_context.attach(set_span_in_context(self._span))
        self._sending.__enter__()

    def _leave(self) -> float:
        """Return how long it took, in seconds."""
        self._sending.__exit__(None, None, None)
        otel_context.detach(self._token)
        return self._tracing.clock() - self._started


class _Step(_Current):
    """One call to the model."""

    def __init__(
        self, tracing: OtelTracing, parent: Context, request: StepRequest, chat_id: str | None
    ) -> None:
        server = tracing.server
        attributes: dict[str, Any] = {
            names.OPERATION: names.CHAT,
            names.PROVIDER: server.provider,
            names.REQUEST_MODEL: request.model,
            names.STREAM: True,
            names.SERVER_ADDRESS: server.address,
            names.SERVER_PORT: server.port,
            **request_attributes(request),
        }
        if chat_id is not None:
            attributes[names.CONVERSATION] = chat_id
        if tracing.keeps_content:
            attributes |= asked(request)
        title = f"{names.CHAT} {request.model}"
        span = tracing.tracer.start_span(title, parent, kind=SpanKind.CLIENT, attributes=attributes)
        super().__init__(tracing, span)
        self._model = request.model
        self._outcome: StepOutcome | None = None

    def __enter__(self) -> "_Step":
        self._enter()
        return self

    def ended(self, outcome: StepOutcome) -> None:
        self._outcome = outcome

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        duration_s = self._leave()
        outcome, span = self._outcome, self._span
        error_type = _type_of(error)
        if outcome is not None:
            error_type = error_type or outcome.error_type
            if span.is_recording():
                span.set_attributes(answered(outcome))
        # What was cancelled has not failed; the span of the turn says why it was.
        is_cancelled = error is not None and error_type is None
        if not is_cancelled:
            self._tracing.instruments.step(self._model, duration_s, outcome, error_type)
        _end(span, error_type)


class _Tool(_Current):
    """One tool call."""

    def __init__(self, tracing: OtelTracing, span: Span, name: str) -> None:
        super().__init__(tracing, span)
        self._name = name
        self._error_type: str | None = None

    def __enter__(self) -> "_Tool":
        self._enter()
        return self

    def ended(self, *, error_type: str | None, output: Any) -> None:
        self._error_type = error_type
        if error_type is None and self._tracing.keeps_content:
            self._span.set_attribute(names.TOOL_RESULT, content.json_text(output))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        duration_s = self._leave()
        error_type = _type_of(error) or self._error_type
        self._tracing.instruments.tool(self._name, duration_s, error_type)
        _end(self._span, error_type)


def _end(span: Span, error_type: str | None) -> None:
    if error_type is not None:
        # No description and no event: an exception may repeat what was said.
        span.set_attribute(names.ERROR_TYPE, error_type)
        span.set_status(_FAILED)
    span.end()


def _type_of(error: BaseException | None) -> str | None:
    """Return what kind of error ended a block; None if it was cancelled."""
    if isinstance(error, ChatError):
        return error.code
    return type(error).__name__ if isinstance(error, Exception) else None

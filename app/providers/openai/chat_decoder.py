"""The stream of an OpenAI chat completion → events.

    data: {"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}
    data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}
    data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}
    data: [DONE]

Source: openai-python 3.52, _streaming.py and types/chat/chat_completion_chunk.py. Errors inside the
stream come as ``{"error": …}`` (vLLM, OpenRouter) or ``event: error`` (Groq).
"""

from collections.abc import Iterable, Mapping

from app.errors import ProviderError
from app.events import (
    Error,
    Event,
    FinishReason,
    ReasoningDelta,
    StepEnd,
    TextDelta,
)
from app.providers.failures import error_in_stream
from app.providers.joining import Joiner
from app.providers.openai.call_sizes import CallsTooLarge
from app.providers.openai.chat_chunks import (
    Annotation,
    Delta,
    Function,
    ToolCallDelta,
    decode_chunk,
    decode_variant,
)
from app.providers.openai.citations import Citations
from app.providers.openai.ids import CallIds, NewId, new_id
from app.providers.openai.token_counts import ChatTokenCounts, step_usage
from app.providers.openai.tool_calls import ToolCalls
from app.providers.sse import EventTooLong, NamedData, SseSplitter

_FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool-calls",
    "function_call": "tool-calls",
    "content_filter": "content-filter",
    "error": "error",
}


class ChatDecoder:
    """Decodes one stream; a `step_stream.Decoder`.

    Args:
        taken_ids: as for `CallIds`.
        new_id: makes the ids of sources, and of calls that cannot keep their own.
    """

    __slots__ = (
        "_calls",
        "_citations",
        "_counts",
        "_finish_reason",
        "_new_id",
        "_splitter",
        "_taken_ids",
        "done",
        "failure",
    )

    def __init__(self, *, taken_ids: Iterable[str] = (), new_id: NewId = new_id) -> None:
        self.done = False
        self.failure: ProviderError | None = None
        self._splitter = SseSplitter()
        self._taken_ids = taken_ids
        self._new_id = new_id
        # Made for the first call and the first citation: most answers have neither.
        self._calls: ToolCalls | None = None
        self._citations: Citations | None = None
        self._finish_reason = ""
        self._counts: ChatTokenCounts | None = None

    def feed(self, data: bytes) -> list[Event]:
        if self.done:
            return []
        try:
            datas = self._splitter.feed(data)
        except EventTooLong as error:
            return self.break_off(ProviderError(str(error)))
        return self._read(datas)

    def end(self) -> list[Event]:
        if self.done:
            return []
        try:
            events = self._read(self._splitter.end())
        except EventTooLong as error:
            return self.break_off(ProviderError(str(error)))
        if self._calls is not None and self._calls.whole:
            self._finish_reason = self._finish_reason or "tool_calls"
        return events + self.break_off(ProviderError("the stream ended in the middle of an answer"))

    def break_off(self, error: ProviderError) -> list[Event]:
        if self.done:
            return []
        # With a finish reason the answer is whole, even if `[DONE]` or the usage is missing.
        return self._close() if self._finish_reason else self._fail(error)

    def _read(self, datas: list[bytes]) -> list[Event]:
        out = Joiner()
        for data in datas:
            try:
                chunk = decode_chunk(data)
            except (ValueError, RecursionError):
                if data.startswith(b"[DONE]"):
                    out.extend(self._close())
                    break
                chunk = decode_variant(data)
            if chunk.usage is not None:
                self._counts = chunk.usage
            if not chunk.choices and isinstance(data, NamedData) and data.name == "error":
                chunk.error = chunk.error or data.decode("utf-8", "replace")
            if chunk.error:
                out.extend(self._fail(error_in_stream(chunk.error)))
                break
            for choice in chunk.choices or ():
                if choice.index:
                    continue  # we asked for one answer only
                if choice.finish_reason:
                    self._finish_reason = choice.finish_reason
                if (delta := choice.delta) is None:
                    continue
                if reasoning := delta.reasoning_content or delta.reasoning:
                    out.delta(ReasoningDelta, reasoning)  # servers with both fields repeat it
                if delta.content:
                    if out.make is TextDelta:
                        out.pieces.append(delta.content)
                    else:
                        out.delta(TextDelta, delta.content)
                if delta.refusal:
                    out.delta(TextDelta, delta.refusal)
                if delta.tool_calls or delta.function_call:
                    self._add_calls(delta, out)
                if delta.annotations:
                    self._cite(delta.annotations, out)
            if self.done:
                break
        return out.take()

    def _add_calls(self, delta: Delta, out: Joiner) -> None:
        if self._calls is None:
            self._calls = ToolCalls(CallIds(self._taken_ids, self._new_id))
        calls = list(delta.tool_calls or ())
        if delta.function_call is not None:
            calls.append(ToolCallDelta(function=delta.function_call))
        for call in calls:
            function = call.function or Function()
            try:
                self._calls.add(
                    out,
                    index=call.index,
                    upstream_id=call.id or "",
                    name=function.name or "",
                    arguments=function.arguments or "",
                )
            except CallsTooLarge as error:
                out.extend(self._fail(ProviderError(str(error))))
                return

    def _cite(self, annotations: list[Annotation], out: Joiner) -> None:
        if self._citations is None:
            self._citations = Citations(self._new_id)
        for annotation in annotations:
            if (page := annotation.url_citation) is not None:
                self._citations.add(out, url=page.url, title=page.title)

    def _close(self) -> list[Event]:
        calls = self._calls
        if calls is not None and not calls.named:
            return self._fail(ProviderError("a tool call without a name"))
        reason = _FINISH_REASONS.get(self._finish_reason, "other")
        if calls and (reason == "stop" or not self._finish_reason):
            reason = "tool-calls"  # Gemini, Ollama, and OpenAI for a forced tool
        self.done = True
        is_cut = reason in ("length", "content-filter", "error")
        inputs = () if calls is None else calls.close(is_cut=is_cut)
        return [*inputs, StepEnd(reason, step_usage(self._counts))]

    def _fail(self, error: ProviderError) -> list[Event]:
        self.done = True
        self.failure = error
        return [Error(error.code, error.public_message)]

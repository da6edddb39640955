"""The stream of an OpenAI chat completion → events.

    data: {"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}
    data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}
    data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}
    data: [DONE]

Source: openai-python 3.52, _streaming.py and types/chat/chat_completion_chunk.py. Errors inside the
stream come as ``{"error": …}`` (vLLM, OpenRouter) or ``event: error`` (Groq).
"""

from collections.abc import Callable, Iterable, Mapping
from uuid import uuid4

from app.errors import ProviderError
from app.events import (
    Error,
    Event,
    FinishReason,
    ReasoningDelta,
    Source,
    StepEnd,
    TextDelta,
    Usage,
)
from app.providers.failures import error_in_stream
from app.providers.joining import Joiner
from app.providers.openai.chat_chunks import (
    Annotation,
    ChunkUsage,
    Delta,
    Function,
    ToolCallDelta,
    decode_chunk,
    decode_variant,
)
from app.providers.openai.tool_calls import ToolCalls
from app.providers.sse import NamedData, SseSplitter

_FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool-calls",
    "function_call": "tool-calls",
    "content_filter": "content-filter",
    "error": "error",
}


def new_call_id() -> str:
    """Return an id like OpenAI's, for a tool call that has none."""
    return f"call_{uuid4().hex[:24]}"


class ChatDecoder:
    """Decodes one stream; does no I/O.

    Feed it what the network brings; it returns events, the last of which is `StepEnd` or `Error`.
    `StepStart` is the caller's, since it belongs to the response's headers.

    Args:
        taken_ids: ids of tool calls that are in the history; a call that brings one gets another.
        new_id: makes the id of a call that has none of its own.

    Attributes:
        done: the last event has been returned; whatever comes after it is ignored.
        failure: why the last event is `Error`, in the upstream's words, for the log only.
    """

    def __init__(
        self, *, taken_ids: Iterable[str] = (), new_id: Callable[[], str] = new_call_id
    ) -> None:
        self.done = False
        self.failure: ProviderError | None = None
        self._splitter = SseSplitter()
        self._calls = ToolCalls(taken_ids, new_id)
        self._cited: set[str] = set()
        self._finish_reason = ""
        self._usage: ChunkUsage | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Return what ``data``, one network read, brings. Neighbouring deltas are joined."""
        return [] if self.done else self._read(self._splitter.feed(data))

    def end(self) -> list[Event]:
        """Return what the end of the response's body brings."""
        if self.done:
            return []
        events = self._read(self._splitter.end())
        if self._calls.whole:
            self._finish_reason = self._finish_reason or "tool_calls"
        return events + self.break_off(ProviderError("the stream ended in the middle of an answer"))

    def break_off(self, error: ProviderError) -> list[Event]:
        """Return what follows when nothing more can be read. An answer that was whole stays one."""
        if self.done:
            return []
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
                self._usage = chunk.usage
            if not chunk.choices and isinstance(data, NamedData) and data.name == "error":
                chunk.error = chunk.error or data.decode("utf-8", "replace")
            if chunk.error:
                out.extend(self._fail(error_in_stream(chunk.error)))
                break
            for choice in chunk.choices or ():
                if choice.index:
                    continue  # only one answer was asked for
                if choice.finish_reason:
                    self._finish_reason = choice.finish_reason
                if (delta := choice.delta) is None:
                    continue
                if reasoning := delta.reasoning_content or delta.reasoning:
                    out.delta(ReasoningDelta, reasoning)  # servers with both send it twice
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
        return out.take()

    def _add_calls(self, delta: Delta, out: Joiner) -> None:
        calls = list(delta.tool_calls or ())
        if delta.function_call is not None:
            calls.append(ToolCallDelta(function=delta.function_call))
        for call in calls:
            function = call.function or Function()
            self._calls.add(
                out,
                index=call.index,
                upstream_id=call.id or "",
                name=function.name or "",
                arguments=function.arguments or "",
            )

    def _cite(self, annotations: list[Annotation], out: Joiner) -> None:
        """Take what the text rests on; each page counts once."""
        for annotation in annotations:
            page = annotation.url_citation
            if page is not None and page.url and page.url not in self._cited:
                self._cited.add(page.url)
                source_id = f"source_{uuid4().hex[:24]}"
                out.extend([Source(source_id, url=page.url, title=page.title or None)])

    def _close(self) -> list[Event]:
        if not self._calls.named:
            return self._fail(ProviderError("a tool call without a name"))
        reason = _FINISH_REASONS.get(self._finish_reason, "other")
        if self._calls and (reason == "stop" or not self._finish_reason):
            reason = "tool-calls"  # Gemini, Ollama, and OpenAI where a tool was forced
        self.done = True
        return [*self._calls.close(), StepEnd(reason, _usage(self._usage))]

    def _fail(self, error: ProviderError) -> list[Event]:
        self.done = True
        self.failure = error
        return [Error(error.code, error.public_message)]


def _usage(usage: ChunkUsage | None) -> Usage:
    if usage is None:
        return Usage()
    completion, prompt = usage.completion_tokens_details, usage.prompt_tokens_details
    return Usage(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        reasoning_tokens=completion.reasoning_tokens if completion else None,
        cached_input_tokens=prompt.cached_tokens if prompt else None,
    )

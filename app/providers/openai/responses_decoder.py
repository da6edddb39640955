"""The stream of an OpenAI response → events.

    event: response.output_text.delta
    data: {"type":"response.output_text.delta","output_index":0,"delta":"Hello",…}

    event: response.completed
    data: {"type":"response.completed","response":{"usage":{…},…}}

The name of an event tells whether we need it: more than half of a stream repeats earlier events and
is not decoded at all. If a server sends no names, the data's ``type`` is the name.

Source: openai-python 3.52, _streaming.py and types/responses/response_stream_event.py. Errors come
as ``event: error``, as `response.failed`, or as data ``{"error": …}`` (vLLM, OpenRouter).
"""

import json
from collections.abc import Iterable, Mapping

from app.errors import ProviderError
from app.events import Error, Event, FinishReason, StepEnd, TextDelta
from app.providers.failures import error_in_stream
from app.providers.joining import Joiner
from app.providers.openai.citations import Citations
from app.providers.openai.ids import CallIds, NewId, new_id
from app.providers.openai.responses_chunks import (
    Response,
    decode_text,
    read_annotation,
    read_item,
    read_other,
    read_piece,
    read_response,
    read_text,
)
from app.providers.openai.responses_items import OutputItems
from app.providers.openai.token_counts import step_usage
from app.providers.sse import Named, NamedSseSplitter

_TEXT = b"response.output_text.delta"

_INCOMPLETE: Mapping[str | None, FinishReason] = {
    "max_output_tokens": "length",
    "content_filter": "content-filter",
}


class ResponsesDecoder:
    """Decodes one stream; a `step_stream.Decoder`.

    Args:
        taken_ids: as for `CallIds`.
        new_id: makes the ids of sources, and of calls that cannot keep their own.
        max_output_tokens: the limit that the request set, if it did.
    """

    def __init__(
        self,
        *,
        taken_ids: Iterable[str] = (),
        new_id: NewId = new_id,
        max_output_tokens: int | None = None,
    ) -> None:
        self.done = False
        self.failure: ProviderError | None = None
        self._splitter = NamedSseSplitter()
        self._max_output_tokens = max_output_tokens
        self._items = OutputItems(CallIds(taken_ids, new_id), Citations(new_id))

    def feed(self, data: bytes) -> list[Event]:
        return [] if self.done else self._read(self._splitter.feed(data))

    def end(self) -> list[Event]:
        if self.done:
            return []
        events = self._read(self._splitter.end())
        return events + self.break_off(ProviderError("the stream ended in the middle of an answer"))

    def break_off(self, error: ProviderError) -> list[Event]:
        return [] if self.done else self._fail(error)

    def _read(self, chunks: list[Named]) -> list[Event]:
        out = Joiner()
        for name, data in chunks:
            if name == _TEXT:
                try:
                    text = decode_text(data).delta
                except (ValueError, RecursionError):
                    pass  # `_take` reads more variants
                else:
                    if text and out.make is TextDelta:
                        out.pieces.append(text)
                    elif text:
                        out.delta(TextDelta, text)
                    continue
            self._take(name, data, out)
            if self.done:
                break
        return out.take()

    def _take(self, name: bytes, data: bytes, out: Joiner) -> None:
        try:
            self._take_event(name, data, out)
        except (ValueError, RecursionError) as error:
            text = data.decode("utf-8", "replace")
            failed = ProviderError(f"unusable event ({error}): {text[:500]}")
            failed.log_text = f"unusable event of {len(data)} bytes"  # it holds the answer
            out.extend(self._fail(failed))

    def _take_event(self, name: bytes, data: bytes, out: Joiner) -> None:
        items = self._items
        match name:
            case b"response.output_text.delta" | b"response.refusal.delta":
                if text := read_text(data).delta:
                    out.delta(TextDelta, text)
            case b"response.reasoning_summary_text.delta" | b"response.reasoning_text.delta":
                items.think(out, read_piece(data))
            case b"response.function_call_arguments.delta":
                items.write_arguments(out, read_piece(data))
            case b"response.code_interpreter_call_code.delta":
                items.write_code(out, read_piece(data))
            case b"response.output_text.annotation.added":
                if annotation := read_annotation(data).annotation:
                    items.cite(out, annotation)
            case b"response.output_item.added":
                added = read_item(data)
                if added.item is not None:
                    items.add(out, added.output_index, added.item)
            case b"response.output_item.done":
                finished = read_item(data)
                if finished.item is not None:
                    items.finish(out, finished.output_index, finished.item)
            case b"response.completed":
                response = _response(data)
                is_cut = self._used_all_tokens(response)
                events = items.close(is_complete=not is_cut)
                reason: FinishReason = "tool-calls" if items.made_calls else "stop"
                out.extend([*events, self._end("length" if is_cut else reason, response)])
            case b"response.incomplete":
                response = _response(data)
                events = items.close(is_complete=False)
                details = response.incomplete_details
                why = _INCOMPLETE.get(details.reason if details else None, "other")
                out.extend([*events, self._end(why, response)])
            case b"response.failed":
                error = _response(data).error or "the run failed"
                out.extend(self._fail(error_in_stream(error)))
            case b"error":
                out.extend(self._fail(_error(data)))
            case b"" | b"message" if data:  # the standard calls it "message"
                self._take_unnamed(data, out)
            case _:
                pass  # progress, and repetitions of the events above

    def _take_unnamed(self, data: bytes, out: Joiner) -> None:
        if data.startswith(b"[DONE]"):
            out.extend(self._fail(ProviderError("the stream ended in the middle of an answer")))
            return
        chunk = read_other(data)
        if chunk.type and chunk.type != "message":
            self._take_event(chunk.type.encode("utf-8", "replace"), data, out)
        elif chunk.error:
            out.extend(self._fail(error_in_stream(chunk.error)))

    def _used_all_tokens(self, response: Response) -> bool:
        """Whether the answer ends at its limit: llama.cpp says "completed" then."""
        used = response.usage.output_tokens if response.usage else None
        limit = self._max_output_tokens
        return used is not None and limit is not None and used >= limit

    def _end(self, reason: FinishReason, response: Response) -> Event:
        self.done = True
        return StepEnd(reason, step_usage(response.usage))

    def _fail(self, error: ProviderError) -> list[Event]:
        self.done = True
        self.failure = error
        blank = self._items.end_blank_calls(is_complete=False)
        return [*blank, Error(error.code, error.public_message)]


def _response(data: bytes) -> Response:
    return read_response(data).response or Response()


def _error(data: bytes) -> ProviderError:
    """Read an ``error`` event, whose data is the error or has it under ``error``."""
    text = data.decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    nested = value.get("error") if isinstance(value, dict) else None
    return error_in_stream(nested or value)

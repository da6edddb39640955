"""Encodes a `Script` for the Responses API: the events of a stream, or one object. No I/O.

    event: response.output_text.delta
    data: {"type":"response.output_text.delta","sequence_number":4,"output_index":0,…}

Every block of the script becomes an output item: added, filled by deltas, done. The stream ends
with `response.completed`, `response.incomplete` or `response.failed`; there is no ``[DONE]``.

Source: openai/openai-python 3.52, types/responses/.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, assert_never

from app.scripted_model.script import (
    ApiError,
    Block,
    Call,
    Citation,
    FinishReason,
    Refuse,
    RunCode,
    Say,
    Script,
    Search,
    Think,
)
from app.scripted_model.server_sent_events import server_sent_event

_JSON: TypeAlias = dict[str, Any]
_INCOMPLETE: Mapping[FinishReason, str] = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
}


class ResponsesWire:
    """Encodes one response. Keeps the response so far and the open item."""

    def __init__(
        self,
        *,
        model: str,
        created: int,
        prompt_tokens: int,
        echoed: Mapping[str, Any],
        encrypt_reasoning: bool = False,
    ) -> None:
        """``echoed``: the request's values that the response repeats, such as ``tools``."""
        self._response: _JSON = {
            "id": f"resp_{uuid.uuid4().hex}",
            "object": "response",
            "created_at": created,
            "status": "in_progress",
            "error": None,
            "incomplete_details": None,
            "model": model,
            "output": [],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": None,
            **echoed,
        }
        self._prompt_tokens = prompt_tokens
        self._encrypt_reasoning = encrypt_reasoning
        self._sequence = 0
        self._block: Block | None = None
        self._item: _JSON = {}
        self._text = ""

    def start(self) -> list[bytes]:
        """Return the events that hold the response while it is empty."""
        return [
            self._event("response.created", response=self._response),
            self._event("response.in_progress", response=self._response),
        ]

    def open(self, block: Block) -> list[bytes]:
        """Return the events before the first token of ``block``."""
        self._block, self._text = block, ""
        self._item = _empty_item(block)
        added = self._event("response.output_item.added", output_index=self._index, item=self._item)
        match block:
            case Say() | Refuse():
                return [added, self._of_part("response.content_part.added", part=_part(block, ""))]
            case Think():
                part = {"type": "summary_text", "text": ""}
                return [added, self._of_summary("response.reasoning_summary_part.added", part=part)]
            case Call():
                return [added]
            case Search():
                steps = ("in_progress", "searching", "completed")
                return [added, *(self._of_item(f"response.web_search_call.{s}") for s in steps)]
            case RunCode():
                return [added, self._of_item("response.code_interpreter_call.in_progress")]
            case _:
                assert_never(block)

    def token(self, text: str) -> list[bytes]:
        """Return the event for one token of the open block."""
        self._text += text
        match self._block:
            case Say():
                return [self._of_part("response.output_text.delta", delta=text, logprobs=[])]
            case Refuse():
                return [self._of_part("response.refusal.delta", delta=text)]
            case Think():
                return [self._of_summary("response.reasoning_summary_text.delta", delta=text)]
            case Call():
                return [self._of_item("response.function_call_arguments.delta", delta=text)]
            case RunCode():
                return [self._of_item("response.code_interpreter_call_code.delta", delta=text)]
            case Search() | None:
                return []
            case _:
                assert_never(self._block)

    def close(self) -> list[bytes]:
        """Return the events after the last token of the open block."""
        events = self._complete(self._block, self._text) if self._block is not None else []
        if "status" in self._item:
            self._item["status"] = "completed"
        done = self._event("response.output_item.done", output_index=self._index, item=self._item)
        self._response["output"].append(self._item)
        return [*events, done]

    def _complete(self, block: Block, text: str) -> list[bytes]:
        """Put the whole text into the open item; return the events that repeat it."""
        match block:
            case Say():
                part = _part(block, text)
                self._item["content"] = [part]
                return [
                    *self._annotated(part["annotations"]),
                    self._of_part("response.output_text.done", text=text, logprobs=[]),
                    self._of_part("response.content_part.done", part=part),
                ]
            case Refuse():
                part = _part(block, text)
                self._item["content"] = [part]
                return [
                    self._of_part("response.refusal.done", refusal=text),
                    self._of_part("response.content_part.done", part=part),
                ]
            case Think():
                part = {"type": "summary_text", "text": text}
                self._item["summary"] = [part]
                if self._encrypt_reasoning:
                    self._item["encrypted_content"] = f"scripted-{uuid.uuid4().hex}"
                return [
                    self._of_summary("response.reasoning_summary_text.done", text=text),
                    self._of_summary("response.reasoning_summary_part.done", part=part),
                ]
            case Call():
                self._item["arguments"] = text
                return [self._of_item("response.function_call_arguments.done", arguments=text)]
            case RunCode(logs=logs):
                self._item["code"] = text
                self._item["outputs"] = [{"type": "logs", "logs": logs}]
                return [
                    self._of_item("response.code_interpreter_call_code.done", code=text),
                    self._of_item("response.code_interpreter_call.interpreting"),
                    self._of_item("response.code_interpreter_call.completed"),
                ]
            case Search():
                return []
            case _:
                assert_never(block)

    def _annotated(self, annotations: Sequence[_JSON]) -> list[bytes]:
        added = "response.output_text.annotation.added"
        return [
            self._of_part(added, annotation_index=index, annotation=annotation)
            for index, annotation in enumerate(annotations)
        ]

    def end(self, script: Script) -> list[bytes]:
        """Return the last event, which holds the complete response."""
        self._finish(script)
        return [self._event(f"response.{self._response['status']}", response=self._response)]

    def error(self, error: ApiError) -> list[bytes]:
        """Return an error inside the stream. Nothing follows it."""
        return [self._event("error", code=error.code, message=error.message, param=error.param)]

    def failed(self, error: ApiError) -> list[bytes]:
        """Return the last event of a failed response."""
        self._response["status"] = "failed"
        code = error.code or "server_error"
        self._response["error"] = {"code": code, "message": error.message}
        return [self._event("response.failed", response=self._response)]

    def whole(self, script: Script) -> dict[str, Any]:
        """Return the response as one object, for a request that does not stream."""
        for block in script.blocks:
            self.open(block)
            for piece in block.pieces:
                if isinstance(piece, str):
                    self.token(piece)
            self.close()
        self._finish(script)
        return self._response

    def _finish(self, script: Script) -> None:
        reason = _INCOMPLETE.get(script.finish)
        if reason is not None:
            self._response["incomplete_details"] = {"reason": reason}
            for item in self._response["output"][-1:]:
                if "status" in item:
                    item["status"] = "incomplete"
        self._response["status"] = "completed" if reason is None else "incomplete"
        if script.delivery.usage:
            self._response["usage"] = self._usage(script)

    def _usage(self, script: Script) -> _JSON:
        output_tokens = script.token_count()
        return {
            "input_tokens": self._prompt_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": output_tokens,
            "output_tokens_details": {"reasoning_tokens": script.reasoning_count()},
            "total_tokens": self._prompt_tokens + output_tokens,
        }

    @property
    def _index(self) -> int:
        return len(self._response["output"])

    def _of_item(self, event_type: str, /, **more: Any) -> bytes:
        return self._event(event_type, item_id=self._item["id"], output_index=self._index, **more)

    def _of_part(self, event_type: str, /, **more: Any) -> bytes:
        return self._of_item(event_type, content_index=0, **more)

    def _of_summary(self, event_type: str, /, **more: Any) -> bytes:
        return self._of_item(event_type, summary_index=0, **more)

    def _event(self, event_type: str, /, **more: Any) -> bytes:
        data = {"type": event_type, "sequence_number": self._sequence, **more}
        self._sequence += 1
        return server_sent_event(data, event_type)


def _empty_item(block: Block) -> _JSON:
    key = uuid.uuid4().hex
    match block:
        case Say() | Refuse():
            item: _JSON = {"id": f"msg_{key}", "type": "message", "role": "assistant"}
            return {**item, "status": "in_progress", "content": []}
        case Think():
            return {"id": f"rs_{key}", "type": "reasoning", "summary": []}
        case Call(tool_name):
            item = {"id": f"fc_{key}", "type": "function_call", "status": "in_progress"}
            return {**item, "call_id": f"call_{key[:24]}", "name": tool_name, "arguments": ""}
        case Search(query):
            action = {"type": "search", "query": query, "queries": [query]}
            item = {"id": f"ws_{key}", "type": "web_search_call", "status": "in_progress"}
            return {**item, "action": action}
        case RunCode():
            item = {"id": f"ci_{key}", "type": "code_interpreter_call", "status": "in_progress"}
            return {**item, "code": "", "container_id": f"cntr_{key}", "outputs": []}
        case _:
            assert_never(block)


def _part(block: Say | Refuse, text: str) -> _JSON:
    if isinstance(block, Refuse):
        return {"type": "refusal", "refusal": text}
    cited = [_annotation(citation, len(text)) for citation in block.citations] if text else []
    return {"type": "output_text", "annotations": cited, "logprobs": [], "text": text}


def _annotation(citation: Citation, end: int) -> _JSON:
    place = {"start_index": 0, "end_index": end}
    return {"type": "url_citation", **place, "url": citation.url, "title": citation.title}

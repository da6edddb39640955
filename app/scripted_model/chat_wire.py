"""Encodes a `Script` as a chat completion: the chunks of a stream, or one object. No I/O.

    data: {"id":"chatcmpl-…","object":"chat.completion.chunk",…,"choices":[{"index":0,"delta":…}]}

The first chunk holds the role. Then come one chunk per token, a chunk with the finish reason and an
empty delta, a chunk with the usage and no choice (if the request asks for it), and `data: [DONE]`.

Source: openai/openai-python 3.52, types/chat/chat_completion_chunk.py; the field
`reasoning_content` is the one of DeepSeek and vLLM.
"""

import uuid
from collections.abc import Iterable
from typing import Any, assert_never

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
    written,
)
from app.scripted_model.server_sent_events import server_sent_event

FINGERPRINT = "fp_scripted"


class ChatWire:
    """Encodes one completion. Keeps its id, its creation time and the index of the open call."""

    def __init__(
        self, *, model: str, created: int, prompt_tokens: int, include_usage: bool = False
    ) -> None:
        self._head = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "created": created,
            "model": model,
            "service_tier": "default",
            "system_fingerprint": FINGERPRINT,
        }
        self._prompt_tokens = prompt_tokens
        self._include_usage = include_usage
        self._block: Block | None = None
        self._calls = 0

    def start(self) -> list[bytes]:
        """Return the chunk with the role."""
        return [self._chunk({"role": "assistant", "content": "", "refusal": None})]

    def open(self, block: Block) -> list[bytes]:
        """Return the chunks before the first token of ``block``."""
        self._block = block
        if not isinstance(block, Call):
            return []
        call = {"index": self._calls, **_call(block.tool_name, "")}
        self._calls += 1
        return [self._chunk({"tool_calls": [call]})]

    def token(self, text: str) -> list[bytes]:
        """Return the chunk for one token of the open block."""
        match self._block:
            case Say():
                delta: dict[str, Any] = {"content": text}
            case Think():
                delta = {"reasoning_content": text}
            case Refuse():
                delta = {"refusal": text}
            case Call():
                function = {"function": {"arguments": text}}
                delta = {"tool_calls": [{"index": self._calls - 1, **function}]}
            case Search() | RunCode() | None:
                return []
            case _:
                assert_never(self._block)
        return [self._chunk(delta)]

    def close(self) -> list[bytes]:
        """Return the chunks after the last token of the open block."""
        block, self._block = self._block, None
        if not isinstance(block, Say) or not block.citations:
            return []
        return [self._chunk({"annotations": _annotations(block)})]

    def end(self, script: Script) -> list[bytes]:
        """Return the finish reason and, unless left out, the usage and ``[DONE]``."""
        events = [self._chunk({}, script.finish)]
        if self._include_usage and script.delivery.usage:
            events.append(self._event([], usage=self._usage(script)))
        if script.delivery.done:
            events.append(b"data: [DONE]\n\n")
        return events

    def error(self, error: ApiError) -> list[bytes]:
        """Return an error inside the stream. Nothing follows it."""
        return [server_sent_event({"error": error.body()})]

    def failed(self, error: ApiError) -> list[bytes]:
        """Return an error inside the stream: this API has no event of its own for a failed run."""
        return self.error(error)

    def whole(self, script: Script) -> dict[str, Any]:
        """Return the completion as one object, for a request that does not stream."""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": _joined(script.blocks, Say),
            "refusal": _joined(script.blocks, Refuse),
            "annotations": [
                item
                for block in script.blocks
                if isinstance(block, Say)
                for item in _annotations(block)
            ],
        }
        if (thought := _joined(script.blocks, Think)) is not None:
            message["reasoning_content"] = thought
        calls = [
            _call(block.tool_name, written(block))
            for block in script.blocks
            if isinstance(block, Call)
        ]
        if calls:
            message["tool_calls"] = calls
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": script.finish,
        }
        completion = {**self._head, "object": "chat.completion", "choices": [choice]}
        return {**completion, "usage": self._usage(script)} if script.delivery.usage else completion

    def _chunk(self, delta: dict[str, Any], finish: FinishReason | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return self._event([choice])

    def _event(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> bytes:
        chunk = {**self._head, "object": "chat.completion.chunk", "choices": choices}
        if self._include_usage:
            chunk["usage"] = usage
        return server_sent_event(chunk)

    def _usage(self, script: Script) -> dict[str, Any]:
        completion_tokens = script.token_count()
        return {
            "prompt_tokens": self._prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": self._prompt_tokens + completion_tokens,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": script.reasoning_count(),
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }


def _call(tool_name: str, arguments: str) -> dict[str, Any]:
    return {
        "id": f"call_{uuid.uuid4().hex[:24]}",
        "type": "function",
        "function": {"name": tool_name, "arguments": arguments},
    }


def _annotations(block: Say) -> list[dict[str, Any]]:
    return [_annotation(citation, len(written(block))) for citation in block.citations]


def _annotation(citation: Citation, end: int) -> dict[str, Any]:
    place = {"start_index": 0, "end_index": end}
    return {
        "type": "url_citation",
        "url_citation": {**place, "url": citation.url, "title": citation.title},
    }


def _joined(blocks: Iterable[Block], kind: type[Block]) -> str | None:
    texts = [written(block) for block in blocks if isinstance(block, kind)]
    return "".join(texts) if texts else None

"""The openai package as oracle: the same bytes give the same answer through its parser and ours."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import APIError, OpenAI, Stream
from openai.types.chat import ChatCompletionChunk

from app.events import (
    Error,
    Event,
    FinishReason,
    StepEnd,
    TextDelta,
    ToolInputDelta,
    ToolInputStart,
    Usage,
)
from app.providers.openai.chat_decoder import ChatDecoder

FINISH_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool-calls",
    "content_filter": "content-filter",
}


@dataclass
class Answer:
    """What a reader of the stream learns; calls as id → name and the text of the arguments."""

    text: str = ""
    calls: dict[str, tuple[str, str]] = field(default_factory=dict)
    finish_reason: FinishReason | None = None
    usage: Usage = field(default_factory=Usage)
    failed: bool = False


def read_by_openai(client: OpenAI, stream: bytes) -> Answer:
    answer = Answer()
    ids: dict[int, str] = {}
    response = httpx2.Response(200, content=stream, request=httpx2.Request("POST", "http://m"))
    chunks = Stream(cast_to=ChatCompletionChunk, response=response, client=client)
    try:
        for chunk in chunks:
            _take(answer, ids, chunk)
    except APIError:
        answer.failed = True
    return answer


def _take(answer: Answer, ids: dict[int, str], chunk: ChatCompletionChunk) -> None:
    if (usage := chunk.usage) is not None:
        prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
        answer.usage = Usage(
            usage.prompt_tokens,
            usage.completion_tokens,
            completion.reasoning_tokens if completion else None,
            prompt.cached_tokens if prompt else None,
        )
    for choice in chunk.choices:
        answer.text += (choice.delta.content or "") + (choice.delta.refusal or "")
        for call in choice.delta.tool_calls or ():
            ids.setdefault(call.index, call.id or "")
            name, text = answer.calls.get(ids[call.index], ("", ""))
            if call.function is not None:
                name, text = (
                    name + (call.function.name or ""),
                    text + (call.function.arguments or ""),
                )
            answer.calls[ids[call.index]] = (name, text)
        if choice.finish_reason is not None:
            answer.finish_reason = FINISH_REASONS[choice.finish_reason]


def read_by_us(stream: bytes) -> Answer:
    decoder = ChatDecoder()
    return _answer([*decoder.feed(stream), *decoder.end()])


def _answer(events: Sequence[Event]) -> Answer:
    answer = Answer()
    for event in events:
        match event:
            case TextDelta(text):
                answer.text += text
            case ToolInputStart(call_id, name):
                answer.calls[call_id] = (name, "")
            case ToolInputDelta(call_id, text):
                name, before = answer.calls[call_id]
                answer.calls[call_id] = (name, before + text)
            case StepEnd(finish_reason, usage):
                answer.finish_reason, answer.usage = finish_reason, usage
            case Error():
                answer.failed = True
    return answer


def sse(*chunks: Any, done: bool = True) -> bytes:
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return "".join([*lines, "data: [DONE]\n\n" if done else ""]).encode()


def chunk_of(choices: list[Any], **fields: Any) -> dict[str, Any]:
    """A chunk with all the fields that OpenAI sends, most of which we skip."""
    return {
        "id": "chatcmpl-C9bq7XrT2m",
        "object": "chat.completion.chunk",
        "created": 1764000000,
        "model": "gpt-4o-mini-2024-07-18",
        "service_tier": "default",
        "system_fingerprint": "fp_51db84afab",
        "choices": choices,
        "usage": None,
        "obfuscation": "h7JkL2",
        **fields,
    }


def choice_of(delta: Any, finish_reason: str | None = None) -> list[Any]:
    return [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]


USAGE = {
    "prompt_tokens": 24,
    "completion_tokens": 7,
    "total_tokens": 31,
    "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 0},
}

any_text = st.text(st.characters(exclude_categories=[]))
text_deltas = st.builds(
    lambda key, text: {key: text}, st.sampled_from(["content", "refusal"]), any_text
)
call_deltas = st.builds(
    lambda index, text: {"tool_calls": [{"index": index, "function": {"arguments": text}}]},
    st.integers(0, 2),
    any_text,
)
call_starts = [
    {
        "tool_calls": [
            {
                "index": index,
                "id": f"call_{index}",
                "type": "function",
                "function": {"name": f"tool_{index}", "arguments": ""},
            }
        ]
    }
    for index in range(3)
]


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    deltas: list[Any] = [{"role": "assistant", "content": "", "refusal": None}]
    if draw(st.booleans()):
        deltas += call_starts + draw(st.lists(call_deltas | text_deltas))
        reasons = ["tool_calls", "length"]
    else:
        deltas += draw(st.lists(text_deltas))
        reasons = ["stop", "length", "content_filter"]
    chunks = [chunk_of(choice_of(delta)) for delta in deltas]
    chunks.append(chunk_of(choice_of({}, draw(st.sampled_from(reasons)))))
    if draw(st.booleans()):
        chunks.append(chunk_of([], usage=USAGE))
    stream = sse(*chunks, done=draw(st.booleans()))
    return stream.replace(b"\n", draw(st.sampled_from([b"\n", b"\r\n", b"\r"])))


@pytest.fixture(scope="module")
def client() -> Iterator[OpenAI]:
    with OpenAI(api_key="none", base_url="http://model.invalid") as client:
        yield client


@given(stream=streams())
def test_every_stream_means_the_same_to_both(client: OpenAI, stream: bytes) -> None:
    assert read_by_us(stream) == read_by_openai(client, stream)


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(
            b"event: ping\nid: 1\n: comment\ndata: "
            + json.dumps(chunk_of([])).encode()
            + b"\n\n"
            + sse(chunk_of(choice_of({"content": "a"}, "stop"))),
            id="other fields and comments",
        ),
        pytest.param(
            sse(chunk_of(choice_of({"content": "a"}, "stop"))).replace(b"data: ", b"data:"),
            id="no space",
        ),
        pytest.param(
            sse(chunk_of(choice_of({"content": "a"}, "stop"))).replace(
                b'"choices"', b'\ndata: "choices"'
            ),
            id="several lines of data",
        ),
        pytest.param(
            sse(chunk_of(choice_of({"content": "a"})), {"error": {"message": "oops"}}),
            id="error object",
        ),
        pytest.param(
            sse(chunk_of(choice_of({"content": "é 漢 😀 \u2028"}, "stop"))), id="not only ASCII"
        ),
    ],
)
def test_unusual_streams_mean_the_same_to_both(client: OpenAI, stream: bytes) -> None:
    answer = read_by_us(stream)

    assert answer == read_by_openai(client, stream)
    assert answer.text

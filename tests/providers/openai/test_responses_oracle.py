"""The openai package as oracle: the same bytes give the same answer through its parser and ours."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import APIError, OpenAI, Stream
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseReasoningItem,
    ResponseStreamEvent,
)

from app.events import (
    Error,
    Event,
    FinishReason,
    ReasoningDelta,
    ReasoningRedacted,
    ReasoningSignature,
    Source,
    StepEnd,
    TextDelta,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputError,
    Usage,
)
from app.providers.openai.responses_decoder import ResponsesDecoder
from app.providers.openai.responses_proof import read_proof

FINISH_REASONS: dict[str | None, FinishReason] = {
    "max_output_tokens": "length",
    "content_filter": "content-filter",
}


@dataclass
class Answer:
    """What a reader of the stream learns; ``written`` is the text of a call's deltas."""

    text: str = ""
    reasoning: str = ""
    written: dict[str, str] = field(default_factory=dict)
    calls: dict[str, tuple[str, Any]] = field(default_factory=dict)
    proofs: list[tuple[str, str]] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    finish_reason: FinishReason | None = None
    usage: Usage = field(default_factory=Usage)
    failed: bool = False


def read_by_openai(client: OpenAI, stream: bytes) -> Answer:
    answer = Answer()
    call_ids: dict[str, str] = {}
    response = httpx2.Response(200, content=stream, request=httpx2.Request("POST", "http://m"))
    # What `responses.create` casts to; the annotation of the class wants a class.
    cast_to: Any = ResponseStreamEvent
    try:
        for event in Stream(cast_to=cast_to, response=response, client=client):
            _take(answer, call_ids, event)
    except APIError:
        answer.failed = True
    answer.failed = answer.failed or answer.finish_reason is None
    return answer


def _take(answer: Answer, call_ids: dict[str, str], event: ResponseStreamEvent) -> None:
    match event.type:
        case "response.output_text.delta" | "response.refusal.delta":
            answer.text += event.delta
        case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
            answer.reasoning += event.delta
        case "response.output_item.added":
            if isinstance(event.item, ResponseFunctionToolCall):
                call_ids[event.item.id or ""] = event.item.call_id
        case "response.function_call_arguments.delta":
            call_id = call_ids[event.item_id]
            answer.written[call_id] = answer.written.get(call_id, "") + event.delta
        case "response.output_item.done":
            match event.item:
                case ResponseFunctionToolCall():
                    arguments = _parsed(event.item.arguments)
                    answer.calls[event.item.call_id] = (event.item.name, arguments)
                case ResponseReasoningItem(encrypted_content=str() as encrypted):
                    answer.proofs.append((event.item.id, encrypted))
                case ResponseOutputMessage(content=content):
                    cited = [
                        a
                        for part in content
                        if part.type == "output_text"
                        for a in part.annotations
                    ]
                    answer.pages += [a.url for a in cited if a.type == "url_citation"]
                case _:
                    pass
        case "response.completed" | "response.incomplete":
            details, usage = event.response.incomplete_details, event.response.usage
            reason = "tool-calls" if answer.calls else "stop"
            answer.finish_reason = (
                FINISH_REASONS[details.reason] if details else reason  # type: ignore[assignment]
            )
            if usage is not None:
                answer.usage = Usage(
                    usage.input_tokens,
                    usage.output_tokens,
                    usage.output_tokens_details.reasoning_tokens,
                    usage.input_tokens_details.cached_tokens,
                )


def _parsed(arguments: str) -> Any:
    try:
        return json.loads(arguments) if arguments.strip() else {}
    except ValueError:
        return arguments


def read_by_us(stream: bytes) -> Answer:
    decoder = ResponsesDecoder()
    return _answer([*decoder.feed(stream), *decoder.end()])


def _answer(events: Sequence[Event]) -> Answer:
    answer = Answer()
    for event in events:
        match event:
            case TextDelta(text):
                answer.text += text
            case ReasoningDelta(text):
                answer.reasoning += text
            case ToolInputDelta(call_id, text):
                answer.written[call_id] = answer.written.get(call_id, "") + text
            case ToolInputAvailable(call_id, name, value) | ToolInputError(call_id, name, value):
                answer.calls[call_id] = (name, value)
            case ReasoningSignature(text) | ReasoningRedacted(text):
                proof = read_proof(text)
                assert proof is not None
                answer.proofs.append((proof.id, proof.encrypted_content))
            case Source(_, str() as url):
                answer.pages.append(url)
            case StepEnd(finish_reason, usage):
                answer.finish_reason, answer.usage = finish_reason, usage
            case Error():
                answer.failed = True
    return answer


class Writer:
    """Writes a stream as OpenAI does: every item is added, filled and done."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.output: list[dict[str, Any]] = []
        self.event("response.created", response=self.response("in_progress"))
        self.event("response.in_progress", response=self.response("in_progress"))

    def event(self, kind: str, /, **fields: Any) -> None:
        self.events.append({"type": kind, "sequence_number": len(self.events), **fields})

    def item(self, item: dict[str, Any], deltas: Sequence[tuple[str, str]], **done: Any) -> None:
        place = {"item_id": item["id"], "output_index": len(self.output)}
        index = place["output_index"]
        self.event("response.output_item.added", output_index=index, item=item)
        for kind, text in deltas:
            part = {"summary_index": 0} if "summary" in kind else {"content_index": 0}
            more: dict[str, Any] = {} if "arguments" in kind else part
            if "output_text" in kind:
                more = {**more, "logprobs": [], "obfuscation": "h7JkL2"}
            self.event(f"response.{kind}.delta", **place, **more, delta=text)
        whole = {**item, **done}
        for part in whole.get("content") or ():
            for annotation in part.get("annotations", ()):
                self.event(
                    "response.output_text.annotation.added",
                    **place,
                    content_index=0,
                    annotation_index=0,
                    annotation=annotation,
                )
        self.event("response.output_item.done", output_index=index, item=whole)
        self.output.append(whole)

    def message(self, pieces: Sequence[tuple[str, str]], urls: Sequence[str]) -> None:
        cited = [
            {"type": "url_citation", "url": url, "title": "T", "start_index": 0, "end_index": 1}
            for url in urls
        ]
        text = "".join(piece for _, piece in pieces)
        item = {"id": self.new_id("msg"), "type": "message", "role": "assistant", "content": []}
        part = {"type": "output_text", "text": text, "annotations": cited}
        status = {"status": "in_progress"}
        self.item({**item, **status}, pieces, content=[part], status="completed")

    def call(self, name: str, pieces: Sequence[str]) -> None:
        item = {"id": self.new_id("fc"), "type": "function_call", "name": name, "arguments": ""}
        call_id = {"call_id": self.new_id("call"), "status": "in_progress"}
        deltas = [("function_call_arguments", piece) for piece in pieces]
        self.item({**item, **call_id}, deltas, arguments="".join(pieces), status="completed")

    def reasoning(self, pieces: Sequence[str], encrypted: str | None) -> None:
        item: dict[str, Any] = {"id": self.new_id("rs"), "type": "reasoning", "summary": []}
        summary = [{"type": "summary_text", "text": "".join(pieces)}] if pieces else []
        deltas = [("reasoning_summary_text", piece) for piece in pieces]
        self.item(item, deltas, summary=summary, encrypted_content=encrypted)

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{len(self.output)}"

    def response(self, status: str, **fields: Any) -> dict[str, Any]:
        return {
            "id": "resp_1",
            "object": "response",
            "created_at": 1764000000,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "model": "gpt-5-mini",
            "output": self.output,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": None,
            **fields,
        }

    def bytes(self, *, named: bool = True) -> bytes:
        lines = [
            f"event: {event['type']}\n" * named + f"data: {json.dumps(event)}\n\n"
            for event in self.events
        ]
        return "".join(lines).encode()


USAGE = {
    "input_tokens": 24,
    "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 31,
}

any_text = st.text(st.characters(exclude_categories=[]), min_size=1)
Write: TypeAlias = Callable[[Writer], None]

messages: st.SearchStrategy[Write] = st.builds(
    lambda kind, pieces, urls: lambda writer: writer.message([(kind, p) for p in pieces], urls),
    st.sampled_from(["output_text", "refusal"]),
    st.lists(any_text),
    st.lists(st.sampled_from(["https://a.example", "https://b.example"]), unique=True),
)
calls: st.SearchStrategy[Write] = st.builds(
    lambda name, pieces: lambda writer: writer.call(name, pieces),
    st.sampled_from(["f", "g"]),
    st.lists(any_text) | st.sampled_from([['{"x":', "1}"], ["{}"], ["[1]"]]),
)
thoughts: st.SearchStrategy[Write] = st.builds(
    lambda pieces, encrypted: lambda writer: writer.reasoning(pieces, encrypted),
    st.lists(any_text),
    st.sampled_from([None, "gAAA"]),
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    writer = Writer()
    # One thought and one message: paragraphs and pages of several are not told apart below.
    if draw(st.booleans()):
        draw(thoughts)(writer)
    for write in draw(st.lists(calls)):
        write(writer)
    if draw(st.booleans()):
        draw(messages)(writer)
    match draw(
        st.sampled_from(["completed", "length", "content_filter", "failed", "error", "cut"])
    ):
        case "completed":
            usage = draw(st.sampled_from([USAGE, None]))
            writer.event("response.completed", response=writer.response("completed", usage=usage))
        case "length":
            details = {"reason": "max_output_tokens"}
            writer.event(
                "response.incomplete",
                response=writer.response("incomplete", incomplete_details=details, usage=USAGE),
            )
        case "content_filter":
            details = {"reason": "content_filter"}
            writer.event(
                "response.incomplete",
                response=writer.response("incomplete", incomplete_details=details),
            )
        case "failed":
            error = {"code": "server_error", "message": "Oops."}
            writer.event("response.failed", response=writer.response("failed", error=error))
        case "error":
            writer.event("error", code="server_error", message="Oops.", param=None)
        case _:
            pass
    line_end = draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    return writer.bytes(named=draw(st.booleans())).replace(b"\n", line_end)


@pytest.fixture(scope="module")
def client() -> Iterator[OpenAI]:
    with OpenAI(api_key="none", base_url="http://model.invalid") as client:
        yield client


@settings(deadline=None)
@given(stream=streams())
def test_every_stream_means_the_same_to_both(client: OpenAI, stream: bytes) -> None:
    assert read_by_us(stream) == read_by_openai(client, stream)


def hello(**fields: Any) -> bytes:
    writer = Writer()
    writer.message([("output_text", "é 漢 😀 \u2028")], ["https://a.example"])
    writer.event("response.completed", response=writer.response("completed", **fields))
    return writer.bytes()


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b": comment\n\nid: 1\n" + hello(), id="other fields and comments"),
        pytest.param(hello().replace(b": ", b":"), id="no space"),
        pytest.param(hello().replace(b'"delta":', b'\ndata: "delta":'), id="lines of data"),
        pytest.param(
            hello() + b'event: response.output_text.delta\ndata: {"type":"x"}\n\n', id="more"
        ),
        pytest.param(hello() + b"data: [DONE]\n\n", id="done"),
        pytest.param(hello(usage=USAGE), id="usage"),
        pytest.param(
            hello().partition(b"event: response.output_text.ann")[0]
            + b'data: {"error":{"message":"oops"}}\n\n',
            id="error object",
        ),
    ],
)
def test_unusual_streams_mean_the_same_to_both(client: OpenAI, stream: bytes) -> None:
    answer = read_by_us(stream)

    assert answer == read_by_openai(client, stream)
    assert answer.text

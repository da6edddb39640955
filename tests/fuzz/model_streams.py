"""What a model's server sends: server-sent events, chat completions, responses, error responses."""

import itertools
import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from app.errors import ChatError, ProviderError
from app.events import (
    Error,
    Event,
    Finish,
    ReasoningDelta,
    Start,
    StepEnd,
    StepStart,
    TextDelta,
    ToolInputAvailable,
    ToolInputDelta,
    ToolOutputError,
)
from app.protocols.framing import Framer
from app.protocols.negotiation import Dialect, encoder_for
from app.providers.failures import error_for_status
from app.providers.openai.chat_decoder import ChatDecoder
from app.providers.openai.responses_decoder import ResponsesDecoder
from app.providers.sse import NamedData, NamedSseSplitter, SseSplitter
from tests.fuzz.made_json import Make, dumps, list_of, one_of, record, text, value, variant
from tests.fuzz.target import Choices, Target, cuts

_DIALECTS = (Dialect("ui"), Dialect("data", "4"), Dialect("data", "3.4"), Dialect("ndjson"))
_ERROR = ProviderError("the connection broke")


class _Decoder(Protocol):
    done: bool
    failure: ProviderError | None

    def feed(self, data: bytes) -> list[Event]: ...
    def end(self) -> list[Event]: ...
    def break_off(self, error: ProviderError) -> list[Event]: ...


def check_sse(stream: bytes) -> None:
    """Any split gives the same events, both splitters agree, and what they give re-parses."""
    datas, named = _split(SseSplitter(), [stream]), _split(NamedSseSplitter(), [stream])
    for reads in cuts(stream):
        assert _split(SseSplitter(), reads) == datas
        assert _split(NamedSseSplitter(), reads) == named
    assert [data for _, data in datas] == [data for _, data in named]
    assert [name for name, _ in datas] == [name.decode("utf-8", "replace") for name, _ in named]
    assert sum(len(data) for _, data in named) <= len(stream)
    again = b"".join(
        b"event: %b\n%b\n" % (name, b"".join(b"data: %b\n" % line for line in data.split(b"\n")))
        for name, data in named
    )
    assert _split(NamedSseSplitter(), [again]) == named


def _split(splitter: SseSplitter | NamedSseSplitter, reads: Sequence[bytes]) -> list[Any]:
    events = [event for read in reads for event in splitter.feed(read)] + splitter.end()
    if isinstance(splitter, NamedSseSplitter):
        return events
    return [(event.name if isinstance(event, NamedData) else "", event) for event in events]


def check_chat_stream(stream: bytes) -> None:
    """See `_check_decoder`."""
    _check_decoder(lambda: ChatDecoder(taken_ids={"call_1"}, new_id=_counter()), stream)


def check_responses_stream(stream: bytes) -> None:
    """See `_check_decoder`."""
    _check_decoder(lambda: ResponsesDecoder(taken_ids={"call_1"}, new_id=_counter()), stream)


def _counter() -> Callable[[str], str]:
    numbers = itertools.count()
    return lambda prefix: f"{prefix}_new{next(numbers)}"


def _check_decoder(make: Callable[[], _Decoder], stream: bytes) -> None:
    """Any split gives the same answer, which ends, fits the grammar and can be encoded.

    So does a stream that breaks off anywhere. Nothing is raised.
    """
    events = _decode(make(), [stream])
    for reads in cuts(stream):
        assert _joined(_decode(make(), reads)) == _joined(events)
    _check_turn(events, _DIALECTS[len(stream) % len(_DIALECTS)])
    _check_turn(_decode(make(), reads[:-1], broken=True), Dialect("ui"))


def _decode(decoder: _Decoder, reads: Sequence[bytes], *, broken: bool = False) -> list[Event]:
    events = [event for read in reads for event in decoder.feed(read)]
    events += decoder.break_off(_ERROR) if broken else decoder.end()
    assert decoder.done
    assert isinstance(events[-1], StepEnd | Error)
    assert not any(isinstance(event, StepEnd | Error) for event in events[:-1])
    assert (decoder.failure is not None) == isinstance(events[-1], Error)
    assert decoder.feed(b"data: {}\n\n") == decoder.end() == decoder.break_off(_ERROR) == []
    return events


def _joined(events: Sequence[Event]) -> list[object]:
    """Return events with neighbouring deltas of one kind joined: a read's boundaries are seen."""
    joined: list[Any] = []
    for event in events:
        last = joined[-1] if joined else None
        match event:
            case TextDelta(piece) | ReasoningDelta(piece):
                kind: object = type(event)
            case ToolInputDelta(call_id, piece):
                kind = call_id
            case _:
                joined.append(event)
                continue
        assert piece
        if isinstance(last, tuple) and last[0] == kind:
            joined[-1] = (kind, last[1] + piece)
        else:
            joined.append((kind, piece))
    return joined


def _check_turn(events: Sequence[Event], dialect: Dialect) -> None:
    """The events make a turn, whose frames a client can take apart."""
    owed = {
        event.tool_call_id
        for event in events
        if isinstance(event, ToolInputAvailable) and event.executor == "server"
    }
    assert all(
        isinstance(event.input, dict)
        for event in events
        if isinstance(event, ToolInputAvailable) and event.executor == "server"
    )
    turn: list[Event] = [Start("m"), StepStart(), *events[:-1]]
    if isinstance(events[-1], StepEnd):
        failed = [ToolOutputError(call_id, "It failed.") for call_id in sorted(owed)]
        turn += [*failed, events[-1], Finish(events[-1].finish_reason, events[-1].usage)]
    else:
        turn.append(events[-1])
    wire = Framer(encoder_for(dialect, now=lambda: 0.0)).frame(turn)
    for line in wire.decode().split("\n"):
        payload = line if dialect.protocol == "ndjson" else line.partition(":")[2]
        if payload.strip() not in ("", "[DONE]"):
            json.loads(payload)


_text: Make = text
_index = one_of(0, 1, None, 2)
_call_delta = record(
    index=_index,
    id=one_of("call_1", "call_2", "", None),
    function=record(name=one_of("get_weather", "", None, "ask"), arguments=_text),
)
_annotation = record(url_citation=record(url=_text, title=_text))
_chat_delta = record(
    role=one_of("assistant"),
    content=one_of("Hi", "", None, "é", [{"type": "text", "text": "part"}], "\ud800"),
    reasoning_content=one_of(None, "thought"),
    reasoning=one_of(None, "thought"),
    refusal=one_of(None, "no"),
    tool_calls=list_of(_call_delta, 3),
    function_call=one_of(None, {"name": "old", "arguments": "{}"}),
    annotations=one_of(None, [{"url_citation": {"url": "https://a.example", "title": "A"}}]),
)
_chat_chunk = record(
    choices=list_of(
        record(
            index=one_of(0, 0, None, 1),
            delta=_chat_delta,
            finish_reason=one_of(None, None, "stop", "tool_calls", "length", "odd"),
        ),
        2,
    ),
    usage=one_of(None, {"prompt_tokens": 3, "completion_tokens": 1.0}, {"prompt_tokens": "7"}),
    error=one_of(None, None, None, {"message": "no", "code": 429, "type": "t"}, "broken"),
)

_item = variant(
    "type",
    {
        "function_call": record(
            id=one_of("fc_1", "fc_2", None),
            call_id=one_of("call_1", "call_2", None, ""),
            name=one_of("get_weather", None, ""),
            arguments=_text,
            status=one_of("completed", "incomplete", None),
        ),
        "message": record(
            id=one_of("msg_1"),
            content=list_of(record(annotations=list_of(record(url=_text, file_id=_text)))),
        ),
        "reasoning": record(id=one_of("rs_1"), encrypted_content=one_of("gAAA", None, "")),
        "web_search_call": record(
            id=one_of("ws_1"), action=record(type=one_of("search"), query=_text, sources=value)
        ),
        "code_interpreter_call": record(
            id=one_of("ci_1"),
            code=_text,
            outputs=list_of(record(type=one_of("logs", "image"), logs=_text, url=_text)),
        ),
        "image_generation_call": record(
            id=one_of("ig_1"), output_format=one_of("png", None), result=one_of("aGk=", "?", None)
        ),
        "file_search_call": record(
            id=one_of("fs_1"), queries=list_of(value), results=list_of(value)
        ),
        "mcp_call": record(id=one_of("m_1"), name=_text, arguments=_text, output=_text),
        "odd": value,
    },
)
_delta = record(
    output_index=_index,
    content_index=_index,
    summary_index=_index,
    item_id=one_of("fc_1", "fc_2", None),
    delta=_text,
)
_response = record(
    response=record(
        error=one_of(None, {"message": "no", "code": "server_error"}, "text"),
        incomplete_details=record(reason=one_of("max_output_tokens", "content_filter", None)),
        usage=record(input_tokens=one_of(3, "3", None), output_tokens=one_of(1, 1.0)),
    )
)
_added = record(output_index=_index, item=_item)
_response_event = variant(
    "type",
    {
        "response.output_text.delta": _delta,
        "response.output_item.added": _added,
        "response.output_item.done": _added,
        "response.function_call_arguments.delta": _delta,
        "response.code_interpreter_call_code.delta": _delta,
        "response.reasoning_summary_text.delta": _delta,
        "response.refusal.delta": _delta,
        "response.output_text.annotation.added": record(annotation=record(url=_text, title=_text)),
        "response.completed": _response,
        "response.incomplete": _response,
        "response.failed": _response,
        "error": record(error=value, message=_text),
        "odd": value,
    },
)


def make_chat_stream(choices: Choices) -> bytes:
    """Make a stream of chunks as servers send them, and as none should."""
    stream = b""
    while not choices.is_empty:
        name = (b"", b"", b"", b"event: error\n")[choices.number(4)] if choices.chance(8) else b""
        stream += name + b"data: " + dumps(_chat_chunk(choices)) + b"\n\n"
    return stream + b"data: [DONE]\n\n"


def make_responses_stream(choices: Choices) -> bytes:
    """Make a stream of events as servers send them, and as none should."""
    stream = b""
    while not choices.is_empty:
        event = _response_event(choices)
        name = event.get("type") if isinstance(event, dict) else None
        if isinstance(name, str) and "\n" not in name and not choices.chance(6):
            stream += b"event: " + name.encode("utf-8", "replace") + b"\n"
        stream += b"data: " + dumps(event) + b"\n\n"
    return stream


def check_chat_chunks(data: bytes) -> None:
    """Make a stream, then `check_chat_stream`."""
    check_chat_stream(make_chat_stream(Choices(data)))


def check_responses_events(data: bytes) -> None:
    """Make a stream, then `check_responses_stream`."""
    check_responses_stream(make_responses_stream(Choices(data)))


_STATUSES = (400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504, 301, 600)


def check_model_error(data: bytes) -> None:
    """An error response, its status in the first byte: one of our errors, with sane headers."""
    choices = Choices(data)
    status = _STATUSES[choices.number(len(_STATUSES))]
    retry_after, _, body = choices.rest().partition(b"\n")
    error = error_for_status(status, {"retry-after": retry_after.decode("latin-1")}, body)
    assert 400 <= error.status <= 599
    assert len(str(error)) < 2000
    check_message(error)


def check_message(error: ChatError) -> None:
    """What a client is told is one sentence that can be sent."""
    error.public_message.encode()
    assert 0 < len(error.public_message) < 1000
    assert "\n" not in error.public_message


_SSE_WORDS = (
    b"data: ",
    b"data:",
    b"event: ",
    b"\n\n",
    b"\r\n",
    b"\r",
    b"\xef\xbb\xbf",
    b": ",
    b"id: 1",
)
_CHAT_WORDS = (
    b'data: {"choices":[{"delta":{',
    b'"content":"',
    b'"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"',
    b'"finish_reason":"stop"',
    b'"usage":{"prompt_tokens":1}',
    b'"error":',
    b"data: [DONE]\n\n",
    b"}}]}\n\n",
    b"event: error\n",
    b"\\ud800",
)
_RESPONSES_WORDS = (
    b"event: response.output_text.delta\ndata: ",
    b"event: response.output_item.added\ndata: ",
    b"event: response.output_item.done\ndata: ",
    b"event: response.function_call_arguments.delta\ndata: ",
    b"event: response.completed\ndata: {}\n\n",
    b'{"output_index":0,"item":{"type":"function_call","call_id":"a","name":"f","arguments":"{}"}}',
    b'{"output_index":0,"delta":"a"}\n\n',
    b'"item_id":"',
    b'{"error":',
)

TARGETS = (
    Target("sse", "server-sent events", check_sse, _SSE_WORDS),
    Target("chat-stream", "the bytes of a chat completion", check_chat_stream, _CHAT_WORDS),
    Target("chat-chunks", "made chunks of a chat completion", check_chat_chunks, is_made=True),
    Target("responses-stream", "the bytes of a response", check_responses_stream, _RESPONSES_WORDS),
    Target("responses-events", "made events of a response", check_responses_events, is_made=True),
    Target("model-error", "an error response of a model's server", check_model_error),
)

"""The stream of a response, as OpenAI and as other servers send it."""

import json
import re
from collections.abc import Sequence
from functools import reduce
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ContextTooLong, ProviderError, ProviderRateLimited, ProviderTimeout
from app.events import (
    Error,
    Event,
    FinishReason,
    ReasoningDelta,
    Source,
    Start,
    StepEnd,
    StepStart,
    TextDelta,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputError,
    ToolInputStart,
    ToolOutputError,
    Usage,
)
from app.grammar import Order, State
from app.providers.openai.arguments import NOT_FINISHED
from app.providers.openai.responses_decoder import ResponsesDecoder

FAILED = Error("provider_error", ProviderError.public_message)


def event(name: str, /, **fields: Any) -> bytes:
    """One event, with a name; ``type`` is in the data too."""
    data = json.dumps({"type": name, "sequence_number": 0, **fields}, separators=(",", ":"))
    return f"event: {name}\ndata: {data}\n\n".encode()


def delta(kind: str, text: str, **fields: Any) -> bytes:
    return event(f"response.{kind}.delta", output_index=0, delta=text, **fields)


def text(text: str) -> bytes:
    return delta("output_text", text, content_index=0, logprobs=[])


def added(index: int, kind: str, **fields: Any) -> bytes:
    return event("response.output_item.added", output_index=index, item={"type": kind, **fields})


def done(index: int, kind: str, **fields: Any) -> bytes:
    return event("response.output_item.done", output_index=index, item={"type": kind, **fields})


def ended(how: str = "completed", **fields: Any) -> bytes:
    return event(f"response.{how}", response={"id": "resp_1", "status": how, **fields})


COMPLETED = ended()


def decode(*reads: bytes) -> list[Event]:
    decoder = ResponsesDecoder(new_id=lambda prefix: f"{prefix}_new")
    events = [event for read in reads for event in decoder.feed(read)]
    return events + decoder.end()


def test_the_text_of_one_read_is_one_delta() -> None:
    decoder = ResponsesDecoder()

    first = decoder.feed(event("response.created", response={}) + text("a"))
    second = decoder.feed(text("b") + text("") + text("c"))
    third = decoder.feed(COMPLETED)

    assert first == [TextDelta("a")]
    assert second == [TextDelta("bc")]
    assert third == [StepEnd("stop")]
    assert decoder.done
    assert decoder.failure is None


def test_what_is_not_needed_is_not_decoded() -> None:
    stream = b"".join(
        b"event: %b\ndata: {no JSON\n\n" % name
        for name in (
            b"response.created",
            b"response.in_progress",
            b"response.content_part.added",
            b"response.output_text.done",
            b"response.image_generation_call.partial_image",
            b"response.of_tomorrow",
            b"keepalive",
        )
    )

    assert decode(stream + COMPLETED) == [StepEnd("stop")]


def test_a_read_without_news_gives_no_event() -> None:
    decoder = ResponsesDecoder()

    assert decoder.feed(b": ping\n\n") == []
    assert decoder.feed(b"data: \n\n") == []
    assert decoder.feed(b"data: {}\n\n" + delta("refusal", "")) == []
    assert decoder.feed(b'data: {"type":"message"}\n\n') == []
    assert decoder.feed(event("response.output_text.annotation.added", annotation=None)) == []
    assert decoder.feed(added(0, "item_of_tomorrow") + done(0, "item_of_tomorrow")) == []


def test_refusals_are_text_and_thoughts_are_reasoning() -> None:
    events = decode(
        delta("reasoning_summary_text", "a", summary_index=0)
        + delta("reasoning_summary_text", "b", summary_index=0)
        + delta("reasoning_text", "c", summary_index=0)
        + text("d")
        + delta("refusal", "e")
        + COMPLETED
    )

    assert events == [ReasoningDelta("abc"), TextDelta("de"), StepEnd("stop")]


@pytest.mark.parametrize("name", [b"", b"event: message\n"])
def test_names_may_be_missing(name: bytes) -> None:
    stream = text("a") + delta("reasoning_text", "b") + text("c") + COMPLETED
    unnamed = re.sub(rb"event: .*\n", name, stream)

    assert decode(unnamed) == decode(stream)
    assert decode(unnamed)[0] == TextDelta("a")


def test_a_call_is_whole_when_its_item_is_done() -> None:
    decoder = ResponsesDecoder()
    call = {"id": "fc_1", "call_id": "a", "name": "f"}

    begun = decoder.feed(added(0, "function_call", **call, arguments=""))
    filled = decoder.feed(
        delta("function_call_arguments", '{"x"') + delta("function_call_arguments", ":1}")
    )
    whole = decoder.feed(done(0, "function_call", **call, arguments='{"x":1}', status="completed"))
    end = decoder.feed(COMPLETED)

    assert begun == [ToolInputStart("a", "f")]
    assert filled == [ToolInputDelta("a", '{"x":1}')]
    assert whole == [ToolInputAvailable("a", "f", {"x": 1})]
    assert end == [StepEnd("tool-calls")]


def test_a_call_whose_id_is_in_the_history_gets_another() -> None:
    decoder = ResponsesDecoder(taken_ids=["a"], new_id=lambda prefix: f"{prefix}_new")

    begun = decoder.feed(added(0, "function_call", call_id="a", name="f"))

    assert begun == [ToolInputStart("call_new", "f")]


def test_a_call_without_an_id_gets_one_like_openais() -> None:
    begun = added(0, "function_call", name="f")

    first, second = ResponsesDecoder().feed(begun), ResponsesDecoder().feed(begun)

    assert isinstance(first[0], ToolInputStart)
    assert first[0].tool_call_id.startswith("call_")
    assert first != second


def test_code_reaches_the_client_as_the_json_of_the_input() -> None:
    events = decode(
        added(0, "code_interpreter_call", id="ci_1")
        + delta("code_interpreter_call_code", 'print("')
        + delta("code_interpreter_call_code", '\n")')
        + done(0, "code_interpreter_call", id="ci_1", code='print("\n")')
        + COMPLETED
    )

    assert events[:3] == [
        ToolInputStart("ci_1", "code_interpreter", "provider"),
        ToolInputDelta("ci_1", '{"code":"print(\\"\\n\\")"}'),
        ToolInputAvailable("ci_1", "code_interpreter", {"code": 'print("\n")'}, "provider"),
    ]
    assert events[-1] == StepEnd("stop")


def test_citations_are_sources_once_each() -> None:
    cited = {"type": "url_citation", "url": "https://e.com", "title": "E"}
    annotation = event("response.output_text.annotation.added", annotation=cited)
    message = done(0, "message", content=[{"type": "output_text", "annotations": [cited]}])

    events = decode(text("a") + annotation + annotation + message + COMPLETED)

    source = Source("source_new", url="https://e.com", title="E")
    assert events == [TextDelta("a"), source, StepEnd("stop")]


FULL_USAGE = {
    "input_tokens": 5,
    "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0},
    "output_tokens": 4,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 9,
}


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        (FULL_USAGE, Usage(5, 4, 2, 3)),
        ({"input_tokens": 5, "output_tokens": 4.0}, Usage(5, 4)),
        ({"input_tokens_details": None, "output_tokens_details": None}, Usage()),
        (None, Usage()),
    ],
)
def test_usage_comes_with_the_end(told: Any, usage: Usage) -> None:
    assert decode(ended(usage=told)) == [StepEnd("stop", usage)]


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({"reason": "max_output_tokens"}, "length"),
        ({"reason": "content_filter"}, "content-filter"),
        ({"reason": "steered"}, "other"),
        ({"reason": None}, "other"),
        (None, "other"),
    ],
)
def test_an_incomplete_response_says_why(details: Any, reason: FinishReason) -> None:
    stream = text("a") + ended("incomplete", incomplete_details=details, usage=FULL_USAGE)

    assert decode(stream) == [TextDelta("a"), StepEnd(reason, Usage(5, 4, 2, 3))]


@pytest.mark.parametrize(
    ("used", "limit", "reason"),
    [
        (16, 16, "length"),
        (17, 16, "length"),
        (15, 16, "stop"),
        (16, None, "stop"),
        (None, 16, "stop"),
    ],
)
def test_a_completed_response_with_all_tokens_used_is_cut(
    used: int | None, limit: int | None, reason: FinishReason
) -> None:
    """As llama.cpp ends it."""
    decoder = ResponsesDecoder(max_output_tokens=limit)
    usage = None if used is None else {"input_tokens": 1, "output_tokens": used}

    events = decoder.feed(ended(usage=usage))

    assert isinstance(events[0], StepEnd)
    assert events[0].finish_reason == reason


def test_a_call_that_may_have_been_cut_before_its_arguments_is_not_run() -> None:
    call = added(0, "function_call", id="fc_1", call_id="a", name="f")
    call += done(0, "function_call", id="fc_1", call_id="a", name="f", arguments="")
    not_finished = ToolInputError("a", "f", {}, NOT_FINISHED)

    for end in (ended("incomplete"), ended(usage={"output_tokens": 16}), ended("failed"), b""):
        decoder = ResponsesDecoder(max_output_tokens=16)
        events = [*decoder.feed(call + end), *decoder.end()]
        assert events[1:-1] == [not_finished]
    assert decode(call, COMPLETED)[1:-1] == [ToolInputAvailable("a", "f", {})]


def test_an_end_without_a_response_is_an_end() -> None:
    assert decode(event("response.completed")) == [StepEnd("stop")]


def test_a_call_that_was_cut_off_is_an_error() -> None:
    begun = added(0, "function_call", call_id="a", name="f") + delta(
        "function_call_arguments", '{"x"'
    )

    events = decode(begun + ended("incomplete", incomplete_details={"reason": "max_output_tokens"}))

    assert [type(event) for event in events[2:]] == [ToolInputError, StepEnd]
    assert events[-1] == StepEnd("length")


@pytest.mark.parametrize("ending", [COMPLETED.rstrip(), COMPLETED.replace(b"\n", b"\r\n")])
def test_the_end_may_lack_its_line_ends_or_have_others(ending: bytes) -> None:
    assert decode(text("a"), ending) == [TextDelta("a"), StepEnd("stop")]


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b'{"id":"resp_1","object":"response","output":[]}',
        text("a"),
        text("a") + b"data: [DONE]\n\n",
        text("a") + COMPLETED[:-20],
    ],
)
def test_a_stream_that_ends_in_the_middle_is_an_error(stream: bytes) -> None:
    assert decode(stream)[-1] == FAILED


def test_a_break_is_an_error_only_before_the_end() -> None:
    cut, over = ResponsesDecoder(), ResponsesDecoder()
    cut.feed(text("a"))
    over.feed(COMPLETED)
    error = ProviderTimeout("silence")

    assert cut.break_off(error) == [Error("provider_timeout", ProviderTimeout.public_message)]
    assert cut.failure is error
    assert over.break_off(error) == []


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (event("error", code="server_error", message="secret", param=None), ProviderError),
        (event("error", error={"message": "secret"}), ProviderError),
        (event("error", code="rate_limit_exceeded", message="secret"), ProviderRateLimited),
        (b"event: error\ndata: secret\n\n", ProviderError),
        (b'event: error\ndata: "secret"\n\n', ProviderError),
        (b'data: {"error":{"message":"secret"}}\n\n', ProviderError),
        (b'data: {"type":"error","message":"secret"}\n\n', ProviderError),
        (ended("failed", error={"code": "server_error", "message": "secret"}), ProviderError),
        (
            ended("failed", error={"code": "context_length_exceeded", "message": "secret"}),
            ContextTooLong,
        ),
        (b"event: response.output_text.delta\ndata: secret\n\n", ProviderError),
        (b"event: response.completed\ndata: secret\n\n", ProviderError),
        (b"data: secret\n\n", ProviderError),
        (delta("refusal", "x").replace(b'"x"', b"[secret]"), ProviderError),
        (done(0, "function_call", call_id="secret", arguments="{}"), ProviderError),
        (
            added(0, "function_call", call_id="a") + ended(instructions="secret"),
            ProviderError,
        ),
    ],
)
def test_an_error_in_the_stream_ends_it(stream: bytes, error: type[ProviderError]) -> None:
    decoder = ResponsesDecoder()

    events = decoder.feed(text("a") + stream + text("b") + COMPLETED)

    assert events == [TextDelta("a"), Error(error.code, error.public_message)]
    assert type(decoder.failure) is error
    assert "secret" in str(decoder.failure)
    assert "secret" not in repr(events)


def test_a_failure_without_a_word_is_one() -> None:
    assert decode(ended("failed", error=None)) == [FAILED]


def test_nothing_comes_after_the_end() -> None:
    decoder = ResponsesDecoder()

    assert decoder.feed(COMPLETED + text("a")) == [StepEnd("stop")]
    assert decoder.feed(text("a")) == []
    assert decoder.end() == []


def merged(events: Sequence[Event]) -> list[Event]:
    """Join neighbouring deltas, whatever reads they came in."""
    return reduce(_merge, events, [])


def _merge(done: list[Event], event: Event) -> list[Event]:
    match (done[-1] if done else None), event:
        case TextDelta(a), TextDelta(b):
            return [*done[:-1], TextDelta(a + b)]
        case ReasoningDelta(a), ReasoningDelta(b):
            return [*done[:-1], ReasoningDelta(a + b)]
        case ToolInputDelta(i, a), ToolInputDelta(j, b) if i == j:
            return [*done[:-1], ToolInputDelta(i, a + b)]
    return [*done, event]


# The alphabet includes lone surrogates on purpose.
any_text = st.text(st.characters(exclude_categories=[]), min_size=1)
indexes = st.integers(0, 2)
item_fields = st.fixed_dictionaries(
    {"id": st.sampled_from(["i", "j", ""])},
    optional={
        "call_id": st.sampled_from(["i", "c"]),
        "name": st.sampled_from(["f", "g"]),
        "arguments": st.sampled_from(["{}", "[1]", '{"x":', ""]),
        "status": st.sampled_from(["completed", "incomplete", "failed", None]),
        "encrypted_content": st.just("gAAA"),
        "code": any_text,
    },
)
item_types = st.sampled_from(
    [
        *("message", "reasoning", "function_call", "web_search_call", "file_search_call"),
        *("code_interpreter_call", "image_generation_call", "mcp_call", "item_of_tomorrow"),
    ]
)
delta_kinds = st.sampled_from(
    [
        *("output_text", "refusal", "reasoning_text", "reasoning_summary_text"),
        *("function_call_arguments", "code_interpreter_call_code"),
    ]
)
chunks = st.one_of(
    st.builds(text, any_text),
    st.builds(
        lambda kind, index, piece: event(
            f"response.{kind}.delta", output_index=index, summary_index=index, delta=piece
        ),
        delta_kinds,
        indexes,
        any_text,
    ),
    st.builds(lambda i, kind, fields: added(i, kind, **fields), indexes, item_types, item_fields),
    st.builds(lambda i, kind, fields: done(i, kind, **fields), indexes, item_types, item_fields),
)
endings = st.sampled_from([b"", COMPLETED, ended("incomplete"), ended("failed"), event("error")])
line_ends = st.sampled_from([b"\n", b"\n", b"\r\n", b"\r"])


@given(st.lists(chunks), endings, line_ends, st.lists(st.integers(0, 4000)))
def test_any_cut_of_a_stream_gives_the_same_events(
    answer: list[bytes], ending: bytes, line_end: bytes, cuts: list[int]
) -> None:
    stream = (b"".join(answer) + ending).replace(b"\n", line_end)
    bounds = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]

    events = decode_counting(*(stream[a:b] for a, b in pairwise(bounds)))

    assert merged(events) == merged(decode_counting(stream))


def decode_counting(*reads: bytes) -> list[Event]:
    """Decode with ids of our own that differ from each other, and not from run to run."""
    made: list[str] = []

    def count(prefix: str) -> str:
        made.append(prefix)
        return f"{prefix}_{len(made)}"

    decoder = ResponsesDecoder(taken_ids=["i"], new_id=count)
    events = [event for read in reads for event in decoder.feed(read)]
    return events + decoder.end()


@given(st.lists(chunks), endings)
def test_any_stream_keeps_to_the_grammar(answer: list[bytes], ending: bytes) -> None:
    order = Order()
    order.check(Start("msg-1"))
    order.check(StepStart())

    ours: set[str] = set()
    for event in decode_counting(b"".join(answer) + ending):
        if isinstance(event, ToolInputAvailable) and event.executor == "server":
            ours.add(event.tool_call_id)
        if isinstance(event, Error):
            for closing in tuple(order.closing("failed")):
                order.check(closing)
        if isinstance(event, StepEnd):
            assert set(order.owed()) == ours  # for the turn to answer
            for call_id in order.owed():
                order.check(ToolOutputError(call_id, "not run"))
        order.check(event)

    assert order.state in (State.BETWEEN_STEPS, State.DONE)


@given(st.lists(any_text))
def test_any_text_survives(texts: list[str]) -> None:
    events = decode(b"".join(text(piece) for piece in texts) + COMPLETED)

    assert events == [*([TextDelta("".join(texts))] if texts else []), StepEnd("stop")]

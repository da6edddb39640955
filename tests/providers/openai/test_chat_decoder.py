"""The stream of a chat completion, as OpenAI and as other servers send it."""

import json
from collections.abc import Sequence
from functools import reduce
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ContextTooLong, ProviderError, ProviderTimeout
from app.events import (
    Error,
    Event,
    FinishReason,
    ReasoningDelta,
    Source,
    StepEnd,
    TextDelta,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputError,
    ToolInputStart,
    Usage,
)
from app.providers.openai.arguments import NOT_FINISHED
from app.providers.openai.call_sizes import MAX_CALLS
from app.providers.openai.chat_decoder import ChatDecoder
from app.providers.sse import MAX_EVENT_BYTES

DONE = b"data: [DONE]\n\n"
FAILED = Error("provider_error", ProviderError.public_message)


def chunk(delta: Any = None, **fields: Any) -> bytes:
    """One event: ``fields`` of the choice, or of the chunk for ``usage`` and ``error``."""
    top = {name: fields.pop(name) for name in ("usage", "error", "choices") if name in fields}
    value = {"choices": [{"index": 0, "delta": delta or {}, **fields}], **top}
    return b"data: " + json.dumps(value).encode() + b"\n\n"


STOP = chunk(finish_reason="stop")


def decode(*reads: bytes) -> list[Event]:
    decoder = ChatDecoder(new_id=lambda _: "new")
    events = [event for read in reads for event in decoder.feed(read)]
    return events + decoder.end()


def test_the_text_of_one_read_is_one_delta() -> None:
    decoder = ChatDecoder()

    first = decoder.feed(chunk({"role": "assistant", "content": ""}) + chunk({"content": "a"}))
    second = decoder.feed(chunk({"content": "b"}) + chunk({"content": "c"}) + STOP)
    third = decoder.feed(DONE)

    assert first == [TextDelta("a")]
    assert second == [TextDelta("bc")]
    assert third == [StepEnd("stop")]
    assert decoder.done
    assert decoder.failure is None


def test_a_read_without_news_gives_no_event() -> None:
    decoder = ChatDecoder()

    assert decoder.feed(b": PROCESSING\n\n") == []
    assert decoder.feed(b"data: \n\n" + chunk({"role": "assistant"})) == []
    assert decoder.feed(chunk(choices=None) + chunk(choices=[{"index": 0}])) == []


def test_refusals_are_text_and_thoughts_are_reasoning() -> None:
    events = decode(
        chunk({"reasoning_content": "a", "reasoning": "a"})
        + chunk({"reasoning": "b"})
        + chunk({"reasoning": "c", "content": "d"})
        + chunk({"content": "e", "refusal": "f"})
        + chunk({"refusal": "g"})
        + STOP
        + DONE
    )

    assert events == [ReasoningDelta("abc"), TextDelta("defg"), StepEnd("stop")]


def test_only_the_first_choice_counts() -> None:
    other = b'data: {"choices":[{"index":1,"delta":{"content":"no"},"finish_reason":"length"}]}\n\n'

    assert decode(other + chunk({"content": "yes"}) + STOP + DONE) == [
        TextDelta("yes"),
        StepEnd("stop"),
    ]


def test_tool_calls_become_whole_at_the_end() -> None:
    def call(**fields: Any) -> bytes:
        return chunk({"tool_calls": [fields]})

    events = decode(
        call(index=0, id="a", type="function", function={"name": "f", "arguments": ""}),
        call(index=0, function={"arguments": '{"x"'})
        + call(index=0, function={"arguments": ":1}"}),
        chunk(finish_reason="tool_calls") + DONE,
    )

    assert events == [
        ToolInputStart("a", "f"),
        ToolInputDelta("a", '{"x":1}'),
        ToolInputAvailable("a", "f", {"x": 1}),
        StepEnd("tool-calls"),
    ]


def test_the_older_function_call_is_a_tool_call() -> None:
    events = decode(
        chunk({"function_call": {"name": "f", "arguments": "{"}})
        + chunk({"function_call": {"arguments": "}"}})
        + chunk(finish_reason="function_call")
        + DONE
    )

    assert events == [
        ToolInputStart("new", "f"),
        ToolInputDelta("new", "{}"),
        ToolInputAvailable("new", "f", {}),
        StepEnd("tool-calls"),
    ]


def test_a_tool_call_without_function_is_no_obstacle() -> None:
    first = chunk({"tool_calls": [{"index": 0, "id": "a"}]})
    second = chunk({"tool_calls": [{"index": 0, "function": {"name": "f"}}]})

    assert decode(first + second + DONE)[-1] == StepEnd("tool-calls")


def test_a_tool_call_whose_id_is_in_the_history_gets_another() -> None:
    decoder = ChatDecoder(taken_ids=["a"], new_id=lambda _: "new")
    calls = chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f"}}]})

    assert decoder.feed(calls) == [ToolInputStart("new", "f")]


def test_a_call_without_an_id_gets_one_like_openais() -> None:
    calls = chunk({"tool_calls": [{"index": 0, "function": {"name": "f"}}]})

    first, second = ChatDecoder().feed(calls), ChatDecoder().feed(calls)

    assert isinstance(first[0], ToolInputStart)
    assert first[0].tool_call_id.startswith("call_")
    assert first != second


FULL_USAGE = {
    "prompt_tokens": 5,
    "completion_tokens": 4,
    "total_tokens": 9,
    "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


@pytest.mark.parametrize(
    ("stream", "usage"),
    [
        pytest.param(STOP + chunk(choices=[], usage=FULL_USAGE), Usage(5, 4, 2, 3), id="own chunk"),
        pytest.param(chunk(finish_reason="stop", usage={"prompt_tokens": 5}), Usage(5), id="last"),
        pytest.param(STOP + chunk(usage=None), Usage(), id="null"),
        pytest.param(
            chunk(usage={"prompt_tokens": 1}) + chunk(finish_reason="stop", usage=FULL_USAGE),
            Usage(5, 4, 2, 3),
            id="with each chunk",
        ),
        pytest.param(
            STOP + chunk(choices=[], usage={"prompt_tokens_details": None}),
            Usage(),
            id="no details",
        ),
    ],
)
def test_usage_comes_where_a_server_likes(stream: bytes, usage: Usage) -> None:
    assert decode(stream + DONE) == [StepEnd("stop", usage)]


CALL = chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f"}}]})


@pytest.mark.parametrize(
    ("told", "reason", "reason_with_calls"),
    [
        ("stop", "stop", "tool-calls"),
        ("length", "length", "length"),
        ("tool_calls", "tool-calls", "tool-calls"),
        ("function_call", "tool-calls", "tool-calls"),
        ("content_filter", "content-filter", "content-filter"),
        ("error", "error", "error"),
        ("eos", "other", "other"),
        ("", "other", "tool-calls"),
        (None, "other", "tool-calls"),
    ],
)
def test_finish_reasons_are_ours(
    told: str | None, reason: FinishReason, reason_with_calls: FinishReason
) -> None:
    assert decode(chunk(finish_reason=told) + DONE)[-1] == StepEnd(reason)
    assert decode(CALL + chunk(finish_reason=told) + DONE)[-1] == StepEnd(reason_with_calls)


@pytest.mark.parametrize("stream", [STOP, STOP.rstrip(), STOP.replace(b"\n", b"\r\n")])
def test_a_stream_may_end_without_done(stream: bytes) -> None:
    assert decode(chunk({"content": "a"}) + stream) == [TextDelta("a"), StepEnd("stop")]


def test_whole_calls_may_end_without_a_finish_reason() -> None:
    function = {"name": "f", "arguments": "{}"}
    whole = chunk({"tool_calls": [{"index": 0, "id": "a", "function": function}]})

    assert decode(whole)[-1] == StepEnd("tool-calls")


def test_a_call_without_arguments_may_be_the_beginning_of_one() -> None:
    assert decode(CALL) == [ToolInputStart("a", "f"), FAILED]
    for reason in ("length", "content_filter", "error"):
        events = decode(CALL + chunk(finish_reason=reason) + DONE)

        assert events[1:-1] == [ToolInputError("a", "f", {}, NOT_FINISHED)]
    for reason in ("stop", "tool_calls"):
        events = decode(CALL + chunk(finish_reason=reason) + DONE)

        assert events[1:-1] == [ToolInputAvailable("a", "f", {})]


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b'{"choices":[{"message":{"content":"not a stream"}}]}',
        chunk({"content": "a"}),
        chunk({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{"}}]}),
    ],
)
def test_a_stream_that_ends_in_the_middle_is_an_error(stream: bytes) -> None:
    assert decode(stream)[-1] == FAILED


def test_a_call_without_a_name_is_an_error() -> None:
    assert decode(chunk({"tool_calls": [{"index": 0, "id": "a"}]}) + DONE) == [FAILED]


def test_a_break_is_an_error_only_in_the_middle() -> None:
    whole, cut, over = ChatDecoder(), ChatDecoder(), ChatDecoder()
    whole.feed(STOP)
    cut.feed(chunk({"content": "a"}))
    over.feed(DONE)
    error = ProviderTimeout("silence")

    assert whole.break_off(error) == [StepEnd("stop")]
    assert cut.break_off(error) == [Error("provider_timeout", ProviderTimeout.public_message)]
    assert over.break_off(error) == []
    assert (whole.failure, cut.failure) == (None, error)


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (chunk(error={"message": "secret"}), ProviderError),
        (chunk({"content": ""}, error={"message": "secret"}, finish_reason="error"), ProviderError),
        (b'data: {"error":"secret"}\n\n', ProviderError),
        (b'event: error\ndata: {"message":"secret"}\n\n', ProviderError),
        (b'event: error\ndata: {"error":{"message":"secret"}}\n\n', ProviderError),
        (b"event: error\ndata: secret\n\n", ProviderError),
        (b"data: secret\n\n", ProviderError),
        (
            b'data: {"error":{"message":"secret","code":"context_length_exceeded"}}\n\n',
            ContextTooLong,
        ),
    ],
)
def test_an_error_in_the_stream_ends_it(event: bytes, error: type[ProviderError]) -> None:
    decoder = ChatDecoder()

    events = decoder.feed(chunk({"content": "a"}) + event + chunk({"content": "b"}) + STOP + DONE)

    assert events == [TextDelta("a"), Error(error.code, error.public_message)]
    assert type(decoder.failure) is error
    assert "secret" in str(decoder.failure)
    assert "secret" not in repr(events)


def test_an_empty_error_and_other_named_events_are_no_errors() -> None:
    stream = chunk(error=None) + b"event: ping\ndata: {}\n\n" + STOP + DONE

    assert decode(stream) == [StepEnd("stop")]


def test_each_page_that_a_text_rests_on_is_a_source_once() -> None:
    page = {"url": "https://a.example", "title": "A"}
    cited = [
        {"type": "url_citation", "url_citation": page},
        {"type": "url_citation", "url_citation": {**page, "start_index": 9}},
        {"type": "url_citation", "url_citation": {"url": "https://b.example"}},
        {"type": "url_citation", "url_citation": {"title": "No address"}},
        {"type": "file_citation"},
    ]

    decoder = ChatDecoder()
    events = decoder.feed(chunk({"content": "a", "annotations": cited[:1]}))
    events += decoder.feed(chunk({"content": "b", "annotations": cited[1:]}))

    sources = [event for event in events if isinstance(event, Source)]
    assert [(source.url, source.title) for source in sources] == [
        ("https://a.example", "A"),
        ("https://b.example", None),
    ]
    assert len({source.source_id for source in sources}) == 2


def test_nothing_comes_after_the_end() -> None:
    decoder = ChatDecoder()

    assert decoder.feed(STOP + DONE + chunk({"content": "a"})) == [StepEnd("stop")]
    assert decoder.feed(chunk({"content": "a"})) == []
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
deltas = st.one_of(
    st.builds(lambda text: {"content": text}, any_text),
    st.builds(lambda text: {"reasoning_content": text}, any_text),
    st.builds(
        lambda index, name, text: {
            "tool_calls": [
                {"index": index, "id": f"id{index}", "function": {"name": name, "arguments": text}}
            ]
        },
        st.integers(0, 1),
        st.sampled_from(["f", ""]),
        any_text,
    ),
)
endings = st.sampled_from([b"", DONE, STOP, STOP + DONE, b"data: {\n\n", chunk(error="e")])
line_ends = st.sampled_from([b"\n", b"\n", b"\r\n", b"\r"])


@given(st.lists(deltas), endings, line_ends, st.lists(st.integers(0, 2000)))
def test_any_cut_of_a_stream_gives_the_same_events(
    answer: list[Any], ending: bytes, line_end: bytes, cuts: list[int]
) -> None:
    stream = (b"".join(chunk(delta) for delta in answer) + ending).replace(b"\n", line_end)
    bounds = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]

    events = decode(*(stream[a:b] for a, b in pairwise(bounds)))

    assert merged(events) == merged(decode(stream))


@given(st.lists(any_text))
def test_any_text_survives(texts: list[str]) -> None:
    stream = b"".join(chunk({"content": text}) for text in texts)

    events = decode(stream + STOP + DONE)

    assert events == [*([TextDelta("".join(texts))] if texts else []), StepEnd("stop")]


ENDLESS_LINE = b"data: " + b"x" * (MAX_EVENT_BYTES + 1)


def test_an_event_without_end_is_a_failure_and_what_came_before_it_counts() -> None:
    decoder = ChatDecoder()

    assert decoder.feed(chunk({"content": "a"}) + b"data: ") == [TextDelta("a")]
    assert decoder.feed(ENDLESS_LINE) == [FAILED]
    assert "an event is longer than" in str(decoder.failure)


def test_an_event_without_end_behind_the_finish_reason_is_no_failure() -> None:
    decoder = ChatDecoder()
    decoder.feed(STOP)

    assert decoder.feed(ENDLESS_LINE) == [StepEnd("stop")]
    assert decoder.failure is None


def test_an_event_that_is_too_long_at_the_end_of_the_stream_is_a_failure() -> None:
    decoder = ChatDecoder()
    decoder.feed(b"data: x\n" + ENDLESS_LINE[: MAX_EVENT_BYTES - 7])
    decoder.feed(b"\n" + b"data: ")

    assert decoder.end() == [FAILED]


def test_calls_beyond_the_limits_are_a_failure_and_nothing_is_read_behind_them() -> None:
    def call(number: int) -> bytes:
        function = {"name": "f", "arguments": "{}"}
        return chunk({"tool_calls": [{"index": number, "id": f"c{number}", "function": function}]})

    decoder = ChatDecoder()
    wire = b"".join(call(number) for number in range(MAX_CALLS + 1))
    events = decoder.feed(wire + chunk({"content": "unread"}) + b"data: [DONE]\n\n")

    assert sum(isinstance(event, ToolInputStart) for event in events) == MAX_CALLS
    assert events[-1] == FAILED
    assert events.count(FAILED) == 1
    assert "tool calls in one step" in str(decoder.failure)

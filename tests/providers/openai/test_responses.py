"""The Responses provider over a real socket, with each opener."""

import json
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.errors import ContextTooLong, ProviderError, ProviderRefused
from app.events import (
    Error,
    Event,
    File,
    ReasoningDelta,
    ReasoningRedacted,
    ReasoningSignature,
    Source,
    StepEnd,
    StepStart,
    TextDelta,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputError,
    ToolInputStart,
    ToolOutputAvailable,
)
from app.messages import (
    Message,
    ReasoningPart,
    StepRequest,
    TextPart,
    ToolCallPart,
    ToolOutputPart,
    ToolSpec,
)
from app.providers.openai.responses import OpenAIResponses
from app.providers.openai.responses_body import BUILTIN_TOOLS
from app.providers.openai.responses_proof import ReasoningProof, write_proof
from app.providers.openers.httptools_client import HttpToolsOpener
from app.providers.openers.opener import Opener
from app.scripted_model.control import Control
from app.scripted_model.provider import ScriptedProvider
from tests.providers.openers.every_opener import EVERY_OPENER
from tests.providers.upstream import Script, Upstream, respond, serve

WEATHER = ToolSpec(
    "get_weather",
    "Tells the weather.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
PROOF = write_proof(ReasoningProof("rs_1", "gAAA"))


@pytest.fixture(params=EVERY_OPENER)
def make_opener(request: pytest.FixtureRequest) -> Callable[..., Opener]:
    return EVERY_OPENER[request.param]


@pytest.fixture
async def scripted(
    model: str, make_opener: Callable[..., Opener]
) -> AsyncIterator[OpenAIResponses]:
    """The provider in front of the scripted model."""
    opener = make_opener(base_url=model, max_retries=0)
    provider = OpenAIResponses(opener, builtin_tools=[BUILTIN_TOOLS["web_search"]])
    yield provider
    await provider.aclose()


@asynccontextmanager
async def provider_of(
    make_opener: Callable[..., Opener], *scripts: Script
) -> AsyncIterator[tuple[OpenAIResponses, Upstream]]:
    async with serve(*scripts) as upstream:
        provider = OpenAIResponses(make_opener(base_url=upstream.url, max_retries=0))
        try:
            yield provider, upstream
        finally:
            await provider.aclose()


def asking(*messages: Message | str, model: str = "gpt-5-mini", **fields: Any) -> StepRequest:
    """Make a request; a plain text is the user's."""
    said = [Message("user", [TextPart(m)]) if isinstance(m, str) else m for m in messages]
    return StepRequest(model=model, messages=said, **fields)


async def step(provider: OpenAIResponses, request: StepRequest) -> list[Event]:
    """Run a step; returns its events behind `StepStart`, with neighbouring deltas joined."""
    events: list[Event] = []

    async def emit(more: Sequence[Event]) -> None:
        assert more
        events.extend(more)

    await provider.stream_step(request, emit)
    assert events[0] == StepStart()
    assert isinstance(events[-1], StepEnd | Error)
    return events[1:]


def joined(events: Sequence[Event], kind: type[TextDelta] | type[ReasoningDelta]) -> str:
    return "".join(event.text for event in events if isinstance(event, kind))


def said(events: Sequence[Event]) -> str:
    return joined(events, TextDelta)


def ended(events: Sequence[Event]) -> StepEnd:
    assert isinstance(events[-1], StepEnd)
    return events[-1]


def kinds(events: Sequence[Event]) -> list[type[Event]]:
    """Return the events' types, with neighbours of the same type as one."""
    types = [type(event) for event in events]
    return [kind for place, kind in enumerate(types) if types[place - 1 : place] != [kind]]


@pytest.mark.parametrize(
    "delivery", ["", "events_per_write=7", "bytes_per_write=11", "crlf=yes", "comments=yes"]
)
async def test_text_streams(scripted: OpenAIResponses, delivery: str) -> None:
    events = await step(scripted, asking(f"scenario: text tokens=5 {delivery}"))

    assert said(events) == "word0 word1 word2 word3 word4"
    end = ended(events)
    assert end.finish_reason == "stop"
    assert end.usage.output_tokens == 5
    assert end.usage.input_tokens
    assert end.usage.cached_input_tokens == end.usage.reasoning_tokens == 0


async def test_any_character_arrives(scripted: OpenAIResponses) -> None:
    events = await step(scripted, asking("scenario: surrogate"))

    assert said(events).startswith("A pair: \ud83d\ude00")
    assert said(events).endswith("\ud83d.")


async def test_reasoning_is_shown_and_comes_back_encrypted(
    scripted: OpenAIResponses, control: Control
) -> None:
    question = "scenario: reasoning tokens=3"
    events = await step(scripted, asking(question))
    signature = next(event for event in events if isinstance(event, ReasoningSignature))
    thought = ReasoningPart(joined(events, ReasoningDelta), signature.signature)
    history = Message("assistant", [thought, TextPart(said(events))])

    await step(scripted, asking(question, history, "scenario: text"))

    assert kinds(events) == [ReasoningDelta, ReasoningSignature, TextDelta, StepEnd]
    assert ended(events).usage.reasoning_tokens == 3
    sent = control.requests[-1].body
    _, item, text, _ = sent["input"]
    assert sent["store"] is False
    assert item["encrypted_content"].startswith("scripted-")
    assert item["summary"] == [{"type": "summary_text", "text": thought.text}]
    assert text == {"type": "message", "role": "assistant", "content": said(events)}


async def test_a_refusal_is_text(scripted: OpenAIResponses) -> None:
    events = await step(scripted, asking("scenario: refusal"))

    assert said(events)
    assert ended(events).finish_reason == "stop"


@pytest.mark.parametrize("reason", ["length", "content-filter"])
async def test_an_incomplete_answer_says_why(scripted: OpenAIResponses, reason: str) -> None:
    events = await step(scripted, asking(f"scenario: {reason}"))

    assert said(events)
    assert ended(events).finish_reason == reason


async def test_calls_are_made_and_their_outputs_understood(scripted: OpenAIResponses) -> None:
    question = 'scenario: call count=2 arguments=\'{"city": "Oslo"}\' text=Looking.'
    events = await step(scripted, asking(question, tools=[WEATHER]))
    calls = [event for event in events if isinstance(event, ToolInputAvailable)]
    parts = [ToolCallPart(call.tool_call_id, call.tool_name, call.input) for call in calls]
    outputs = [ToolOutputPart(call.tool_call_id, call.tool_name, {"rain": 1}) for call in calls]
    history = (Message("assistant", [TextPart("Looking."), *parts]), Message("tool", outputs))

    after = await step(scripted, asking(question, *history, tools=[WEATHER]))

    one = [ToolInputStart, ToolInputDelta, ToolInputAvailable]
    assert kinds(events) == [TextDelta, *one, *one, StepEnd]
    assert [call.input for call in calls] == [{"city": "Oslo"}] * 2
    assert len({call.tool_call_id for call in calls}) == 2
    assert ended(events).finish_reason == "tool-calls"
    assert "rain" in said(after)
    assert ended(after).finish_reason == "stop"


async def test_arguments_that_are_no_json_are_an_error_of_the_call(
    scripted: OpenAIResponses,
) -> None:
    events = await step(scripted, asking("scenario: bad-arguments", tools=[WEATHER]))

    assert any(isinstance(event, ToolInputError) for event in events)
    assert ended(events).finish_reason == "tool-calls"


async def test_sources_are_told_once_with_ids_of_their_own(scripted: OpenAIResponses) -> None:
    events = await step(scripted, asking("scenario: sources"))
    again = await step(scripted, asking("scenario: sources"))

    sources = [event for event in [*events, *again] if isinstance(event, Source)]
    assert [source.url for source in sources[:2]] == [
        "https://ai-sdk.dev/docs",
        "https://example.com/scripted?a=1&b=2",
    ]
    assert len({source.source_id for source in sources}) == 4


async def test_a_web_search_is_a_call_of_the_models_side(
    scripted: OpenAIResponses, control: Control
) -> None:
    events = await step(scripted, asking("scenario: search query=rain"))

    start, call, output = events[:3]
    assert isinstance(start, ToolInputStart)
    assert isinstance(call, ToolInputAvailable)
    assert isinstance(output, ToolOutputAvailable)
    assert (call.tool_name, call.executor) == ("web_search", "provider")
    assert call.input["query"] == "rain"
    assert start.tool_call_id == call.tool_call_id == output.tool_call_id
    assert kinds(events)[3:] == [TextDelta, Source, StepEnd]
    assert ended(events).finish_reason == "stop"
    assert control.requests[-1].body["tools"] == [{"type": "web_search"}]


async def test_code_that_the_models_side_runs_streams_in(scripted: OpenAIResponses) -> None:
    events = await step(scripted, asking("scenario: run-code"))

    call = next(event for event in events if isinstance(event, ToolInputAvailable))
    output = next(event for event in events if isinstance(event, ToolOutputAvailable))
    deltas = [event.text for event in events if isinstance(event, ToolInputDelta)]
    assert (
        json.loads("".join(deltas)) == call.input == {"code": 'print("deltas" + " to " + "lines")'}
    )
    assert call.executor == "provider"
    assert output.output["outputs"] == [{"type": "logs", "logs": "deltas to lines\n"}]


async def test_a_generated_image_is_a_file_however_large(
    make_opener: Callable[..., Opener],
) -> None:
    image = "A" * 300_000
    item = {"id": "ig_1", "type": "image_generation_call", "status": "completed", "result": image}
    events = [
        sse("response.output_item.added", output_index=0, item={**item, "result": None}),
        sse("response.output_item.done", output_index=0, item=item),
        sse("response.completed", response={"output": [item]}),
    ]

    async with provider_of(make_opener, respond(*events)) as (provider, _):
        made = await step(provider, asking("Draw"))

    assert made[0] == ToolInputStart("ig_1", "image_generation", "provider")
    assert made[3:] == [File("image/png", f"data:image/png;base64,{image}"), StepEnd("stop")]


def sse(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


async def test_a_schema_is_obeyed(scripted: OpenAIResponses) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}

    events = await step(scripted, asking("Make one", response_schema=("recipe", schema)))

    assert list(json.loads(said(events))) == ["name"]


async def test_an_error_before_the_answer_is_raised(scripted: OpenAIResponses) -> None:
    with pytest.raises(ContextTooLong):
        await step(scripted, asking("scenario: error status=400"))


@pytest.mark.parametrize("scenario", ["error-inside", "failed", "break-off"])
async def test_an_error_in_the_answer_is_an_event_and_a_line_in_the_log(
    scripted: OpenAIResponses, scenario: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "app"):
        events = await step(scripted, asking(f"scenario: {scenario} after=2"))

    assert said(events) == "word0 word1"
    assert events[-1] == Error("provider_error", ProviderError.public_message)
    assert "the model's stream failed" in caplog.text


REFUSALS = [
    ("invalid_encrypted_content", "The encrypted content gAAA could not be verified."),
    (None, "Encrypted content is not supported with this model."),
    (None, "Item 'rs_1' of type 'reasoning' was provided without its required following item."),
    (400, "item['content'] is not an array"),  # llama.cpp
]
THOUGHT = Message("assistant", [ReasoningPart("", redacted=PROOF), TextPart("Hi")])
COMPLETED = sse("response.completed", response={})


@pytest.mark.parametrize(("code", "message"), REFUSALS)
async def test_reasoning_that_the_api_refuses_is_left_out_of_a_second_try(
    make_opener: Callable[..., Opener], code: str | int | None, message: str
) -> None:
    error = {"error": {"message": message, "code": code}}
    refusal = respond(json.dumps(error).encode(), status=400)

    async with provider_of(make_opener, refusal, respond(COMPLETED)) as (provider, upstream):
        events = await step(provider, asking("Hello", THOUGHT, "And?"))

    first, second = (json.loads(request.body) for request in upstream.requests)
    assert events == [StepEnd("stop")]
    assert [item.get("type") for item in first["input"]] == [
        "message",
        "reasoning",
        "message",
        "message",
    ]
    assert [item.get("type") for item in second["input"]] == ["message"] * 3
    assert "include" not in second


async def test_any_other_refusal_is_final(make_opener: Callable[..., Opener]) -> None:
    refusal = respond(b'{"error":{"message":"No such field."}}', status=400)

    async with provider_of(make_opener, refusal, respond(COMPLETED)) as (provider, upstream):
        with pytest.raises(ProviderRefused):
            await step(provider, asking("Hello", THOUGHT, "And?"))

    assert len(upstream.requests) == 1


async def test_reasoning_without_words_is_redacted(make_opener: Callable[..., Opener]) -> None:
    item = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "gAAA"}
    done = sse("response.output_item.done", output_index=0, item=item)

    async with provider_of(make_opener, respond(done + COMPLETED)) as (provider, _):
        events = await step(provider, asking("Hello"))

    assert events == [ReasoningRedacted(PROOF), StepEnd("stop")]


async def test_a_connection_serves_the_next_step(make_opener: Callable[..., Opener]) -> None:
    async with provider_of(make_opener, respond(COMPLETED), respond(COMPLETED)) as (
        provider,
        upstream,
    ):
        await step(provider, asking("Hello"))
        await step(provider, asking("Hello"))

    assert upstream.connections == 1
    assert {request.target for request in upstream.requests} == {"/v1/responses"}


async def test_a_summary_of_the_reasoning_can_be_asked_for() -> None:
    async with serve(respond(COMPLETED)) as upstream:
        opener = HttpToolsOpener(base_url=upstream.url)
        provider = OpenAIResponses(opener, reasoning_summary="auto")
        await step(provider, asking("Hello"))
        await provider.aclose()

    assert json.loads(upstream.requests[0].body)["reasoning"] == {"summary": "auto"}


async def test_the_scripted_provider_speaks_the_api_that_it_is_given() -> None:
    events: list[Event] = []

    async def emit(more: Sequence[Event]) -> None:
        events.extend(more)

    provider = ScriptedProvider(OpenAIResponses)
    try:
        # Only the Responses API has a word for it.
        await provider.stream_step(asking("scenario: search"), emit)
    finally:
        await provider.aclose()

    assert any(isinstance(event, ToolOutputAvailable) for event in events)

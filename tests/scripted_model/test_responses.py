"""The scripted model's Responses API, through the `openai` package."""

import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai.types.responses import Response, ResponseStreamEvent

from tests.scripted_model.client import Side, scripted_side

WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "get_weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
USER = {"role": "user", "content": "Hi"}
CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "rain"}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": []}


@pytest.fixture
async def side() -> AsyncIterator[Side]:
    async with scripted_side() as running:
        yield running


async def stream(side: Side, said: Any, **more: Any) -> list[ResponseStreamEvent]:
    events = await side.openai.responses.create(model="scripted", input=said, stream=True, **more)
    return [event async for event in events]


async def whole(side: Side, said: Any, **more: Any) -> Response:
    response: Response = await side.openai.responses.create(model="scripted", input=said, **more)
    return response


def types_of(events: list[ResponseStreamEvent]) -> list[str]:
    """Return the types, with neighbours of the same type as one."""
    types = [event.type for event in events]
    return [kind for place, kind in enumerate(types) if types[place - 1 : place] != [kind]]


def last_response(events: list[ResponseStreamEvent]) -> Response:
    last = events[-1]
    assert last.type in ("response.completed", "response.incomplete", "response.failed")
    assert isinstance(last.response, Response)
    return last.response


async def test_text_is_an_item_with_one_part(side: Side) -> None:
    events = await stream(side, "scenario: text tokens=3")

    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    response = last_response(events)
    assert types_of(events) == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert deltas == ["word0", " word1", " word2"]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert response.output_text == "word0 word1 word2"
    assert response.status == "completed"
    assert response.usage is not None and response.usage.output_tokens == 3


async def test_each_event_names_its_type(side: Side) -> None:
    response = await side.http.post(
        "responses", json={"model": "m", "input": "scenario: text tokens=1", "stream": True}
    )

    for event in response.text.strip().split("\n\n"):
        name, data = event.split("\n")
        assert json.loads(data.removeprefix("data: "))["type"] == name.removeprefix("event: ")
    assert "[DONE]" not in response.text


@pytest.mark.parametrize(
    "said",
    [
        "scenario: text",
        "scenario: reasoning",
        "scenario: call count=2 text=First.",
        "scenario: refusal",
        "scenario: search",
        "scenario: run-code",
        "scenario: length",
    ],
)
async def test_the_whole_answer_says_the_same_as_the_stream(side: Side, said: str) -> None:
    events = await stream(side, said, tools=[WEATHER])
    answer = await whole(side, said, tools=[WEATHER])

    def comparable(response: Response) -> Any:
        ids = {"id", "call_id", "container_id", "created_at"}
        dumped = response.model_dump(exclude=ids)
        for item in dumped["output"]:
            for key in ids:
                item.pop(key, None)
        return dumped

    assert comparable(last_response(events)) == comparable(answer)


async def test_reasoning_is_a_summary_and_its_proof_comes_if_wanted(side: Side) -> None:
    plain = last_response(await stream(side, "Think about it"))
    include: Any = ["reasoning.encrypted_content"]
    events = await stream(side, "Think about it", include=include)

    proofs = [item.encrypted_content for item in plain.output if item.type == "reasoning"]
    assert proofs == [None]
    [item] = [item for item in last_response(events).output if item.type == "reasoning"]
    deltas = [e.delta for e in events if e.type == "response.reasoning_summary_text.delta"]
    assert item.summary[0].text == "".join(deltas)
    assert item.encrypted_content
    assert types_of(events)[2:7] == [
        "response.output_item.added",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
    ]
    usage = last_response(events).usage
    assert usage is not None
    assert usage.output_tokens_details.reasoning_tokens == len(deltas)


async def test_two_calls_are_two_items_and_their_outputs_the_answer(side: Side) -> None:
    question = {"role": "user", "content": "Weather in Oslo and Rome?"}
    events = await stream(side, [question], tools=[WEATHER])
    calls = [item for item in last_response(events).output if item.type == "function_call"]
    deltas = [e for e in events if e.type == "response.function_call_arguments.delta"]
    history: list[Any] = [question, *(call.model_dump(exclude_none=True) for call in calls)]
    for call in calls:
        output = {"type": "function_call_output", "call_id": call.call_id, "output": "rain"}
        history.append(output)

    answer = await whole(side, history, tools=[WEATHER])

    assert [json.loads(call.arguments) for call in calls] == [{"city": "Oslo"}, {"city": "Rome"}]
    for index, call in enumerate(calls):
        assert "".join(e.delta for e in deltas if e.output_index == index) == call.arguments
    assert answer.output_text.count("rain") == 2


async def test_a_refusal_is_a_part_of_its_own(side: Side) -> None:
    events = await stream(side, "scenario: refusal")

    deltas = [event.delta for event in events if event.type == "response.refusal.delta"]
    [item] = last_response(events).output
    assert item.type == "message"
    assert item.content[0].type == "refusal"
    assert item.content[0].refusal == "".join(deltas)


async def test_a_search_comes_with_the_pages_it_found(side: Side) -> None:
    events = await stream(side, "scenario: search query='streams of deltas'")

    search, message = last_response(events).output
    assert search.type == "web_search_call"
    assert search.action.type == "search"
    assert search.action.query == "streams of deltas"
    assert message.type == "message"
    text = message.content[0]
    assert text.type == "output_text"
    assert [note.url for note in text.annotations if note.type == "url_citation"] == [
        "https://ai-sdk.dev/docs",
        "https://example.com/scripted?a=1&b=2",
    ]
    kinds = types_of(events)
    assert kinds[3:7] == [
        "response.web_search_call.in_progress",
        "response.web_search_call.searching",
        "response.web_search_call.completed",
        "response.output_item.done",
    ]
    assert "response.output_text.annotation.added" in kinds


async def test_code_runs_on_the_models_side(side: Side) -> None:
    events = await stream(side, "Run some code")

    code = last_response(events).output[0]
    deltas = [e.delta for e in events if e.type == "response.code_interpreter_call_code.delta"]
    assert code.type == "code_interpreter_call"
    assert code.code == "".join(deltas)
    assert code.outputs is not None
    assert code.outputs[0].type == "logs"
    assert code.outputs[0].logs == "deltas to lines\n"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("scenario: length", "max_output_tokens"),
        ("scenario: content-filter", "content_filter"),
        ("scenario: text tokens=40", "max_output_tokens"),
    ],
)
async def test_an_incomplete_answer_says_why(side: Side, said: str, reason: str) -> None:
    events = await stream(side, said, max_output_tokens=16)

    response = last_response(events)
    assert events[-1].type == "response.incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == reason
    assert response.output[0].type == "message"
    assert response.output[0].status == "incomplete"


async def test_a_failed_run_is_the_last_event(side: Side) -> None:
    events = await stream(side, "scenario: failed after=2 message='It broke.'")

    response = last_response(events)
    assert events[-1].type == "response.failed"
    assert response.status == "failed"
    assert response.error is not None
    assert (response.error.code, response.error.message) == ("server_error", "It broke.")


async def test_an_error_event_ends_the_stream(side: Side) -> None:
    body = {"model": "m", "input": "scenario: error-inside after=1 code=bad_luck", "stream": True}

    wire = (await side.http.post("responses", json=body)).text

    name, data = wire.strip().split("\n\n")[-1].split("\n")
    assert name == "event: error"
    assert json.loads(data.removeprefix("data: "))["code"] == "bad_luck"


async def test_a_run_that_fails_before_its_first_event_is_an_http_error(side: Side) -> None:
    with pytest.raises(openai.RateLimitError):
        await stream(side, "scenario: error status=429")
    with pytest.raises(openai.InternalServerError):
        await whole(side, "scenario: failed")


async def test_a_structured_answer_fits_its_schema(side: Side) -> None:
    schema = WEATHER["parameters"]
    named: Any = {"type": "json_schema", "name": "n", "schema": schema, "strict": True}

    answer = await whole(side, "A city", text={"format": named})
    free = await whole(side, "JSON", text={"format": {"type": "json_object"}})

    assert list(json.loads(answer.output_text)) == ["city"]
    assert isinstance(json.loads(free.output_text), dict)


async def test_a_history_as_a_real_client_sends_it_is_accepted(side: Side) -> None:
    said: list[Any] = [
        {"role": "system", "content": "Be brief."},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Sun?"}]},
        REASONING,
        CALL,
        OUTPUT,
        REASONING,
        {"role": "assistant", "content": [{"type": "output_text", "text": "Rain."}]},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "item_reference", "id": "msg_1"},
        {"role": "user", "content": "What did I say first?"},
    ]

    answer = await whole(side, said, instructions="Be brief.", tools=[{"type": "web_search"}])

    assert 'You said: "Sun?"' in answer.output_text
    assert answer.instructions == "Be brief."


async def test_the_user_may_speak_before_an_output_comes(side: Side) -> None:
    answer = await whole(side, [USER, CALL, {"role": "user", "content": "Well?"}, OUTPUT])

    assert "rain" in answer.output_text


async def test_received_files_are_described(side: Side) -> None:
    content = [
        {"type": "input_text", "text": "Look"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"},
        {"type": "input_image", "file_id": "file-1", "detail": "auto"},
        {
            "type": "input_file",
            "filename": "a.pdf",
            "file_data": "data:application/pdf;base64,AA==",
        },
        {"type": "input_file", "file_url": "https://example.com/b.pdf"},
    ]

    answer = await whole(side, [{"role": "user", "content": content}])

    assert "**4 files**" in answer.output_text
    for shown in ("`image/png`, 3 bytes", "file-1", "a.pdf", "https://example.com/b.pdf"):
        assert shown in answer.output_text


@pytest.mark.parametrize(
    ("change", "param", "said"),
    [
        ({"input": []}, "input", "length"),
        ({"input": [{"role": "bird", "content": ""}]}, "input[0].role", "bird"),
        ({"input": [{"type": "bird"}]}, "input[0].type", "bird"),
        ({"input": [USER, OUTPUT]}, "input[1]", "No tool call found"),
        ({"input": [USER, CALL]}, "input", "No tool output found"),
        ({"input": [USER, CALL, OUTPUT, REASONING]}, "input[3]", "without the item"),
        ({"input": [REASONING, USER]}, "input[0]", "without the item"),
        (
            {"input": [{"role": "user", "content": [{"type": "output_text", "text": ""}]}]},
            "input[0].content",
            "output_text",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
            "input",
            "needs its data",
        ),
        ({"max_output_tokens": 15}, "max_output_tokens", ">= 16"),
        ({"previous_response_id": "resp_1"}, "previous_response_id", "nothing is kept"),
        (
            {"tools": [{**WEATHER, "parameters": {"type": "object", "properties": {}}}]},
            "tools[0].parameters",
            "additionalProperties",
        ),
        (
            {
                "text": {
                    "format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True}
                }
            },
            "text.format.schema",
            "'object'",
        ),
    ],
    ids=str,
)
async def test_a_bad_request_is_refused_with_the_place_that_is_wrong(
    side: Side, change: dict[str, Any], param: str, said: str
) -> None:
    response = await side.http.post("responses", json={"model": "m", "input": "Hi", **change})

    error = response.json()["error"]
    assert response.status_code == 400
    assert error["param"] == param
    assert said in error["message"]

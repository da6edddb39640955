"""The events and objects of the Responses API, as the `openai` package reads them."""

import json
from typing import Any

import openai
import pytest
from openai.types.responses import Response

from app.scripted_model.responses_wire import ResponsesWire
from app.scripted_model.script import Delivery, Say, Script, Search, Stall, Think
from tests.scripted_model.client import Side, payload_of
from tests.scripted_model.responses_api import WEATHER, last_response, stream, types_of, whole


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
async def test_the_whole_response_says_the_same_as_the_stream(side: Side, said: str) -> None:
    events = await stream(side, said, tools=[WEATHER])
    response = await whole(side, said, tools=[WEATHER])

    def comparable(response: Response) -> Any:
        ids = {"id", "call_id", "container_id", "created_at"}
        dumped = response.model_dump(exclude=ids)
        for item in dumped["output"]:
            for key in ids:
                item.pop(key, None)
        return dumped

    assert comparable(last_response(events)) == comparable(response)


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


async def test_two_calls_are_two_items_and_their_outputs_are_shown(side: Side) -> None:
    question = {"role": "user", "content": "Weather in Oslo and Rome?"}
    events = await stream(side, [question], tools=[WEATHER])
    calls = [item for item in last_response(events).output if item.type == "function_call"]
    deltas = [e for e in events if e.type == "response.function_call_arguments.delta"]
    history: list[Any] = [question, *(call.model_dump(exclude_none=True) for call in calls)]
    for call in calls:
        output = {"type": "function_call_output", "call_id": call.call_id, "output": "rain"}
        history.append(output)

    response = await whole(side, history, tools=[WEATHER])

    assert [json.loads(call.arguments) for call in calls] == [{"city": "Oslo"}, {"city": "Rome"}]
    for index, call in enumerate(calls):
        assert "".join(e.delta for e in deltas if e.output_index == index) == call.arguments
    assert response.output_text.count("rain") == 2


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
async def test_an_incomplete_response_says_why(side: Side, said: str, reason: str) -> None:
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


def wire_of(**more: Any) -> ResponsesWire:
    return ResponsesWire(model="m", created=0, prompt_tokens=2, echoed={}, **more)


def test_a_token_outside_of_a_text_has_no_event() -> None:
    wire = wire_of()

    outside = wire.token("lost")
    wire.open(Search("deltas"))

    assert outside == wire.token("lost") == []


def test_the_whole_response_skips_what_interrupts_its_text() -> None:
    whole_response = wire_of().whole(Script(blocks=[Say(("a", Stall(1.0), "b"))]))

    [item] = whole_response["output"]
    assert item["content"][0]["text"] == "ab"
    assert whole_response["usage"]["output_tokens"] == 2


def test_the_usage_can_be_left_out() -> None:
    whole_response = wire_of().whole(Script(delivery=Delivery(usage=False)))

    assert whole_response["usage"] is None


def test_reasoning_that_is_cut_off_has_no_status_to_change() -> None:
    whole_response = wire_of().whole(Script(blocks=[Think(("a",))], finish="length"))

    [item] = whole_response["output"]
    assert item["type"] == "reasoning"
    assert "status" not in item
    assert whole_response["status"] == "incomplete"


def test_an_event_names_the_item_and_the_part_that_it_belongs_to() -> None:
    wire = wire_of()

    places = []
    for block in (Think(("a",)), Say(("b",))):
        wire.open(block)
        places += [payload_of(event) for event in wire.token("x")]
        wire.close()

    thought, text = places
    assert (thought["output_index"], thought["summary_index"]) == (0, 0)
    assert (text["output_index"], text["content_index"]) == (1, 0)

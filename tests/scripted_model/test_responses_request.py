"""Bodies of the Responses API that the scripted model accepts and refuses, as the real one does."""

import json
from typing import Any

import pytest

from app.scripted_model.conversation import FinishedCall
from app.scripted_model.responses_request import read_responses_request
from tests.scripted_model.client import Side
from tests.scripted_model.responses_api import WEATHER, whole

USER = {"role": "user", "content": "Hi"}
CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "rain"}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": []}


async def test_a_structured_output_fits_its_schema(side: Side) -> None:
    schema = WEATHER["parameters"]
    named: Any = {"type": "json_schema", "name": "n", "schema": schema, "strict": True}

    response = await whole(side, "A city", text={"format": named})
    free = await whole(side, "JSON", text={"format": {"type": "json_object"}})

    assert list(json.loads(response.output_text)) == ["city"]
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

    response = await whole(side, said, instructions="Be brief.", tools=[{"type": "web_search"}])

    assert 'You said: "Sun?"' in response.output_text
    assert response.instructions == "Be brief."


async def test_the_user_may_speak_before_an_output_comes(side: Side) -> None:
    response = await whole(side, [USER, CALL, {"role": "user", "content": "Well?"}, OUTPUT])

    assert "rain" in response.output_text


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

    response = await whole(side, [{"role": "user", "content": content}])

    assert "**4 files**" in response.output_text
    for shown in ("`image/png`, 3 bytes", "file-1", "a.pdf", "https://example.com/b.pdf"):
        assert shown in response.output_text


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


def test_calls_side_by_side_are_one_round_and_later_ones_the_next() -> None:
    second = [{**CALL, "call_id": "c2"}, {**OUTPUT, "call_id": "c2"}]
    third = [{**CALL, "call_id": "c3"}, {**OUTPUT, "call_id": "c3"}]
    items = [USER, CALL, second[0], OUTPUT, second[1], *third]

    body = json.dumps({"model": "m", "input": items}).encode()
    _, conversation = read_responses_request(body, attempt=1)

    finished = FinishedCall("f", "{}", "rain")
    assert conversation.rounds == [[finished, finished], [finished]]


def test_the_proof_of_the_reasoning_comes_only_if_it_is_included() -> None:
    wanted = []
    for include in (None, [], ["other"], ["reasoning.encrypted_content"]):
        body = json.dumps({"model": "m", "input": "Hi", "include": include}).encode()
        wanted.append(read_responses_request(body, attempt=1)[0].encrypt_reasoning)

    assert wanted == [False, False, False, True]

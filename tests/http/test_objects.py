"""Structured objects: what is asked, streamed, checked and refused."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx2

from app.scripted_model.control import Control
from tests.chatting import chatting, logged


def chunks(response: httpx2.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    parts = response.text.removesuffix("\n\n").split("\n\n")
    assert parts[-1] == "data: [DONE]"
    return [json.loads(part.removeprefix("data: ")) for part in parts[:-1]]


def of_kind(found: Sequence[Mapping[str, Any]], kind: str) -> Mapping[str, Any]:
    (chunk,) = (chunk for chunk in found if chunk["type"] == kind)
    return chunk


async def test_an_object_grows_as_plain_text_and_fits_its_schema(
    model: str, control: Control
) -> None:
    async with chatting(model) as chat:
        response = await chat.post("Pancakes", "/api/object/recipe")

    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert set(response.json()) == {"name", "ingredients", "steps"}
    asked = control.requests[0].body
    assert asked["response_format"]["json_schema"]["name"] == "recipe"
    assert asked["messages"][-1] == {"role": "user", "content": "Pancakes"}


async def test_an_object_in_one_piece_is_parsed(model: str) -> None:
    async with chatting(model) as chat:
        response = await chat.post({"dish": "Pancakes"}, "/api/object/recipe?stream=false")

    assert response.json()["success"] is True
    assert "ingredients" in response.json()["object"]


async def test_a_model_that_breaks_the_schema_is_an_error_where_there_is_a_place_for_it(
    model: str,
) -> None:
    with logged() as log:
        async with chatting(model) as chat:
            body = "scenario: schema-violation"
            whole = await chat.post(body, "/api/object/recipe?stream=false")
            streamed = await chat.post(body, "/api/object/recipe")
            shown = await chat.post(body, "/api/object/recipe?protocol=ui")
            await log.request(3)

    assert whole.status_code == 502
    assert "does not fit the schema 'recipe'" in whole.json()["error"]
    assert streamed.status_code == 200
    assert "does not fit the schema" in of_kind(chunks(shown), "error")["errorText"]
    assert [line["error_code"] for line in log.requests] == ["schema_mismatch"] * 3


async def test_an_unknown_schema_is_404_and_names_the_known_ones(model: str) -> None:
    async with chatting(model) as chat:
        response = await chat.post("x", "/api/object/nope")

    assert response.status_code == 404
    assert response.json()["error"] == "There is no schema 'nope'; known are: recipe."

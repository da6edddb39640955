"""Calls that fit the tools of a request."""

import json
from typing import Any

import pytest

from app.scripted_model.conversation import OfferedTool
from app.scripted_model.script import written
from app.scripted_model.tool_use import call, wrong_arguments
from tests.scripted_model.client import said

CITY = {"type": "string"}


def arguments_of(parameters: dict[str, Any] | None, values: dict[str, Any]) -> Any:
    tools = {} if parameters is None else {"f": OfferedTool("f", parameters)}
    made = call(said("Hi", tools=tools), "f", values)
    assert made.tool_name == "f"
    return json.loads(written(made))


@pytest.mark.parametrize(
    ("parameters", "values", "expected"),
    [
        (None, {"city": "Rome"}, {"city": "Rome"}),
        ({}, {"city": "Rome"}, {"city": "Rome"}),
        ({"properties": {"city": CITY}}, {"city": "Rome", "other": 1}, {"city": "Rome"}),
        ({"properties": {"n": {"type": "integer"}}}, {}, {"n": 1}),
        (
            {"properties": {"city": CITY, "days": {"type": "integer"}}, "required": ["days"]},
            {"city": "Rome"},
            {"city": "Rome", "days": 1},
        ),
        (
            {"properties": {"days": {"type": "integer"}, "place": CITY}, "required": ["place"]},
            {"city": "Rome"},
            {"place": "Rome"},
        ),
        (
            {"properties": {"from": CITY, "to": CITY}, "required": ["from", "to"]},
            {"city": "Rome"},
            {"from": "Rome", "to": "Scripted to"},
        ),
    ],
    ids=str,
)
def test_arguments_are_the_values_that_the_tool_knows_and_samples(
    parameters: dict[str, Any] | None, values: dict[str, Any], expected: Any
) -> None:
    assert arguments_of(parameters, values) == expected


def test_the_arguments_come_in_tokens() -> None:
    assert len(call(said("Hi"), "f", {"city": "Rome"}).pieces) > 3


def test_wrong_arguments_are_json_of_the_wrong_type() -> None:
    tool = OfferedTool("f", {"properties": {"city": CITY}})

    assert json.loads(wrong_arguments(tool)) == {"city": [{"wrong": "type"}]}
    assert json.loads(wrong_arguments(OfferedTool("f", {}))) == {"value": [{"wrong": "type"}]}
    assert json.loads(wrong_arguments(None)) == {"value": [{"wrong": "type"}]}

"""What the scripted model refuses, as the real API does, and what it makes of a JSON schema."""

import json
from collections.abc import AsyncIterator
from typing import Any, Literal

import jsonschema
import openai
import pydantic
import pytest

from app.scripted_model.checks import BadRequest
from app.scripted_model.sample import sample
from tests.scripted_model.client import Side, chat, scripted_side, text_of, tool

USER = {"role": "user", "content": "Hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ASKED = {"role": "assistant", "tool_calls": [CALL]}
OUTPUT = {"role": "tool", "tool_call_id": "c1", "content": "1"}


@pytest.fixture
async def side() -> AsyncIterator[Side]:
    async with scripted_side() as running:
        yield running


def image(url: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}


def schema_format(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, **more}}


def strict_tool(parameters: dict[str, Any]) -> dict[str, Any]:
    function = {"name": "f", "parameters": parameters, "strict": True}
    return {"type": "function", "function": function}


@pytest.mark.parametrize(
    ("change", "param", "said"),
    [
        ({"model": ""}, "model", "length"),
        ({"model": 1}, "model", "Expected `str`"),
        ({"messages": []}, "messages", "length"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "missing required field"),
        ({"messages": [{"role": "bird", "content": ""}]}, "messages[0].role", "bird"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content", "length"),
        ({"messages": [USER, OUTPUT]}, "messages[1].tool_call_id", "answers none"),
        ({"messages": [ASKED]}, "messages", "missing: c1"),
        ({"messages": [ASKED, USER, OUTPUT]}, "messages[1]", "missing: c1"),
        ({"messages": [ASKED, OUTPUT, OUTPUT]}, "messages[2].tool_call_id", "answers none"),
        ({"messages": [{"role": "assistant"}]}, "messages[0].content", "needs 'content'"),
        ({"messages": [image("data:image/png,plain")]}, "messages[0].content", "base64 data URL"),
        ({"messages": [image("data:image/png;base64,A")]}, "messages[0].content", "valid base64"),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]},
            "messages[0].content",
            "file_data",
        ),
        ({"stream_options": {"include_usage": True}}, "stream_options", "stream"),
        ({"max_tokens": 1, "max_completion_tokens": 1}, "max_tokens", "both"),
        ({"max_tokens": 0}, "max_tokens", ">= 1"),
        ({"temperature": 3}, "temperature", "<= 2"),
        ({"tools": []}, "tools", "length"),
        ({"tools": [tool("with space")]}, "tools[0].function.name", "regex"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
            "tools[0].function.parameters",
            "'object'",
        ),
        (
            {"tools": [strict_tool({"type": "object", "properties": {}})]},
            "tools[0].function.parameters",
            "additionalProperties",
        ),
        (
            {"tools": [strict_tool({"type": "object"})]},
            "tools[0].function.parameters",
            "additionalProperties",
        ),
        (
            {
                "tools": [
                    strict_tool(
                        {
                            "type": "object",
                            "properties": {"a": {"anyOf": [{"type": "null"}]}},
                            "additionalProperties": False,
                        }
                    )
                ]
            },
            "tools[0].function.parameters",
            "lacks 'a'",
        ),
        (
            {"response_format": schema_format({"type": "array"}, strict=True)},
            "response_format.schema",
            "'object'",
        ),
        (
            {
                "response_format": schema_format(
                    {
                        "type": "object",
                        "properties": {"a": {"$ref": "#/$defs/A"}},
                        "required": ["a"],
                        "additionalProperties": False,
                        "$defs": {"A": {"type": "object", "properties": {}}},
                    },
                    strict=True,
                )
            },
            "response_format.schema",
            "('$defs', 'A')",
        ),
        ({"messages": [{"role": "user", "content": "scenario: nonsense"}]}, None, "known are"),
        ({"messages": [{"role": "user", "content": "scenario: text x=1"}]}, None, "words"),
        ({"messages": [{"role": "user", "content": "scenario: text x"}]}, None, "key=value"),
        ({"messages": [{"role": "user", "content": "scenario: text 'x"}]}, None, "be read"),
        ({"messages": [{"role": "user", "content": "scenario: text tokens=x"}]}, None, "form"),
        ({"messages": [{"role": "user", "content": "scenario: call"}]}, "tools", "offers none"),
        (
            {
                "messages": [{"role": "user", "content": "scenario: bad-arguments kind=x"}],
                "tools": [tool("f")],
            },
            None,
            "neither",
        ),
    ],
    ids=str,
)
async def test_a_bad_request_is_refused_with_the_place_that_is_wrong(
    side: Side, change: dict[str, Any], param: str | None, said: str
) -> None:
    response = await side.http.post("chat/completions", json={**chat("Hi"), **change})

    error = response.json()["error"]
    assert response.status_code == 400
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert said in error["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"\xff"', b"[" * 100_000], ids=repr)
async def test_a_body_that_is_no_json_object_is_refused(side: Side, body: bytes) -> None:
    response = await side.http.post("chat/completions", content=body)

    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert side.control.requests[-1].raw == body


async def test_a_history_as_a_real_client_sends_it_is_accepted(side: Side) -> None:
    strict = strict_tool(
        {
            "type": "object",
            "properties": {
                "a": {"type": ["string", "null"]},
                "b": {"anyOf": [{"type": "null"}, {"type": "array", "items": {"enum": [1]}}]},
            },
            "required": ["a", "b"],
            "additionalProperties": False,
        }
    )
    bare = {"type": "function", "function": {"name": "no_parameters"}}
    messages: list[Any] = [
        {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
        USER,
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {**OUTPUT, "content": [{"type": "text", "text": "1"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "One."}]},
        {"role": "assistant", "content": None, "refusal": "No."},
        {"role": "user", "content": "Parrot"},
    ]

    chunks = await side.stream("", messages=messages, tools=[strict, bare])

    assert "turn 2" in text_of(chunks)


async def test_models_are_listed_and_found_one_by_one(side: Side) -> None:
    listed = [model.id async for model in side.openai.models.list()]
    found = await side.openai.models.retrieve("any/name")

    assert "scripted" in listed
    assert found.id == "any/name"


async def test_a_missing_model_a_wrong_path_and_a_wrong_method_are_error_objects(
    side: Side,
) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        await side.openai.models.retrieve("no-such-model")
    with pytest.raises(openai.NotFoundError) as missing_in_chat:
        await side.openai.chat.completions.create(**{**chat("Hi"), "model": "no-such-model"})
    wrong_path = await side.http.get("nowhere")
    wrong_method = await side.http.get("chat/completions")

    assert missing.value.code == missing_in_chat.value.code == "model_not_found"
    assert (wrong_path.status_code, wrong_method.status_code) == (404, 405)
    assert "GET /v1/nowhere" in wrong_path.json()["error"]["message"]
    assert wrong_method.headers["allow"] == "POST"


class Ingredient(pydantic.BaseModel):
    name: str = pydantic.Field(min_length=30)
    grams: float = pydantic.Field(gt=0, le=0.5)
    kind: Literal["dry", "wet"] | None = None


class Recipe(pydantic.BaseModel):
    title: str = pydantic.Field(max_length=8)
    ingredients: list[Ingredient] = pydantic.Field(min_length=3)
    variants: "list[Recipe]" = []
    best_with: "Recipe | None" = None
    notes: dict[str, int] = {}


SCHEMAS: list[dict[str, Any]] = [
    Recipe.model_json_schema(),
    {"type": "object", "properties": {"a": True, "b": {"const": 3}}, "required": ["a", "z"]},
    {"type": "array", "items": {"type": "integer"}, "uniqueItems": True, "minItems": 4},
    {"type": "array", "items": {"enum": ["x", "y"]}, "maxItems": 1},
    {"type": "array", "prefixItems": [{"type": "null"}, {"type": "boolean"}], "items": False},
    {"type": "array", "items": {"enum": ["x"]}, "uniqueItems": True},
    {"type": ["string", "null"]},
    {"type": "boolean"},
    {"items": {"type": ["null", "string"]}},
    {"properties": {"a": {"type": "string", "format": "date-time"}}},
    {"type": "string", "pattern": "^[A-Z]{3}$"},
    {"type": "string", "pattern": "^#[0-9a-f]{6}$", "maxLength": 7},
    {"type": "integer", "minimum": 7, "multipleOf": 5},
    {"type": "integer", "maximum": -2},
    {"type": "integer", "exclusiveMaximum": -2, "multipleOf": 0.5},
    {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 2}, "minItems": 4},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    {"type": "object", "minProperties": 2},
    {"type": "object", "additionalProperties": {"type": "number"}},
    {"oneOf": [{"type": "null"}, {"type": "object", "additionalProperties": False}]},
    {
        "allOf": [
            {"$ref": "#/$defs/A~1b"},
            {"type": "object", "properties": {"c": {"type": "integer"}}, "required": ["c"]},
        ],
        "$defs": {
            "A/b": {"type": "object", "properties": {"d": {"type": "null"}}, "required": ["d"]}
        },
    },
    {
        "type": "object",
        "properties": {
            "child": {
                "type": ["object", "null"],
                "properties": {"x": {"$ref": "#"}},
                "required": ["x"],
            }
        },
        "required": ["child"],
    },
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_a_sample_fits_its_schema(schema: dict[str, Any]) -> None:
    instance = sample(schema)

    jsonschema.validate(instance, schema, format_checker=jsonschema.FormatChecker())


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/missing"},
        {"$ref": "https://example.com/schema"},
        {"$ref": "#"},
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        {"type": "string", "pattern": "^never seen$"},
        {"type": "integer", "minimum": 2, "maximum": 1},
    ],
    ids=str,
)
def test_a_schema_that_cannot_be_sampled_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        sample(schema)


async def test_a_structured_answer_streams_in_pieces_and_fits(side: Side) -> None:
    schema = Recipe.model_json_schema()

    chunks = await side.stream("A recipe, please", response_format=schema_format(schema))

    Recipe.model_validate_json(text_of(chunks))
    assert len(chunks) > 20


async def test_a_structured_answer_can_break_its_schema_or_be_any_object(side: Side) -> None:
    format_ = schema_format(Recipe.model_json_schema())

    broken = text_of(await side.stream("scenario: schema-violation", response_format=format_))
    free = text_of(await side.stream("JSON", response_format={"type": "json_object"}))

    with pytest.raises(pydantic.ValidationError):
        Recipe.model_validate_json(broken)
    assert isinstance(json.loads(free), dict)

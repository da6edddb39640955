"""Samples that fit a JSON schema."""

from typing import Any

import jsonschema
import pytest

from app.scripted_model.checks import BadRequest
from app.scripted_model.sample import sample
from tests.scripted_model.recipe import Recipe

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

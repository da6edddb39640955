"""`app.tools.strict_schema`: what OpenAI's strict mode takes."""

from typing import Any

import pytest

from app.tools.strict_schema import strict_schema

TEXT = {"type": "string"}
POINT = {"type": "object", "properties": {"x": TEXT}, "required": ["x"]}


def an_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


@pytest.mark.parametrize(
    "value",
    [
        TEXT,
        {"type": "string", "pattern": "a+", "description": "d"},
        {"type": "string", "format": "date-time"},
        {"type": "integer", "minimum": 1, "maximum": 5},
        {"enum": ["a", "b"]},
        {"const": 1},
        {"type": "array", "items": TEXT, "minItems": 1},
        {"anyOf": [TEXT, {"type": "null"}]},
    ],
)
def test_what_strict_mode_knows_stays_as_it_is(value: dict[str, Any]) -> None:
    strict = strict_schema(an_object(value=value))

    assert strict is not None
    assert strict["properties"]["value"] == value


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"description": "anything"},
        {"type": "string", "minLength": 1},
        {"type": "string", "format": "uri"},
        {"type": "string", "default": "x"},
        {"type": "array"},
        {"type": "array", "prefixItems": [TEXT]},
        {"type": "object"},
        {"type": "object", "additionalProperties": TEXT},
        {"type": "object", "properties": {}, "additionalProperties": True},
        {"type": "object", "properties": {"x": TEXT}},
        {"oneOf": [TEXT]},
        {"anyOf": [TEXT, {}]},
    ],
)
def test_what_strict_mode_does_not_know_is_not_strict(value: dict[str, Any]) -> None:
    assert strict_schema(an_object(value=value)) is None


def test_an_input_that_is_no_object_is_not_strict() -> None:
    assert strict_schema(TEXT) is None


def test_every_object_is_closed_and_the_given_schema_stays_as_it_was() -> None:
    schema = {**an_object(a=POINT, b={"$ref": "#/$defs/P"}), "$defs": {"P": POINT}}

    strict = strict_schema(schema)

    closed = {**POINT, "additionalProperties": False}
    assert strict is not None
    assert strict["additionalProperties"] is False
    assert strict["properties"] == {"a": closed, "b": {"$ref": "#/$defs/P"}}
    assert strict["$defs"] == {"P": closed}
    assert "additionalProperties" not in POINT


def test_a_reference_with_a_description_is_written_out() -> None:
    described = {"$ref": "#/$defs/P", "description": "where"}
    schema = {**an_object(a=described), "$defs": {"P": POINT}}

    strict = strict_schema(schema)

    assert strict is not None
    assert strict["properties"]["a"] == {
        **POINT,
        "description": "where",
        "additionalProperties": False,
    }


def test_a_reference_into_itself_may_stand_only_alone() -> None:
    def tree(child: dict[str, Any]) -> dict[str, Any]:
        node = an_object(child={"anyOf": [child, {"type": "null"}]})
        return {**an_object(root={"$ref": "#/$defs/Node"}), "$defs": {"Node": node}}

    assert strict_schema(tree({"$ref": "#/$defs/Node"})) is not None
    assert strict_schema(tree({"$ref": "#/$defs/Node", "description": "next"})) is None

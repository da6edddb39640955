"""What a model and a user get to read of a foreign server."""

from typing import Any

import pytest

from app.mcp.cleaning import MOST_SCHEMA_BYTES, clean_schema, clean_text, one_line


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Search\n\tthe docs.", "Search\n\tthe docs."),
        ("zero\u200bwidth", "zerowidth"),
        ("right\u202eto left", "rightto left"),
        ("tag\U000e0041\U000e0042s", "tags"),
        ("bell\x07 and \x1b[31mred", "bell and [31mred"),
        ("half \ud800 a pair", "half  a pair"),
        ("  Oslo å 😀  ", "Oslo å 😀"),
    ],
)
def test_what_cannot_be_seen_is_left_out(text: str, seen: str) -> None:
    assert clean_text(text) == seen


def test_a_long_text_is_cut_where_one_can_see_it() -> None:
    assert clean_text("x" * 100, most_chars=10) == "x" * 9 + "…"
    assert clean_text("x" * 10, most_chars=10) == "x" * 10
    # Hidden characters hide no more than a few of the seen ones.
    assert clean_text("\u200b" * 1000 + "x", most_chars=10) == ""


def test_a_status_is_one_line() -> None:
    assert one_line(" Reading\r\n  page\t2\u2028 of 3 ") == "Reading page 2 of 3"
    assert len(one_line("word " * 1000)) == 500


def test_a_schema_stays_what_it_is() -> None:
    schema = {
        "type": "object",
        "properties": {
            "env": {"type": "string", "enum": ["prod", "te\u200bst"]},
            "description": {"type": "string", "description": "Hid\u200bden."},
        },
        "required": ["env"],
    }

    cleaned = clean_schema(schema)

    assert cleaned == {
        **schema,
        "properties": {
            "env": {"type": "string", "enum": ["prod", "te\u200bst"]},
            "description": {"type": "string", "description": "Hidden."},
        },
    }


def test_what_the_models_api_refuses_is_mended() -> None:
    schema = {
        "type": "object",
        "properties": {"tags": {"type": "array"}, "rows": {"type": "array", "items": [{}]}},
        "oneOf": [{"required": ["tags"]}],
        "if": {},
    }

    assert clean_schema(schema) == {
        "type": "object",
        "properties": {
            "tags": {"type": "array", "items": {}},
            "rows": {"type": "array", "items": [{}]},
        },
    }
    assert clean_schema({"type": "object"}) == {"type": "object", "properties": {}}


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"in": schema}}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        "object",
        {"type": "array"},
        {"type": "object", "properties": {"x": {"default": float("nan")}}},
        {"type": "object", "properties": {"x": {"default": object()}}},
        {"type": "object", "title": "x" * MOST_SCHEMA_BYTES},
        {"type": "object", "properties": ["x"]},
        {"type": "object", "required": "x"},
        {"type": "object", "required": [1]},
        nested(30),
    ],
    ids=lambda schema: str(schema)[:50],
)
def test_a_schema_that_cannot_be_shown_is_none(schema: object) -> None:
    assert clean_schema(schema) is None


def test_a_deep_schema_may_be_shown() -> None:
    assert clean_schema(nested(10)) == nested(10)

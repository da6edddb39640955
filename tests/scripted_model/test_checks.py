"""What both APIs refuse alike."""

from typing import Any

import msgspec
import pytest

from app.scripted_model.checks import (
    BadRequest,
    check_function,
    check_schema_format,
    decode_body,
    file_from_data,
    file_from_url,
    refused_types,
)
from app.scripted_model.conversation import ReceivedFile
from tests.scripted_model.client import Side


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"\xff"', b"[" * 100_000], ids=repr)
async def test_a_body_that_is_no_json_object_is_refused(side: Side, body: bytes) -> None:
    response = await side.http.post("chat/completions", content=body)

    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert side.control.requests[-1].raw == body


class Point(msgspec.Struct):
    x: int


STRICT_OBJECT: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}


def decoded(raw: bytes) -> Point:
    return decode_body(msgspec.json.Decoder(Point), raw)


def test_a_body_of_the_right_types_is_decoded() -> None:
    assert decoded(b'{"x": 1, "unknown": 2}') == Point(1)


@pytest.mark.parametrize(
    ("raw", "param", "code"),
    [
        (b'{"x": "one"}', "x", "invalid_type"),
        (b"{}", "x", "missing_required_parameter"),
        (b"[]", None, "invalid_type"),
        (b"{", None, None),
    ],
)
def test_a_refused_body_names_the_place(raw: bytes, param: str | None, code: str | None) -> None:
    with pytest.raises(BadRequest) as refused:
        decoded(raw)

    error = refused.value.error
    assert (error.status, error.param, error.code) == (400, param, code)


def test_the_place_of_a_value_comes_before_the_place_inside_of_it() -> None:
    with pytest.raises(msgspec.ValidationError) as invalid:
        msgspec.convert({"x": "one"}, Point)

    assert refused_types(invalid.value, "input[2]").error.param == "input[2].x"


@pytest.mark.parametrize("parameters", [None, {"type": "object"}, {"type": "object", "items": {}}])
def test_a_tool_that_is_not_strict_needs_an_object_or_nothing(parameters: Any) -> None:
    check_function(parameters, None, "tools[0]")


def test_the_schema_of_a_tool_describes_an_object() -> None:
    with pytest.raises(BadRequest, match="must have type 'object'") as refused:
        check_function({"type": "array"}, None, "tools[0]")

    assert refused.value.error.param == "tools[0].parameters"


@pytest.mark.parametrize(
    "schema",
    [
        STRICT_OBJECT,
        {**STRICT_OBJECT, "properties": {"a": {"anyOf": [STRICT_OBJECT, {"type": "null"}]}}},
        {**STRICT_OBJECT, "properties": {"a": {"type": "array", "items": STRICT_OBJECT}}},
        {**STRICT_OBJECT, "$defs": {"A": STRICT_OBJECT}, "definitions": {"B": STRICT_OBJECT}},
    ],
    ids=str,
)
def test_a_strict_schema_that_is_written_as_it_should_be_is_accepted(schema: Any) -> None:
    check_function(schema, True, "tools[0]")
    check_schema_format(schema, True, "format")


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({**STRICT_OBJECT, "additionalProperties": True}, "additionalProperties"),
        ({**STRICT_OBJECT, "required": []}, "'required' lacks 'a'"),
        (
            {**STRICT_OBJECT, "properties": {"a": {"anyOf": [{"type": "object"}]}}},
            r"\('properties', 'a', 'anyOf', '0'\)",
        ),
        (
            {**STRICT_OBJECT, "properties": {"a": {"items": {"type": "object"}}}},
            r"\('properties', 'a', 'items'\)",
        ),
        ({**STRICT_OBJECT, "$defs": {"A": {"type": "object"}}}, r"\('\$defs', 'A'\)"),
    ],
    ids=str,
)
def test_a_strict_schema_is_checked_in_every_place(schema: Any, said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        check_function(schema, True, "tools[0]")
    with pytest.raises(BadRequest, match=said):
        check_schema_format(schema, True, "format")


def test_a_format_that_is_not_strict_may_be_any_schema() -> None:
    check_schema_format({"type": "array"}, None, "format")

    with pytest.raises(BadRequest, match="must have type 'object'") as refused:
        check_schema_format({"type": "array"}, True, "format")
    assert refused.value.error.param == "format.schema"


@pytest.mark.parametrize(
    ("url", "name", "file"),
    [
        ("https://a.example/b.png", None, ReceivedFile("unknown", None, "https://a.example/b.png")),
        ("http://a.example/b.png", "b", ReceivedFile("unknown", None, "b")),
        ("data:image/png;base64,AAAA", None, ReceivedFile("image/png", 3)),
        ("data:text/plain;charset=utf-8;base64,AA==", "b", ReceivedFile("text/plain", 1, "b")),
    ],
)
def test_a_file_is_described_by_its_url(url: str, name: str | None, file: ReceivedFile) -> None:
    assert file_from_url(url, "messages", name=name) == file


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://a.example/b.png", "invalid_value"),
        ("data:text/plain,hello", "invalid_value"),
        ("data:image/png;base64,A", "invalid_base64"),
        ("data:image/png;base64,é", "invalid_base64"),
    ],
)
def test_a_url_that_holds_no_file_is_refused(url: str, code: str) -> None:
    with pytest.raises(BadRequest) as refused:
        file_from_url(url, "messages")

    assert (refused.value.error.code, refused.value.error.param) == (code, "messages")


def test_base64_has_no_spaces() -> None:
    with pytest.raises(BadRequest, match="not valid base64"):
        file_from_data("AA AA", "audio/wav", "messages")

"""`app.protocols.tool_result`: tool results as JSON."""

from typing import Any

import pytest

from app.protocols.tool_result import DataObject, ToolResult, data_object_to_json, to_json, wrapped


def test_a_success_has_the_documented_json() -> None:
    assert to_json(ToolResult.ok("Processed in 5 steps")) == {
        "_schema": "ToolResult",
        "_schema_version": "1.0",
        "status": "success",
        "message": "Processed in 5 steps",
        "data": None,
        "data_objects": [],
        "error_code": None,
    }


def test_a_file_has_the_documented_json() -> None:
    result = ToolResult.partial("Half", {"n": 1}, [DataObject(name="a.bin", content=b"\xff")])

    shown = to_json(result)

    assert shown["status"] == "partial"
    assert shown["data_objects"] == [
        {
            "name": "a.bin",
            "content": "/w==",
            "is_binary": True,
            "mime_type": "application/octet-stream",
            "disposition": "auto",
            "description": None,
            "preview": None,
            "metadata": None,
        }
    ]


def test_an_error_has_a_code() -> None:
    shown = to_json(ToolResult.error("No.", error_code="NOT_FOUND"))

    assert (shown["status"], shown["message"], shown["error_code"]) == ("error", "No.", "NOT_FOUND")


@pytest.mark.parametrize(
    ("content", "given", "sent"),
    [
        ("text", None, "text/plain"),
        (b"\xff", None, "application/octet-stream"),
        ("text", "", "text/plain"),
        ("a,b", "text/csv", "text/csv"),
    ],
)
def test_a_file_always_has_a_media_type(content: str | bytes, given: str | None, sent: str) -> None:
    """Agents leave out a file without one, and say that all went well."""
    file = DataObject(name="f", content=content, mime_type=given)

    assert data_object_to_json(file)["mime_type"] == sent


def test_a_disposition_that_agents_do_not_know_leaves_the_choice_to_them() -> None:
    file = DataObject(name="f", content="x", disposition="somewhere")

    assert data_object_to_json(file)["disposition"] == "auto"


@pytest.mark.parametrize(
    ("output", "data"),
    [
        ({"a": 1}, {"a": 1}),
        ({}, {}),
        ("text", {"result": "text"}),
        ([1], {"result": [1]}),
        (0, {"result": 0}),
        (None, None),
    ],
)
def test_a_plain_output_is_wrapped(output: Any, data: Any) -> None:
    assert wrapped(output) == ToolResult.ok(data=data)


def test_a_result_is_not_wrapped_again() -> None:
    result = ToolResult.ok("Done")

    assert wrapped(result) is result

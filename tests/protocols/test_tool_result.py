"""`app.protocols.tool_result`: tool results as JSON, both ways."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.protocols.tool_result import (
    DataObject,
    InvalidToolResult,
    ToolResult,
    from_json,
    to_json,
    wrapped,
)

any_text = st.text(alphabet=st.characters(exclude_categories=[]))
optional_text = st.none() | any_text
data = st.none() | st.dictionaries(any_text, st.none() | st.integers() | any_text)
data_objects = st.builds(
    DataObject,
    name=any_text,
    content=any_text | st.binary(),
    mime_type=optional_text,
    disposition=st.sampled_from(["auto", "artifact", "inline", "artifact_with_preview"]),
    description=optional_text,
    preview=optional_text,
    metadata=data,
)
results = st.builds(
    ToolResult,
    status=st.sampled_from(["success", "error", "partial"]),
    message=any_text,
    data=data,
    data_objects=st.lists(data_objects),
    error_code=optional_text,
)


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
            "mime_type": None,
            "disposition": "auto",
            "description": None,
            "preview": None,
            "metadata": None,
        }
    ]


def test_an_error_has_a_code() -> None:
    shown = to_json(ToolResult.error("No.", error_code="NOT_FOUND"))

    assert (shown["status"], shown["message"], shown["error_code"]) == ("error", "No.", "NOT_FOUND")


@given(results)
def test_any_result_survives_its_json(result: ToolResult) -> None:
    assert from_json(to_json(result)) == result


def test_what_is_missing_or_unknown_does_no_harm() -> None:
    assert from_json({"status": "success", "new_key": 1}) == ToolResult.ok(data_objects=[])
    named = {"status": "success", "message": None, "data_objects": [{"name": "x"}]}
    assert from_json(named).data_objects == [DataObject(name="x", content="")]


@pytest.mark.parametrize(
    "value",
    [
        None,
        "done",
        {},
        {"status": "great"},
        {"status": "success", "data": [1]},
        {"status": "success", "data_objects": [{}]},
        {
            "status": "success",
            "data_objects": [{"name": "x", "content": "no base64!", "is_binary": True}],
        },
    ],
)
def test_what_is_no_result_is_refused(value: Any) -> None:
    with pytest.raises(InvalidToolResult, match="does not fit"):
        from_json(value)


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

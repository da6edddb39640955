"""`app.protocols.model_output`: what a model reads of a tool's files."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.protocols.model_output import model_output
from app.protocols.tool_result import DataObject, data_object_to_json


def told(**fields: Any) -> Any:
    """Return what stands for the file in the model's request."""
    output = {"status": "success", "message": "M", "data_objects": [file(**fields)]}
    read = model_output(output)
    assert (read["status"], read["message"]) == ("success", "M")
    return read["data_objects"][0]


def file(**fields: Any) -> Any:
    return data_object_to_json(DataObject(**{"name": "f", "content": "x", **fields}))


@pytest.mark.parametrize("content", ["x" * 400_000, b"\xff" * 300_000])
def test_a_file_for_the_artifact_store_is_named_and_not_shown(content: str | bytes) -> None:
    assert told(content=content, disposition="artifact", preview="x", description="A scan") == {
        "name": "f",
        "mime_type": "text/plain" if isinstance(content, str) else "application/octet-stream",
        "disposition": "artifact",
        "description": "A scan",
        "size_bytes": len(content),
    }


@pytest.mark.parametrize("disposition", ["auto", "inline", "artifact_with_preview"])
def test_bytes_are_never_shown(disposition: str) -> None:
    assert told(content=b"\xff\xfe", disposition=disposition) == {
        "name": "f",
        "mime_type": "application/octet-stream",
        "disposition": disposition,
        "size_bytes": 2,
    }


@pytest.mark.parametrize(
    ("content", "given", "preview"),
    [
        ("x" * 1000, "Ten columns", "Ten columns"),
        ("x" * 1000, None, "x" * 500 + "..."),
        ("x" * 500, None, "x" * 500),
        (b"\xff", "A red dot", "A red dot"),
    ],
)
def test_a_file_with_a_preview_is_read_by_it(
    content: str | bytes, given: str | None, preview: str
) -> None:
    seen = told(content=content, disposition="artifact_with_preview", preview=given)

    assert seen["preview"] == preview
    assert seen["size_bytes"] == len(content)
    assert "content" not in seen


@pytest.mark.parametrize("disposition", ["auto", "inline"])
def test_a_text_that_is_to_be_read_is_read(disposition: str) -> None:
    whole = file(content="y" * 10_000, disposition=disposition)

    assert told(content="y" * 10_000, disposition=disposition) == whole


@pytest.mark.parametrize(
    "output",
    [
        None,
        "text",
        [1],
        {"data_objects": "none"},
        {"data_objects": []},
        {"data_objects": [None, {}, {"content": 5, "is_binary": True}]},
        {"data_objects": [{"content": "x", "disposition": ["artifact"]}]},
        {"rows": [{"content": "x", "is_binary": True}]},
    ],
)
def test_any_other_output_is_read_as_it_is(output: Any) -> None:
    assert model_output(output) is output


def test_the_output_itself_is_not_changed() -> None:
    output = {"data_objects": [file(content=b"\xff"), file()]}

    read = model_output(output)

    assert output["data_objects"][0]["content"] == "/w=="
    assert read["data_objects"][1] == file()


@given(st.binary() | st.text(alphabet=st.characters(exclude_categories=[])))
def test_the_size_is_that_of_the_file(content: str | bytes) -> None:
    data = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")

    assert told(content=content, disposition="artifact")["size_bytes"] == len(data)

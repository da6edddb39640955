"""`app.protocols.tool_result_reader`: results of other people's tools, in any form."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.protocols.tool_result import DISPOSITIONS, DataObject, ToolResult, to_json
from app.protocols.tool_result_reader import is_marked, read_result

MARK = {"_schema": "ToolResult", "_schema_version": "1.0"}

any_text = st.text(alphabet=st.characters(exclude_categories=[]))
optional_text = st.none() | any_text
data = st.none() | st.dictionaries(any_text, st.none() | st.integers() | any_text)
data_objects = st.builds(
    DataObject,
    name=any_text,
    content=any_text | st.binary(),
    mime_type=optional_text,
    disposition=st.sampled_from(sorted(DISPOSITIONS)),
    description=optional_text,
    preview=optional_text,
    metadata=data,
)
results = st.builds(
    ToolResult,
    status=any_text,
    message=any_text,
    data=data,
    data_objects=st.lists(data_objects),
    error_code=optional_text,
)


@given(results)
def test_any_result_survives_its_json(result: ToolResult) -> None:
    again = read_result(to_json(result))

    assert to_json(again) == to_json(result)
    files = [msgspec.structs.replace(item, mime_type=None) for item in again.data_objects]
    assert files == [msgspec.structs.replace(item, mime_type=None) for item in result.data_objects]


def test_what_is_missing_or_unknown_does_no_harm() -> None:
    assert read_result({**MARK, "new_key": 1}) == ToolResult.ok(data_objects=[])
    named = {**MARK, "status": "success", "message": None, "data_objects": [{"name": "x"}]}
    assert read_result(named).data_objects == [DataObject(name="x", content="")]


@pytest.mark.parametrize("status", ["ok", "completed", "pending", ""])
def test_a_tool_has_its_own_words_for_its_status(status: str) -> None:
    assert read_result({**MARK, "status": status, "message": "Hm"}) == ToolResult(
        status=status, message="Hm", data_objects=[]
    )


def test_a_file_may_say_what_it_likes_about_its_place() -> None:
    files = [{"name": "x", "disposition": "vault"}, {"name": "y", "disposition": None}]

    read = read_result({**MARK, "data_objects": files}).data_objects

    assert [file.disposition for file in read] == ["vault", "auto"]


def test_an_object_that_could_be_a_result_is_one_without_its_mark() -> None:
    plain = {"status": "error", "message": "No.", "error_code": "X"}

    assert read_result(plain) == ToolResult.error("No.", data_objects=[], error_code="X")


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ({"city": "Oslo"}, {"city": "Oslo"}),
        ({"status": "ok", "rows": [1]}, {"status": "ok", "rows": [1]}),
        ({"message": "Done"}, {"message": "Done"}),
        ({"status": 5}, {"status": 5}),
        ({}, {}),
        ("done", {"result": "done"}),
        ([1], {"result": [1]}),
        (None, None),
        ({**MARK, "data": [1]}, {**MARK, "data": [1]}),
    ],
)
def test_anything_else_is_the_data_of_a_success(value: Any, data: Any) -> None:
    assert read_result(value) == ToolResult.ok(data=data)


def test_what_says_that_it_is_an_error_stays_one_even_if_it_does_not_fit() -> None:
    odd = {**MARK, "status": "error", "message": ["No."]}

    assert read_result(odd) == ToolResult(status="error", data=odd)


@pytest.mark.parametrize(
    ("item", "name"),
    [
        ({"name": "x", "content": "AAA", "is_binary": True}, "x"),
        ({"name": "x", "content": 5}, "x"),
        ({"name": "x", "metadata": []}, "x"),
        ({"content": "x"}, "file"),
        ({"name": 7}, "file"),
        ("x", "file"),
    ],
)
def test_a_file_that_cannot_be_read_stays_and_says_so(item: Any, name: str) -> None:
    good = {"name": "good", "content": "x"}

    read = read_result({**MARK, "message": "Two", "data_objects": [item, good]})

    assert read.message == "Two"
    assert [(file.name, file.content) for file in read.data_objects] == [(name, ""), ("good", "x")]
    assert read.data_objects[0].description == "The content of this file could not be read."


def test_base64_may_have_line_ends() -> None:
    item = {"name": "x", "content": "aG\nk=", "is_binary": True}

    assert read_result({**MARK, "data_objects": [item]}).data_objects[0].content == b"hi"


def test_only_an_object_can_be_marked() -> None:
    assert is_marked(MARK)
    assert not is_marked({"_schema": "Other"})
    assert not is_marked([MARK])

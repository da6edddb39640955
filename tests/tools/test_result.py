"""`app.tools.result`: return values as results of calls."""

import datetime
import decimal
import enum
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel

from app.protocols.json_text import dumps
from app.protocols.tool_result import data_object_to_json
from app.tools import DataObject, ToolError, ToolResult
from app.tools.result import (
    MASKED,
    CallResult,
    Failure,
    OutputLimits,
    Success,
    call_result,
    chat_output,
)


class Model(BaseModel):
    day: datetime.date


class Record(msgspec.Struct):
    name: str


@dataclass
class Plain:
    ok: bool


class Color(enum.Enum):
    RED = "red"


def read(returned: Any, max_bytes: int = 1000, files: int | None = None) -> CallResult:
    return call_result(returned, tool_name="give", limits=OutputLimits(max_bytes, files))


@pytest.mark.parametrize(
    ("returned", "output"),
    [
        (None, None),
        ({"a": [1, 0.5, None, "x", True]}, {"a": [1, 0.5, None, "x", True]}),
        ({1: {"b"}}, {"1": ["b"]}),
        (Model(day=datetime.date(2026, 1, 2)), {"day": "2026-01-02"}),
        ([Record("x"), Plain(True), Color.RED], [{"name": "x"}, {"ok": True}, "red"]),
        ([b"hi", decimal.Decimal("1.10")], ["aGk=", "1.10"]),
        (
            MappingProxyType({"a": Model(day=datetime.date(2026, 1, 2))}),
            {"a": {"day": "2026-01-02"}},
        ),
    ],
)
def test_a_return_value_becomes_json(returned: Any, output: Any) -> None:
    assert read(returned) == Success(output)


def test_the_output_is_a_copy_that_the_tool_cannot_change() -> None:
    kept: dict[str, list[int]] = {"list": []}

    result = read(kept)
    kept["list"].append(1)

    assert result == Success({"list": []})


@pytest.mark.parametrize("returned", [object(), [print], {(1, 2): 3}, ToolResult.ok("", {"a": id})])
def test_a_value_without_a_json_form_is_a_tool_error(returned: Any) -> None:
    with pytest.raises(ToolError) as caught:
        read(returned)

    assert caught.value.message == "give returned a value that has no JSON form."
    assert caught.value.code == "INVALID_OUTPUT"


def test_the_limit_counts_the_bytes_of_the_json() -> None:
    assert read("é" * 4, max_bytes=10) == Success("é" * 4)
    with pytest.raises(ToolError) as caught:
        read("é" * 5, max_bytes=10)

    assert caught.value.message == "give returned 12 bytes of JSON, more than the 10 allowed."
    assert caught.value.code == "OUTPUT_TOO_LARGE"


def test_the_message_of_a_tool_result_counts_too() -> None:
    long_text = "x" * 1000

    with pytest.raises(ToolError, match="more than the 1000 allowed"):
        read(ToolResult.ok(long_text))
    with pytest.raises(ToolError, match="more than the 1000 allowed"):
        read(ToolResult.ok(long_text, None, [DataObject(name="f", content="x")]))


SMALL = DataObject(name="small.txt", content="x")
LARGE = DataObject(name="large.txt", content="x" * 1000)


def test_a_file_that_is_too_long_leaves_the_message_and_the_other_files() -> None:
    returned = ToolResult.ok("Three files", {"n": 3}, [SMALL, LARGE, SMALL])

    assert read(returned) == Success(
        ToolResult.ok(
            "Three files (large.txt is left out: it has 1000 characters, "
            "and files may have 941 bytes.)",
            {"n": 3},
            (SMALL, SMALL),
        )
    )


@pytest.mark.parametrize("content", ["x" * 1000, b"x" * 1000])
def test_a_file_may_have_just_what_the_output_leaves(content: str | bytes) -> None:
    file = DataObject(name="f", content=content)
    size = len(dumps(data_object_to_json(file)))
    rest = len(dumps({"status": "success", "message": "M"}))

    fits = read(ToolResult.ok("M", None, [file]), max_bytes=size + rest)
    misses = read(ToolResult.ok("M", None, [file]), max_bytes=size + rest - 1)

    assert fits == Success(ToolResult.ok("M", None, (file,)))
    assert isinstance(misses, Success)
    assert misses.output.data_objects == ()
    assert "f is left out: it has 1000 " in misses.output.message


def test_all_that_surrounds_a_file_counts_as_the_file() -> None:
    padded = DataObject(name="n" * 300, content="x", metadata={"note": "x" * 1000})

    result = read(ToolResult.ok("", None, [padded, SMALL]))

    assert isinstance(result, Success)
    assert result.output.data_objects == (SMALL,)
    assert result.output.message.startswith(f"({'n' * 100} is left out: it has 1 characters")


def test_where_files_are_stored_they_have_a_limit_of_their_own() -> None:
    returned = ToolResult.ok("M", {"n": 1}, [LARGE, LARGE])

    both = read(returned, max_bytes=100, files=10_000)
    one = read(returned, max_bytes=100, files=1_500)

    assert both == Success(ToolResult.ok("M", {"n": 1}, (LARGE, LARGE)))
    assert isinstance(one, Success)
    assert one.output.data_objects == (LARGE,)
    with pytest.raises(ToolError, match="more than the 100 allowed"):
        read(ToolResult.ok("x" * 100, None, [SMALL]), max_bytes=100, files=10_000)


def test_the_files_of_a_failure_are_kept_as_well() -> None:
    result = read(ToolResult.error("No.", None, [SMALL, LARGE]))

    assert isinstance(result, Failure)
    assert result.tool_result is not None
    assert result.tool_result.data_objects == (SMALL,)
    assert result.message.startswith("No. (large.txt is left out")


def test_a_file_without_a_json_form_is_a_tool_error() -> None:
    odd = DataObject(name="f", content="x", metadata={"a": object()})

    with pytest.raises(ToolError, match="has no JSON form"):
        read(ToolResult.ok("", None, [odd]))


def test_the_data_of_a_tool_result_becomes_a_json_object() -> None:
    listed: Any = [Plain(True)]

    assert read(ToolResult.ok("Done")) == Success(ToolResult.ok("Done"))
    assert read(ToolResult.ok("", {"n": Plain(True)})) == Success(
        ToolResult.ok("", {"n": {"ok": True}})
    )
    assert read(ToolResult.partial("", listed)) == Success(
        ToolResult.partial("", {"result": [{"ok": True}]})
    )


def test_a_tool_result_of_status_error_is_a_failure() -> None:
    returned = ToolResult.error("No seats.", {"left": 0}, error_code="SOLD_OUT")

    assert read(returned) == Failure("No seats.", "SOLD_OUT", returned)


def test_a_failure_without_a_message_is_masked_and_has_the_usual_code() -> None:
    completed = ToolResult.error(MASKED, error_code="EXECUTION_ERROR")

    assert read(ToolResult.error("")) == Failure(MASKED, "EXECUTION_ERROR", completed)


def test_a_chat_is_shown_what_a_tool_result_holds_and_no_empty_keys() -> None:
    file = DataObject(name="f.txt", content="x")

    assert chat_output([1]) == [1]
    assert chat_output(ToolResult.ok("Done")) == {"status": "success", "message": "Done"}
    shown = chat_output(ToolResult.partial("Half", {}, [file]))
    assert (shown["status"], shown["data"]) == ("partial", {})
    assert shown["data_objects"][0]["name"] == "f.txt"

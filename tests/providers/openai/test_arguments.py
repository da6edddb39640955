"""The arguments of calls, whole and broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.events import ToolInputAvailable, ToolInputError
from app.providers.openai.arguments import (
    NOT_AN_OBJECT,
    NOT_FINISHED,
    finished_call,
    is_object,
    parse_arguments,
    readable,
)

DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", {}),
        (" \n", {}),
        ('{"a":[1,null]}', {"a": [1, None]}),
        ("[1]", [1]),
        (r'{"a":"\ud800"}', {"a": "\ud800"}),
        ('{"a":"\ud800"}', {"a": "\ud800"}),
    ],
)
def test_arguments_are_parsed(text: str, value: object) -> None:
    assert parse_arguments(text) == value


@pytest.mark.parametrize("text", ["{", "nonsense", '{"a":NaN}', '{"a":-Infinity}'])
def test_text_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_arguments(text)


def test_text_that_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(RecursionError):
        parse_arguments(DEEP)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("", True), ("{}", True), ("[]", False), ("1", False), ("{", False), (DEEP, False)],
)
def test_whether_arguments_are_an_object(text: str, is_one: bool) -> None:
    assert is_object(text) is is_one


def test_a_whole_object_is_the_input() -> None:
    assert finished_call("c", "t", '{"a":1}') == ToolInputAvailable("c", "t", {"a": 1})


@pytest.mark.parametrize(("text", "value"), [("[1]", [1]), ('"a"', "a"), ("{", "{"), (DEEP, DEEP)])
def test_anything_else_fails_the_call(text: str, value: object) -> None:
    assert finished_call("c", "t", text) == ToolInputError("c", "t", value, NOT_AN_OBJECT)


@pytest.mark.parametrize(("text", "value"), [('{"a":1}', {"a": 1}), ("[1]", [1]), ("{", "{")])
def test_a_call_that_was_cut_off_fails_whatever_its_arguments(text: str, value: object) -> None:
    event = finished_call("c", "t", text, is_whole=False)

    assert event == ToolInputError("c", "t", value, NOT_FINISHED)


@given(st.text())
def test_any_text_ends_the_call_one_way_or_the_other(text: str) -> None:
    event = finished_call("c", "t", text)

    assert isinstance(event, ToolInputAvailable) is is_object(text)


def test_what_is_not_json_is_shown_as_it_is() -> None:
    assert readable('{"x":1}') == {"x": 1}
    assert readable('{"x":') == '{"x":'
    assert readable("[" * 100_000) == "[" * 100_000

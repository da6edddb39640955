"""`app.requests.fields`: what fits, and what is said of the first thing that does not."""

from typing import Any

import pytest

from app.requests.fields import (
    Misfit,
    boolean,
    json_object,
    list_of,
    optional,
    required,
    sized_string,
    string,
)


def _inner(value: Any) -> str:
    return required(json_object(value), "number", string)


def _outer(value: Any) -> tuple[str, list[str] | None]:
    fields = json_object(value)
    return required(fields, "inner", _inner), optional(fields, "numbers", list_of(_inner))


def _odd(value: Any) -> int:
    raise Misfit("must be odd, unlike {this}")


def _sentence(read: Any, value: object, place: str = "") -> str:
    with pytest.raises(Misfit) as caught:
        read(value)
    return caught.value.sentence(place)


@pytest.mark.parametrize(
    ("value", "place", "expected"),
    [
        ({}, "", "inner is missing."),
        ({}, "payload.", "payload.inner is missing."),
        ({}, "messages[2]", "messages[2].inner is missing."),
        ([], "messages[2]", "messages[2] must be an object."),
        ({"inner": {"number": 1}}, "", "inner.number must be a string."),
        ({"inner": None}, "", "inner must be an object."),
        (
            {"inner": {"number": "1"}, "numbers": [{}, {}]},
            "a[0]",
            "a[0].numbers[0].number is missing.",
        ),
        (
            {"inner": {"number": "1"}, "numbers": [{"number": "1"}, 2]},
            "",
            "numbers[1] must be an object.",
        ),
        ({"inner": {"number": []}, "numbers": [{}]}, "", "inner.number must be a string."),
    ],
)
def test_the_first_error_is_told_with_its_place(value: object, place: str, expected: str) -> None:
    assert _sentence(_outer, value, place) == expected


def test_a_list_of_lists_is_named_by_both_places() -> None:
    assert _sentence(list_of(list_of(string)), [[], ["a", 1]], "a") == "a[1][1] must be a string."


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (boolean, 1, "flag must be true or false."),
        (boolean, "true", "flag must be true or false."),
        (list_of(string), "x", "flag must be a list."),
        (json_object, [], "flag must be an object."),
        (string, 1, "flag must be a string."),
        (sized_string(3, min_length=1), "", "flag must not be empty."),
        (sized_string(3), "abcd", "flag must be at most 3 characters long."),
        (sized_string(3), 1, "flag must be a string."),
        (sized_string(3), "\ud800", "flag must be valid Unicode text."),
        (_odd, 2, "flag must be odd, unlike {this}."),
    ],
)
def test_each_kind_of_mistake_has_its_reason(read: Any, value: object, expected: str) -> None:
    assert _sentence(lambda fields: required(fields, "flag", read), {"flag": value}) == expected


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (boolean, False),
        (json_object, {"a": 1}),
        (string, "\ud800"),
        (sized_string(3), ""),
        (sized_string(3), "äöü"),
        (list_of(boolean), [True, False]),
        (list_of(boolean), []),
    ],
)
def test_what_fits_is_read_as_it_is(read: Any, value: object) -> None:
    assert required({"a": value}, "a", read) == value
    assert optional({"a": value}, "a", read) == value


def test_what_is_optional_may_be_absent_or_null() -> None:
    assert optional({}, "a", string) is None
    assert optional({"a": None}, "a", string) is None

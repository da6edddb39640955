"""`app.requests.sentence`: pydantic's errors in one sentence each."""

from typing import Annotated, Literal

import pytest
from pydantic import (
    BaseModel,
    Discriminator,
    Field,
    StrictBool,
    Tag,
    ValidationError,
    field_validator,
)

from app.errors import InvalidMessages
from app.requests.sentence import located, sentence, validated


class Inner(BaseModel):
    number: int


class Outer(BaseModel):
    inner: Inner
    numbers: Annotated[list[Inner], Field(fail_fast=True)] = []


@pytest.mark.parametrize(
    ("value", "place", "expected"),
    [
        ({}, "", "inner is missing."),
        ({}, "payload.", "payload.inner is missing."),
        ({}, "messages[2]", "messages[2].inner is missing."),
        ({"inner": {"number": "x"}}, "", "inner.number is not valid."),
        (
            {"inner": {"number": 1}, "numbers": [{}, {}]},
            "a[0]",
            "a[0].numbers[0].number is missing.",
        ),
        ({"inner": {"number": []}, "numbers": [{}]}, "", "inner.number is not valid."),
    ],
)
def test_the_first_error_is_told_with_its_place(value: object, place: str, expected: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(value)

    assert sentence(caught.value, place) == expected


class Everything(BaseModel):
    """A field for each kind of mistake that has a reason of its own."""

    flag: StrictBool = False
    items: list[int] = []
    table: dict[str, int] = {}
    kind: Literal["a", "b"] = "a"
    inner: Inner | None = None
    name: Annotated[str, Field(min_length=1, max_length=3)] = "x"
    tagged: (
        Annotated[
            Annotated[int, Tag("<int>")] | Annotated[Inner, Tag("<inner>")],
            Discriminator(lambda value: "<inner>" if isinstance(value, dict) else "<int>"),
        ]
        | None
    ) = None
    odd: int = 1

    @field_validator("odd")
    @classmethod
    def _is_odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise located("must be odd, unlike {this}")
        return value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"flag": 1}, "flag must be true or false."),
        ({"items": "x"}, "items must be a list."),
        ({"table": []}, "table must be an object."),
        ({"kind": "c"}, "kind must be 'a' or 'b'."),
        ({"inner": 1}, "inner must be an object."),
        ({"name": ""}, "name must not be empty."),
        ({"name": "abcd"}, "name must be at most 3 characters long."),
        ({"name": 1}, "name must be a string."),
        ({"name": "\ud800"}, "name must be valid Unicode text."),
        ({"tagged": {}}, "tagged.number is missing."),
        ({"odd": 2}, "odd must be odd, unlike {this}."),
    ],
)
def test_each_kind_of_mistake_has_its_reason(value: object, expected: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Everything.model_validate(value)

    assert sentence(caught.value) == expected


def test_a_value_is_its_model_or_an_error_with_the_sentence() -> None:
    assert validated(Inner, {"number": 1}, "a", InvalidMessages) == Inner(number=1)
    with pytest.raises(InvalidMessages, match=r"^a\.number is missing\.$"):
        validated(Inner, {}, "a", InvalidMessages)

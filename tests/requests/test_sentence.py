"""`app.requests.sentence`: pydantic's errors in one sentence each.

What the models of `app.requests` can run into is tested with them; here is the rest.
"""

from typing import Annotated

import pytest
from pydantic import BaseModel, Field, ValidationError

from app.requests.sentence import sentence


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

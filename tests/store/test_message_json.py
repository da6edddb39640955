"""`app.store.message_json`."""

from typing import Any

import pytest

from app.store.message_json import decoded, encoded, id_of


@pytest.mark.parametrize(
    "value",
    [
        {"id": "m", "role": "user", "parts": [{"type": "text", "text": "Grüße 👋 \x00 ' \" \\"}]},
        {"half of a pair": "\ud83d", "\ud800": ["\udfff"]},
        {"number": 2**200, "small": -(2**70), "float": 0.1, "none": None, "flag": True},
        {},
    ],
)
def test_a_message_comes_back_as_it_was(value: dict[str, Any]) -> None:
    assert decoded(encoded(value)) == value


@pytest.mark.parametrize(
    ("message", "found"), [({"id": "m"}, "m"), ({"id": ""}, ""), ({"id": 5}, None), ({}, None)]
)
def test_an_id_is_a_text(message: dict[str, Any], found: str | None) -> None:
    assert id_of(message) == found


def test_what_is_kept_does_not_change_with_the_message() -> None:
    message: dict[str, Any] = {"parts": []}
    data = encoded(message)
    message["parts"].append("more")

    assert decoded(data) == {"parts": []}


def test_a_number_that_json_has_not_becomes_null() -> None:
    assert decoded(encoded({"x": float("nan"), "y": "\ud800", "z": float("inf")})) == {
        "x": None,
        "y": "\ud800",
        "z": None,
    }

"""`app.requests.value_count`: values are counted without decoding them, and nothing hides any."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.requests.value_count import count_values, is_heavy
from tests.requests.test_body import json_values


def _values(value: Any) -> int:
    match value:
        case dict():
            return 1 + sum(_values(item) for item in value.values())
        case list():
            return 1 + sum(_values(item) for item in value)
        case _:
            return 1


@given(json_values, st.booleans(), st.integers(0, 12))
@example([""], True, 1)
@example({"": ""}, True, 1)
@example([["", {}], [""]], True, 5)
def test_a_text_is_over_a_limit_if_it_holds_more_values(
    value: Any, is_ascii: bool, limit: int
) -> None:
    text = json.dumps(value, ensure_ascii=is_ascii, separators=(",", ":"))

    is_over = _values(value) > limit

    assert (count_values(text, limit=limit) > limit) is is_over
    assert (count_values(text.encode("utf-8", "surrogatepass"), limit=limit) > limit) is is_over


@pytest.mark.parametrize(
    "text",
    [
        r'"\\",1,1',
        r'"\",1,1"',
        r'"\\\",[{,"',
        r'["\\\\",{"a\"":"\\"},1]',
        '["\\u0022,",1]',
    ],
)
def test_escapes_hide_nothing(text: str) -> None:
    values = [json.loads(text)] if not text.endswith("1,1") else [1, 1, 1]

    expected = sum(_values(value) for value in values)

    assert count_values(text, limit=expected) <= expected
    assert count_values(text, limit=expected - 1) > expected - 1


def test_a_text_of_many_commas_is_one_value() -> None:
    assert count_values(json.dumps({"csv": "1,2,3\n" * 10_000}), limit=2) == 2


@pytest.mark.parametrize("fault", [b"", b'"', b"\\", b"x", b'"\\', b"\x00"])
def test_a_fault_later_in_the_text_does_not_hide_what_comes_before_it(fault: bytes) -> None:
    assert count_values(b"[" + b"{}," * 1000 + fault, limit=500) > 500
    assert count_values(b"[" + b'"",' * 3000 + fault, limit=500) > 500


def test_a_body_is_heavy_by_its_length_or_by_its_marks() -> None:
    assert not is_heavy(b"[" + b"1," * 8_000 + b"1]")
    assert is_heavy(b"[" + b"1," * 9_000 + b"1]")
    assert not is_heavy(b'"' + b"a" * 60_000 + b'"')
    assert is_heavy(b'"' + b"a" * 70_000 + b'"')

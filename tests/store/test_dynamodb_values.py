"""What DynamoDB's JSON has for texts, numbers and bytes."""

import hashlib
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from hypothesis import given
from hypothesis import strategies as st

from app.store.dynamodb_values import (
    bytes_of,
    bytes_value,
    key_part,
    number_of,
    number_value,
    optional_text_of,
    text_of,
    text_value,
    whole_of,
)

any_text = st.text(alphabet=st.characters(exclude_categories=[]))


@given(any_text)
def test_any_text_comes_back(text: str) -> None:
    assert text_of(text_value(text)) == text


@given(st.binary())
def test_any_bytes_come_back(data: bytes) -> None:
    assert bytes_of(bytes_value(data)) == data


@given(st.integers(0, 10**16), st.floats(0, 1e10))
def test_times_come_back(whole: int, number: float) -> None:
    assert whole_of(number_value(whole)) == whole
    assert number_of(number_value(number)) == number


def test_a_text_without_utf8_is_bytes() -> None:
    value = text_value("half \ud83d")

    assert set(value) == {"B"}
    assert text_of(value) == "half \ud83d"


def test_the_sdk_reads_the_same() -> None:
    read: Any = TypeDeserializer().deserialize

    assert read(text_value("naïve")) == "naïve"
    assert read(number_value(1_767_225_600.25)) == 1_767_225_600.25
    assert read(number_value(1_795_308_826_016_671)) == 1_795_308_826_016_671


def test_there_may_be_no_text() -> None:
    assert optional_text_of(None) is None
    assert optional_text_of({"S": ""}) == ""


@given(any_text, any_text)
def test_a_key_is_of_one_text(one: str, other: str) -> None:
    assert (key_part(one) == key_part(other)) == (one == other)


@given(any_text)
def test_a_key_is_short_and_plain(text: str) -> None:
    part = key_part(text * 50)

    assert part.isascii()
    assert part.isprintable()
    assert "#" not in part
    assert len(part) <= 400


def test_a_key_can_be_read() -> None:
    assert key_part("anna@example.com") == "anna@example.com"
    assert key_part("a/b#c~d") == "a%2Fb%23c%7Ed"
    assert key_part("x" * 400) == "x" * 400
    assert key_part("x" * 401) == "~" + hashlib.sha256(b"x" * 401).hexdigest()

"""`app.requests.body`: bytes → JSON."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BodyTooLarge, InvalidJson, UnsupportedMediaType
from app.requests.body import MAX_DEPTH, parse_json
from app.requests.value_count import MAX_VALUES

any_text = st.text(alphabet=st.characters(exclude_categories=[]))
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | any_text,
    lambda children: st.lists(children) | st.dictionaries(any_text, children),
)


@given(json_values)
def test_every_json_value_is_read_as_it_was_written(value: Any) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@given(any_text)
def test_a_lone_surrogate_that_is_not_escaped_is_read_from_text(text: str) -> None:
    assert parse_json(json.dumps(text, ensure_ascii=False)) == text


@given(st.binary())
def test_bytes_that_are_no_json_are_refused_with_one_sentence(body: bytes) -> None:
    try:
        parse_json(body)
    except InvalidJson as error:
        assert error.public_message.endswith(".")


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"\xef\xbb\xbf{}", {}),
        (b' \r\n\t{"a": 1} \n', {"a": 1}),
        (b'{"a":1,"a":2}', {"a": 2}),
        (rb'"\ud83d\ude00"', "😀"),
        (rb'"\ude00\ud83d"', "\ude00\ud83d"),
        (rb'["\ud800", 1.5, -0.0, 1e3]', ["\ud800", 1.5, -0.0, 1000.0]),
        (b"12345678901234567890123", 12345678901234567890123),
    ],
)
def test_whatever_javascript_may_write_is_accepted(body: bytes, value: object) -> None:
    assert parse_json(body) == value


def test_a_byte_order_mark_in_a_text_is_skipped_too() -> None:
    assert parse_json("\ufeff{}") == {}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "The request body is empty; it must be a JSON document."),
        (b" \r\n", "The request body is empty; it must be a JSON document."),
        (b"\xef\xbb\xbf", "The request body is empty; it must be a JSON document."),
        (b'{"a":1,\n "b"}', "The request body is not valid JSON (line 2, column 5)."),
        (b'{"a":1}x', "The request body is not valid JSON (line 1, column 8)."),
        (b'"\xff"', "The request body is not valid UTF-8."),
        (b'"\xed\xa0\x80"', "The request body is not valid UTF-8."),
        (b"[NaN]", "The request body is not valid JSON: NaN is not a JSON value."),
        (b"-Infinity", "The request body is not valid JSON: -Infinity is not a JSON value."),
        (b"[1e400]", "The request body holds a number that is out of range."),
        (b"1" * 5000, "The request body holds a number that is out of range."),
        (
            rb'["\ud800", %s]' % (b"1" * 5000),
            "The request body holds a number that is out of range.",
        ),
        (b"[" * 5000, "The request body is nested more than 100 levels deep."),
        (b"\xef\xbb\xbf" + b"[" * 5000, "The request body is nested more than 100 levels deep."),
        (
            b'{"a":' * 101 + b"1" + b"}" * 101,
            "The request body is nested more than 100 levels deep.",
        ),
    ],
)
def test_what_is_not_json_is_refused_with_one_sentence(body: bytes, sentence: str) -> None:
    with pytest.raises(InvalidJson) as caught:
        parse_json(body)

    assert caught.value.public_message == sentence


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_the_deepest_value_allowed_is_accepted(opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    body = b"[[]," + opening * (MAX_DEPTH - 1) + b"1" + closing * (MAX_DEPTH - 1) + b"]"

    assert parse_json(body)[0] == []
    assert parse_json(body.decode())[0] == []
    with pytest.raises(InvalidJson):
        parse_json(b"[" + body + b"]")


def test_a_body_of_just_the_limit_is_accepted_and_one_byte_more_is_not() -> None:
    assert parse_json(b'"1234"', max_bytes=6) == "1234"
    with pytest.raises(BodyTooLarge) as caught:
        parse_json(b'"12345"', max_bytes=6)

    assert caught.value.public_message == "The request body is larger than 6 bytes."


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/cloudevents+json",
        "text/plain;charset=UTF-8",
    ],
)
def test_json_and_what_a_beacon_sends_are_accepted(content_type: str | None) -> None:
    assert parse_json(b"1", content_type=content_type) == 1


def test_what_curl_sends_by_default_is_accepted_if_it_is_json() -> None:
    assert parse_json(b"1", content_type="application/x-www-form-urlencoded") == 1


def test_a_real_form_is_refused_as_a_form() -> None:
    with pytest.raises(UnsupportedMediaType):
        parse_json(b"a=b", content_type="application/x-www-form-urlencoded; charset=utf-8")


@pytest.mark.parametrize(
    "content_type",
    ["application/xml", "multipart/form-data", "json", "text/html"],
)
def test_another_content_type_is_refused(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType) as caught:
        parse_json(b"1", content_type=content_type)

    assert caught.value.public_message == "The content type must be application/json."


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":[' + b"{}," * 2_000_000 + b"1]}",
        b'{"a":[' + b"1," * 3_000_000 + b"1]}",
        b'{"s":"\\ud800","a":[' + b'"",' * 1_000_000 + b"1]}",
    ],
    ids=["objects", "numbers", "lone surrogate"],
)
def test_a_body_of_very_many_values_is_refused_before_it_is_decoded(body: bytes) -> None:
    with pytest.raises(BodyTooLarge) as caught:
        parse_json(body, max_bytes=len(body))

    assert caught.value.public_message == (
        "The request body holds more than 200000 JSON values; send less at once."
    )
    assert parse_json(b"[" + b"{}," * (MAX_VALUES - 2) + b"1]") is not None


@pytest.mark.parametrize("body", [b"[" * 6_000_000, '{"a":' + "[" * 6_000_000])
def test_nothing_but_brackets_is_nested_too_deeply(body: bytes | str) -> None:
    with pytest.raises(InvalidJson, match=r"^The request body is nested more than 100 levels deep"):
        parse_json(body)

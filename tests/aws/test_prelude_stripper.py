"""What is removed from a response, and what is not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.aws.http_integration import Prelude, encode_prelude
from app.aws.prelude_stripper import PreludeStripper

PRELUDE = encode_prelude(Prelude(404, (("content-type", "text/plain"),), ("a=1",)))


def strip(pieces: list[bytes]) -> tuple[list[bytes], list[int]]:
    statuses: list[int] = []
    stripper = PreludeStripper(statuses.append)
    passed = [stripper.feed(piece) for piece in pieces]
    return [*passed, stripper.close()], statuses


@given(st.binary(max_size=40), st.integers(min_value=1, max_value=30))
def test_a_prelude_is_taken_off_however_it_is_split(body: bytes, size: int) -> None:
    wire = PRELUDE + body

    passed, statuses = strip([wire[i : i + size] for i in range(0, len(wire), size)])

    assert b"".join(passed) == body
    assert statuses == [404]


@given(st.binary(max_size=200), st.integers(min_value=1, max_value=30))
def test_any_other_response_passes_whole(body: bytes, size: int) -> None:
    passed, statuses = strip([body[i : i + size] for i in range(0, len(body), size)])

    assert b"".join(passed) == body
    assert statuses == []


@pytest.mark.parametrize(
    "piece",
    [
        b"data: 1\n\n",
        b'{"type":"status"}\n',
        b'{"statusCode":200}\n',
        b'{"headers":{}} and text',
        b'{"statusCode":"x","a":1}\n',
        b" " * 64,
        b" " * 64 + PRELUDE,
        b"{" + b" " * 64 + PRELUDE[1:],
        b'{"cookies":["\\"}"]}x',
    ],
)
def test_the_first_piece_of_a_response_without_prelude_does_not_wait(piece: bytes) -> None:
    passed, _ = strip([piece])

    assert passed[0] == piece


@pytest.mark.parametrize("piece", [b"", b"{", b'{ "sta', b'{"cookies":', b'{"statusCode":200}'])
def test_what_may_still_become_a_prelude_waits(piece: bytes) -> None:
    passed, _ = strip([piece])

    assert passed == [b"", piece]


def test_json_followed_by_something_else_than_eight_nuls_is_the_body() -> None:
    wire = json.dumps({"statusCode": 200}).encode() + bytes(3) + b"text"

    passed, statuses = strip([wire])

    assert passed == [wire, b""]
    assert statuses == []


def test_a_prelude_that_is_nested_too_deeply_is_the_body() -> None:
    wire = b'{"headers":' + b"[" * 3000 + bytes(8)

    assert strip([wire]) == ([wire, b""], [])


def test_brackets_in_strings_do_not_end_the_prelude() -> None:
    prelude = b'{"cookies":["}\\"}\\\\"],"statusCode":404}' + bytes(8)

    for cut in range(len(prelude)):
        passed, statuses = strip([prelude[:cut], prelude[cut:], b"text"])

        assert b"".join(passed) == b"text"
        assert statuses == [404]


def test_an_escape_may_be_cut_anywhere() -> None:
    wire = b'{"cookies":["\\"}\\\\"]}\r' + bytes(8)

    for cut in range(len(wire)):
        passed, statuses = strip([wire[:cut], wire[cut:]])

        assert (b"".join(passed), statuses) == (wire, [])


def test_nobody_has_to_listen_for_the_status() -> None:
    assert PreludeStripper().feed(PRELUDE + b"text") == b"text"

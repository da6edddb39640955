"""Where a response ends, and what of it is the body, for any way in which its bytes may come."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.providers.openers.response_framing import (
    MAX_FRAMING_BYTES,
    MAX_HEAD_BYTES,
    MAX_INTERIM_RESPONSES,
    ResponseFraming,
)

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
HINT = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"


def fed(*reads: bytes, ends: bool = False) -> ResponseFraming:
    framing = ResponseFraming()
    for data in reads:
        framing.feed(data)
    if ends:
        framing.feed_end()
    return framing


def body(framing: ResponseFraming) -> bytes:
    return b"".join(framing.pieces)


# response, its status, its body, whether its connection serves again
WHOLE = {
    "chunked": (CHUNKED + b"3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n", 200, b"abcd", True),
    "with extensions": (CHUNKED + b'3;a=b;c="d"\r\nabc\r\n0;e\r\n\r\n', 200, b"abc", True),
    "with two codings": (
        OK + b"transfer-encoding: gzip\r\ntransfer-encoding: Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        200,
        b"a",
        True,
    ),
    "with trailers": (CHUNKED + b"3\r\nabc\r\n0\r\nx-a: 1\r\nx-b: 2\r\n\r\n", 200, b"abc", True),
    "with a length": (OK + b"content-length: 3\r\n\r\nabc", 200, b"abc", True),
    "empty": (OK + b"content-length: 0\r\n\r\n", 200, b"", True),
    "without content": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    "not modified": (b"HTTP/1.1 304 X\r\ncontent-length: 9\r\n\r\n", 304, b"", True),
    "that closes": (OK + b"Connection: close\r\ncontent-length: 3\r\n\r\nabc", 200, b"abc", False),
    "of 1.0": (b"HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nabc", 200, b"abc", False),
    "of 1.0, kept": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\ncontent-length: 3\r\n\r\nabc",
        200,
        b"abc",
        True,
    ),
    "without a reason": (b"HTTP/1.1 500\r\ncontent-length: 1\r\n\r\na", 500, b"a", True),
    "with line ends of Unix": (b"HTTP/1.1 200 OK\ncontent-length: 1\n\na", 200, b"a", True),
    "after hints": (
        HINT * 2
        + b"HTTP/1.1 100 Continue\r\ncontent-length: 0\r\n\r\n"
        + OK
        + b"content-length: 1\r\n\r\na",
        200,
        b"a",
        True,
    ),
    "that offers another protocol": (
        OK + b"connection: upgrade\r\nupgrade: h2c\r\ncontent-length: 1\r\n\r\na",
        200,
        b"a",
        True,
    ),
}


@pytest.mark.parametrize(("data", "status", "content", "keeps_alive"), WHOLE.values(), ids=WHOLE)
def test_a_response_ends_where_it_says(
    data: bytes, status: int, content: bytes, keeps_alive: bool
) -> None:
    for framing in (fed(data), fed(*(data[at : at + 1] for at in range(len(data))))):
        assert framing.head is not None
        assert framing.head.status == status
        assert body(framing) == content
        assert framing.is_complete
        assert framing.keeps_alive is keeps_alive
        assert framing.fault is None


@given(st.sampled_from(sorted(WHOLE)), st.lists(st.integers(0, 400)))
def test_any_cut_of_a_response_gives_the_same(name: str, places: list[int]) -> None:
    data, _, content, keeps_alive = WHOLE[name]
    cuts = [0, *sorted(place for place in places if place < len(data)), len(data)]

    framing = fed(*(data[a:b] for a, b in pairwise(cuts)))

    assert (body(framing), framing.is_complete) == (content, True)
    assert (framing.keeps_alive, framing.fault) == (keeps_alive, None)


@pytest.mark.parametrize("name", ["chunked", "with trailers", "with a length", "after hints"])
def test_a_response_that_is_cut_off_is_a_fault_wherever_it_is_cut(name: str) -> None:
    data, _, content, _ = WHOLE[name]

    for place in range(1, len(data)):
        framing = fed(data[:place], ends=True)

        assert framing.fault == "the server closed the connection before the end of the response"
        assert framing.has_begun
        assert content.startswith(body(framing))
        assert not framing.is_complete
        assert not framing.keeps_alive


def test_the_end_of_the_connection_may_be_the_end_of_the_body() -> None:
    framing = fed(OK + b"\r\nab", b"c")
    assert not framing.is_complete

    framing.feed_end()

    assert (body(framing), framing.is_complete, framing.keeps_alive) == (b"abc", True, False)


def test_a_coding_that_is_not_chunked_ends_with_the_connection() -> None:
    framing = fed(OK + b"transfer-encoding: gzip\r\n\r\nab", ends=True)

    assert (body(framing), framing.is_complete) == (b"ab", True)


def test_no_response_is_told_from_half_a_response() -> None:
    framing = fed(ends=True)

    assert framing.fault == "the server closed the connection without a response"
    assert not framing.has_begun


def test_a_server_may_close_behind_its_response() -> None:
    framing = fed(WHOLE["chunked"][0], ends=True)

    assert (framing.is_complete, framing.fault, framing.keeps_alive) == (True, None, False)


def test_names_of_headers_are_in_lower_case_and_repeated_values_joined() -> None:
    framing = fed(OK + b"X-A: 1\r\nx-a:  2 \r\nX-B:\r\nx-c: a\r\n b\r\nx-d: \xe9\r\n\r\n")

    assert framing.head is not None
    assert framing.head.headers == {"x-a": "1, 2", "x-b": "", "x-c": "a b", "x-d": "é"}


def test_of_the_headers_only_those_are_kept_that_are_wanted() -> None:
    framing = fed(OK + b"keep-alive: timeout=5\r\nx-request-id: 1\r\ncontent-length: 1\r\n\r\n")
    before = fed(b"HTTP/1.1 200")

    for forgetful in (framing, before):
        forgetful.forget_headers(but=("keep-alive", "age"))
    framing.feed(b"a")

    assert framing.head is not None
    assert (framing.head.status, dict(framing.head.headers)) == (200, {"keep-alive": "timeout=5"})
    assert framing.is_complete
    assert before.head is None


def test_headers_of_an_interim_response_are_not_those_of_the_final_one() -> None:
    framing = fed(HINT + OK + b"x-a: 1\r\n\r\n")

    assert framing.head is not None
    assert framing.head.headers == {"x-a": "1"}


@pytest.mark.parametrize(
    "more",
    [b"H", b"garbage\r\n\r\n", CHUNKED + b"3\r\nbad\r\n0\r\n\r\n"],
    ids=["a byte", "garbage", "another response"],
)
@pytest.mark.parametrize("arrival", ["at once", "later"])
@pytest.mark.parametrize("name", ["chunked", "with a length", "without content", "that closes"])
def test_what_follows_a_response_is_no_part_of_it(name: str, arrival: str, more: bytes) -> None:
    data, _, content, _ = WHOLE[name]

    framing = fed(data + more) if arrival == "at once" else fed(data, more)

    assert (body(framing), framing.is_complete, framing.fault) == (content, True, None)
    assert not framing.keeps_alive


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "malformed HTTP"),
        (b"<html>", "malformed HTTP"),
        (OK + b"x: a\0\r\n\r\n", "a header has a control character in it"),
        (OK + b"x y: 1\r\n\r\n", "malformed HTTP"),
        (OK + b"content-length: 3\r\ncontent-length: 4\r\n\r\nabcd", "malformed HTTP"),
        (OK + b"content-length: -1\r\n\r\n", "malformed HTTP"),
        (OK + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n", "malformed HTTP"),
        (
            b"HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
            "the server switches to a protocol that nobody asked for",
        ),
        *(
            (b"HTTP/1.1 %b\r\n\r\na" % head, "an interim response has a body")
            for head in (
                b"150 X\r\ncontent-length: 1",
                b"103 X\r\ncontent-length: 1",
                b"150 X\r\ntransfer-encoding: chunked",
                b"051 X\r\nserver: a",
            )
        ),
        (HINT * (MAX_INTERIM_RESPONSES + 1), "interim responses have no end"),
    ],
)
def test_what_cannot_be_read_is_a_fault_and_no_response(data: bytes, fault: str) -> None:
    framing = fed(data, b"more")

    assert framing.fault is not None
    assert framing.fault.startswith(fault)
    assert framing.has_begun
    assert (framing.head, framing.pieces, framing.is_complete) == (None, [], False)


def test_what_came_before_a_fault_stays() -> None:
    framing = fed(CHUNKED + b"3\r\nabc\r\nZZ\r\n", b"3\r\nxyz\r\n", ends=True)

    assert body(framing) == b"abc"
    assert framing.fault == "malformed HTTP: Invalid character in chunk size"
    assert not framing.is_complete


ENDLESS = {
    "one header": (OK + b"x: ", b"a" * 1000),
    "headers": (OK, b"x-a: 1\r\n" * 100),
    "the reason": (b"HTTP/1.1 200 ", b"a" * 1000),
    "line ends in front of the response": (b"", b"\r\n" * 1000),
    "interim responses with long headers": (
        b"",
        b"HTTP/1.1 103 X\r\nx: %b\r\n\r\n" % (b"a" * 9000),
    ),
    "an extension of a chunk": (CHUNKED + b"1;", b"a" * 1000),
    "trailers": (CHUNKED + b"0\r\n", b"x-a: 1\r\n" * 100),
}


@pytest.mark.parametrize(("start", "more"), ENDLESS.values(), ids=ENDLESS)
def test_what_is_no_body_is_limited(start: bytes, more: bytes) -> None:
    framing = fed(start) if start else ResponseFraming()
    sent = 0
    while framing.fault is None:
        framing.feed(more)
        sent += len(more)
        assert sent <= max(MAX_HEAD_BYTES, MAX_FRAMING_BYTES) + 2 * len(more)

    assert framing.fault.endswith("no end")


def test_a_head_is_limited_although_it_comes_in_one_read() -> None:
    framing = fed(OK + b"x: %b\r\n\r\n" % (b"a" * MAX_HEAD_BYTES))

    assert (framing.head, framing.fault) == (None, "the headers have no end")


def test_a_long_body_behind_a_short_head_is_no_long_head() -> None:
    content = b"a" * (4 * MAX_HEAD_BYTES)

    framing = fed(OK + b"content-length: %d\r\n\r\n" % len(content) + content)

    assert (body(framing), framing.is_complete) == (content, True)


def test_padding_between_pieces_counts_anew_with_each() -> None:
    padded = b"1;" + b"x" * (MAX_FRAMING_BYTES // 2) + b"\r\n"

    framing = fed(CHUNKED, *(part for _ in range(10) for part in (padded, b"a\r\n")))

    assert (body(framing), framing.fault) == (b"a" * 10, None)

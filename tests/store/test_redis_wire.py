"""`app.store.redis_wire`: what Redis is told, and what it says."""

import pytest
from redis.exceptions import InvalidResponse, NoScriptError, ResponseError

from app.store.redis_wire import Replies, packed


def test_commands_go_out_in_one_piece_with_bytes_texts_and_numbers() -> None:
    assert packed([("GET", b"k\r\n\xff"), ["SELECT", 3], ("AUTH", "naïve")]) == (
        b"*2\r\n$3\r\nGET\r\n$4\r\nk\r\n\xff\r\n"
        b"*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"
        b"*2\r\n$4\r\nAUTH\r\n$6\r\nna\xc3\xafve\r\n"
    )


def test_replies_come_when_they_are_whole_however_they_are_cut() -> None:
    data = b"+OK\r\n:7\r\n$3\r\na\r\n\r\n$-1\r\n*2\r\n$1\r\nx\r\n*0\r\n"
    for size in range(1, len(data) + 1):
        replies = Replies()

        found = [
            reply
            for start in range(0, len(data), size)
            for reply in replies.feed(data[start : start + size])
        ]

        assert found == [b"OK", 7, b"a\r\n", None, [b"x", []]]


def test_an_error_is_a_reply_of_its_kind() -> None:
    missing, own = Replies().feed(b"-NOSCRIPT No matching script.\r\n-MISCONF disk\r\n")

    assert isinstance(missing, NoScriptError)
    assert isinstance(own, ResponseError)
    assert str(own) == "MISCONF disk"


def test_what_is_no_reply_is_refused() -> None:
    with pytest.raises(InvalidResponse):
        Replies().feed(b"HTTP/1.1 400 Bad Request\r\n")

"""`app.callables`: what can be called with what."""

import pytest

from app.callables import takes


def _two(first: int, second: int = 0) -> int:
    return first + second


@pytest.mark.parametrize(("count", "is_taken"), [(0, False), (1, True), (2, True), (3, False)])
def test_what_may_be_left_out_may_be_given_too(count: int, is_taken: bool) -> None:
    assert takes(_two, count) is is_taken


def test_what_is_no_function_takes_nothing() -> None:
    assert not takes("app", 0)


def test_what_does_not_say_what_it_takes_takes_nothing() -> None:
    # Its signature is a ValueError.
    assert not takes(type, 1)

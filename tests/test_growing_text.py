"""Text that grows by pieces, kept in little more memory than it is long."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.growing_text import GrowingText, utf8_bytes

any_text = st.text(alphabet=st.characters(exclude_categories=[]))


@given(st.lists(any_text, max_size=4), st.sampled_from([1, 2, 1000]))
def test_it_is_what_was_added_however_often(pieces: list[str], times: int) -> None:
    text = GrowingText()
    for piece in pieces * times:
        text.append(piece)

    assert str(text) == "".join(pieces * times)
    assert str(text) == "".join(pieces * times)


def test_halves_of_a_surrogate_pair_stay_halves() -> None:
    text = GrowingText()
    for piece in ("\ud83d" * 5000, "\ude00"):
        text.append(piece)

    assert str(text) == "\ud83d" * 5000 + "\ude00"


def test_it_is_true_once_something_was_added_and_can_be_emptied() -> None:
    text = GrowingText()
    assert not text
    text.append("")
    assert text
    text.append("x" * 10_000)
    assert text
    text.clear()
    assert not text
    assert str(text) == ""


@pytest.mark.parametrize("piece", ["ab", "abc 😀"], ids=["ascii", "an emoji"])
def test_a_megabyte_in_small_pieces_takes_little_more_than_a_megabyte(piece: str) -> None:
    size = 1_000_000
    tracemalloc.start()
    text = GrowingText()
    for number in range(size // utf8_bytes(piece)):
        text.append(f"{piece[:-1]}{chr(ord('a') + number % 26)}" if piece == "ab" else f"{piece} ")
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert taken < 1.3 * size


@pytest.mark.parametrize("text", ["", "abc", "é😀", "\ud800"])
def test_a_length_is_that_of_utf_8(text: str) -> None:
    assert utf8_bytes(text) == len(text.encode("utf-8", "surrogatepass"))

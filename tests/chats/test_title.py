"""`app.chats.title`: titles of chats."""

import unicodedata

import pytest
from hypothesis import given

from app.chats.title import LONGEST, first_words, one_line
from tests.chats.stored import said
from tests.sample_turns import any_text


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Hi", "Hi"),
        ("  What is\n\tthe weather?\x00 ", "What is the weather?"),
        ("word " * 30, ("word " * 16).strip()),
        ("x" * 200, "x" * 80),
        (f"{'x' * 79} y", "x" * 79),
        (f"{'x' * 80} y", "x" * 80),
        (f"{'x' * 78} yz", "x" * 78),
        ("half a pair \ud83d", "half a pair ?"),
        ("tree \u202e3eert", "tree 3eert"),
        ("👩\u200d👩\u200d👧 family", "👩\u200d👩\u200d👧 family"),
        (" \n ", ""),
    ],
)
def test_a_title_is_one_line_cut_between_words(text: str, title: str) -> None:
    assert one_line(text) == title


@given(any_text)
def test_any_text_makes_a_title_that_can_be_stored_and_shown(text: str) -> None:
    title = one_line(text)

    assert len(title) <= LONGEST
    assert title == title.strip()
    assert title.encode().decode() == title
    assert "Cc" not in {unicodedata.category(one) for one in title}


def test_a_long_message_is_not_read_to_its_end() -> None:
    assert one_line("x" * 10_000_000) == "x" * LONGEST


@pytest.mark.parametrize(
    ("parts", "title"),
    [
        ([said("Hi"), said("there")], "Hi"),
        ([{"type": "data-x", "data": 1}, said(" "), said("Hi")], "Hi"),
        ([{"type": "file", "filename": "plan.pdf"}, said("")], "plan.pdf"),
        ([{"type": "file", "filename": "plan.pdf"}, said("See")], "See"),
        ([said("")], ""),
    ],
)
def test_a_chat_is_called_by_the_first_words_of_its_first_message(
    parts: list[object], title: str
) -> None:
    assert first_words({"id": "u1", "role": "user", "parts": parts}) == title

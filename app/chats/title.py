"""Titles of chats."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from app.store.store import UIMessage

# ``create_app(title=…)``: called with the messages of a new chat after its first turn, however that
# ended. What it returns becomes the title (`one_line`); None or nothing but space: it stays.
TitleOf: TypeAlias = Callable[[Sequence[UIMessage]], Awaitable[str | None] | str | None]


def first_words(message: UIMessage) -> str:
    """Return the first words of a message: one line of at most 80 characters, cut at a word."""
    raise NotImplementedError


def one_line(text: str) -> str:
    """Return ``text`` as a title."""
    raise NotImplementedError

"""Titles of chats."""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from app.store.store import UIMessage

# ``create_app(title=…)``: called with the messages of a new chat after its first turn, however that
# ended. What it returns becomes the title (`one_line`); None or nothing but space: it stays.
TitleOf: TypeAlias = Callable[[Sequence[UIMessage]], Awaitable[str | None] | str | None]

LONGEST = 80  # characters

# A title is a word or two in a list. What follows is not looked at, however much it is.
_LOOKED_AT = 2_000
# Control characters, and those that turn the direction of whatever stands after the title.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]+")


def first_words(message: UIMessage) -> str:
    """Return the first words of a message, else the name of its first file, as `one_line`."""
    parts = message["parts"]
    for part in parts:
        if part.get("type") == "text" and (title := one_line(part["text"])):
            return title
    return next((one_line(part["filename"]) for part in parts if part.get("filename")), "")


def one_line(text: str) -> str:
    """Return ``text`` as a title: one line of at most 80 characters, cut between words."""
    seen = _UNSEEN.sub(" ", text[:_LOOKED_AT])
    line = " ".join(seen.encode("utf-8", "replace").decode().split())
    if len(line) <= LONGEST:
        return line
    words = line[: LONGEST + 1].rpartition(" ")[0]
    return words or line[:LONGEST]

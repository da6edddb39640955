"""Which of a chat's user messages a request wants an answer to.

AI SDK 5 to 7 give ids to their messages and say what they want (``trigger``, ``messageId``). AI SDK
3.4 and 4 do neither: `reload` posts the history once more, up to the user's last message. So for
them position and words decide. The user's messages that were posted are those that are stored, all
of them and no others: then it is the last one again. In any other case it is a new message, which
takes nothing away: a page that was opened without its history posts fewer than are stored.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from app.chats.stored_form import stored_form
from app.errors import ChatHasGoneOn
from app.messages import ChatRequest
from app.requests.shapes import REGENERATE
from app.store.store import UIMessage

GONE_ON = "This chat has gone on elsewhere, or is no longer stored; please load it again."

_WITHOUT_TRIGGER = ("ai-sdk-3.4", "ai-sdk-4")


class Place(msgspec.Struct, frozen=True):
    """Where the answer goes.

    Attributes:
        keep: how many of the stored messages stay, from the first.
        adds: whether the posted message comes after them; else the last of them is answered.
        may_be_retry: whether the same request may have come before: the message is stored, nothing
            about it has changed, and nobody has asked for another answer.
    """

    keep: int
    adds: bool
    may_be_retry: bool = False


def find_place(
    stored: Sequence[UIMessage], asked: ChatRequest, posted: Mapping[str, Any] | None
) -> Place:
    """Return where the answer goes.

    Args:
        stored: the chat's messages.
        asked: what is wanted.
        posted: the user's message at the end of the request, in its stored form (``id`` is empty
            if the client gives none); None if there is none, which only ``regenerate-message`` may
            leave out.

    Raises:
        ChatHasGoneOn: the message that is meant is not stored, or others of the user follow it.
    """
    if asked.trigger == REGENERATE:
        return _another_answer(stored, asked.message_id, posted)
    assert posted is not None
    index = _question(stored, asked.message_id)
    is_named = index is not None
    if index is None:
        index = _question(stored, posted["id"])
    if index is None:
        if _posts_the_same_again(stored, asked, posted):
            return Place(_after_last_question(stored), adds=False)
        return Place(len(stored), adds=True)
    if posted["id"] != stored[index]["id"] or posted["parts"] != stored[index]["parts"]:
        return Place(index, adds=True)  # edited
    if not is_named and index + 1 != _after_last_question(stored):
        raise ChatHasGoneOn(GONE_ON)
    return Place(index + 1, adds=False, may_be_retry=True)


def _another_answer(
    stored: Sequence[UIMessage], message_id: str | None, posted: Mapping[str, Any] | None
) -> Place:
    index = _index(stored, message_id)
    known = _index(stored, posted["id"]) if posted is not None else None
    if index is not None:
        # Clients name the answer, or the question.
        keep = _after_last_question(stored[: index + 1])
    elif posted is None:
        keep = _after_last_question(stored)
    elif known is not None:
        keep = _after_last_question(stored[: known + 1])
    elif not posted["id"] and stored and _words(stored[-1]) == _words(posted):
        keep = len(stored)
    else:
        return Place(len(stored), adds=True)  # it was never stored
    if not keep:
        raise ChatHasGoneOn(GONE_ON)
    if posted is not None and known == keep - 1 and stored[known]["parts"] != posted["parts"]:
        return Place(keep - 1, adds=True)  # edited
    return Place(keep, adds=False)


def _index(stored: Sequence[UIMessage], message_id: str | None) -> int | None:
    if not message_id:
        return None
    return next((i for i, one in enumerate(stored) if one["id"] == message_id), None)


def _question(stored: Sequence[UIMessage], message_id: str | None) -> int | None:
    index = _index(stored, message_id)
    return index if index is not None and stored[index]["role"] == "user" else None


def _after_last_question(stored: Sequence[UIMessage]) -> int:
    """Return how many messages there are up to the user's last."""
    for count in range(len(stored), 0, -1):
        if stored[count - 1]["role"] == "user":
            return count
    return 0


def _posts_the_same_again(
    stored: Sequence[UIMessage], asked: ChatRequest, posted: Mapping[str, Any]
) -> bool:
    if asked.shape not in _WITHOUT_TRIGGER or posted["id"]:
        return False
    questions = [one for one in stored if one["role"] == "user"]
    again = [one for one in asked.posted if one["role"] == "user"]
    return len(again) == len(questions) and all(
        _words(stored_form(new, fallback_id="")) == _words(old)
        for new, old in zip(again, questions, strict=True)
    )


def _words(message: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return a message's text and the addresses of its files: what every form of it has."""
    parts = message["parts"]
    text = "".join(part["text"] for part in parts if part.get("type") == "text")
    return text, sorted(part["url"] for part in parts if part.get("type") == "file")

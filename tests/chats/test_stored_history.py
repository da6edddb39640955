"""`app.chats.stored_history`: what the model is asked of a stored chat."""

import logging

import pytest

from app.chats.stored_history import is_large, stored_history
from app.messages import FilePart, Message, TextPart
from tests.chats.stored import STEP, answer, said, user
from tests.requests.posting import plain

INSIDE = {"type": "file", "mediaType": "image/png", "url": "https://files.internal/a.png"}


def test_stored_messages_are_read_as_posted_ones_are() -> None:
    history = stored_history([user("u1"), answer("a1")])

    assert plain(list(history.messages)) == [
        ("user", [TextPart("Hi")]),
        ("assistant", [TextPart("Hello.")]),
    ]
    assert (history.continues, history.approvals) == ("a1", ())


def test_what_cannot_be_read_any_more_is_left_out_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = {"type": "text", "text": 7}
    messages = [answer("a1", STEP, INSIDE, said("See."), broken), user("u1")]

    with caplog.at_level(logging.WARNING):
        history = stored_history(messages)

    assert history.messages[0] == Message("assistant", [TextPart("See.")])
    assert [record.getMessage() for record in caplog.records] == [
        "parts of a stored message cannot be read and are left out: 2"
    ]


def test_the_hosts_that_files_may_come_from_hold_for_stored_messages_too() -> None:
    history = stored_history([answer("a1", STEP, INSIDE)], file_hosts=["files.internal"])

    assert history.messages[0].parts == [FilePart("image/png", INSIDE["url"])]


def test_a_chat_is_large_by_its_text_or_its_parts() -> None:
    assert not is_large([user("u1"), answer("a1")] * 50)
    assert is_large([user("u1", "x" * 70_000)])
    assert is_large([user("u1", "x" * 1_000)] * 70)
    assert is_large([answer("a1", *[STEP] * 401)])

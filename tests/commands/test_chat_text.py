"""Stored chats as text."""

from typing import Any

import pytest

from app.commands.chat_text import one_line, printable, row, when, whole
from app.store.store import Chat, ChatSummary, TurnHead

SUMMARY = ChatSummary(
    id="c1", title="A  title\nin two", created=1_767_225_600_000_000, updated=1_767_229_200_000_001
)


def _chat(*messages: dict[str, Any], turn: TurnHead | None = None, title: str = "T") -> Chat:
    summary = ChatSummary(id="c1", title=title, created=0, updated=0)
    return Chat(summary=summary, revision=1, messages=messages, turn=turn)


def _shown(part: object) -> str:
    return whole(_chat({"role": "assistant", "parts": [part]}), "").partition("assistant:\n  ")[2]


def test_a_row_has_the_time_the_id_and_the_title() -> None:
    assert row(SUMMARY, None) == "2026-01-01 01:00  c1  A title in two"


def test_a_row_names_the_owner_where_there_are_several() -> None:
    assert row(SUMMARY, "ann") == "2026-01-01 01:00  ann  c1  A title in two"
    assert row(SUMMARY, "") == "2026-01-01 01:00  (nobody)  c1  A title in two"


def test_a_time_is_that_of_greenwich() -> None:
    assert when(1_767_225_600_000_000) == "2026-01-01 00:00"


def test_nothing_in_a_chat_steers_the_terminal() -> None:
    assert printable("a\x1b[2J\x07\u202eb\ud83d\tc\nd") == "a\\x1b[2J\\x07\\u202eb\\ud83d\tc\nd"
    assert one_line(" a\n\x1b b ") == "a \\x1b b"
    assert "\x1b" not in _shown({"type": "text", "text": "\x1b[2J"})


def test_a_chat_is_shown_from_its_title_to_its_last_message() -> None:
    chat = _chat(
        {"role": "user", "parts": [{"type": "text", "text": "Hello\nthere"}]},
        {"role": "assistant", "parts": [{"type": "step-start"}, {"type": "text", "text": "Hi!"}]},
    )

    assert whole(chat, "ann") == (
        "T\nid c1, owner ann\nfrom 1970-01-01 00:00 to 1970-01-01 00:00\n"
        "\nuser:\n  Hello\n  there\n\nassistant:\n  Hi!"
    )


def test_a_chat_without_a_title_says_so() -> None:
    assert whole(_chat(title=""), "").startswith("(no title)\nid c1\n")


@pytest.mark.parametrize(("state", "is_told"), [("running", True), ("finished", False)])
def test_an_answer_that_is_being_written_is_told_of(state: Any, is_told: bool) -> None:
    turn = TurnHead(id="t", owner="", chat_id="c1", message_id="m", state=state)

    assert ("(an answer is being written)" in whole(_chat(turn=turn), "")) is is_told


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ({"type": "reasoning", "text": "Hm."}, "[reasoning] Hm."),
        ({"type": "file", "mediaType": "image/png", "filename": "a.png"}, "[file a.png]"),
        ({"type": "file", "mediaType": "image/png"}, "[file image/png]"),
        ({"type": "file"}, "[file ?]"),
        ({"type": "source-url", "url": "https://a.b"}, "[source https://a.b]"),
        ({"type": "tool-add", "input": {"a": 1}, "output": 3}, '[tool add] {"a": 1} → 3'),
        ({"type": "tool-add", "errorText": "No."}, "[tool add] null → failed: No."),
        (
            {"type": "dynamic-tool", "toolName": "add", "state": "input-available"},
            "[tool add] null → input-available",
        ),
        ({"type": "tool-add"}, "[tool add] null → no result"),
        ({"type": "data-x", "data": "y" * 400}, '[data-x] "' + "y" * 299 + "…"),
        ({}, "[?] null"),
    ],
)
def test_each_part_is_shown(part: object, text: str) -> None:
    assert _shown(part) == text


@pytest.mark.parametrize("message", [{}, {"parts": None}, {"role": 3, "parts": ["?", 5]}])
def test_what_is_no_message_breaks_nothing(message: dict[str, Any]) -> None:
    assert whole(_chat(message), "").splitlines()[-1].endswith(":")

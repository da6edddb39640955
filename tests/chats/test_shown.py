"""`app.chats.shown`: a stored chat as a page gets it."""

import json
from typing import Any

import msgspec
import pytest

from app.chats.shown import chat_body, listed, shown
from tests.chats.stored import STEP, answer, call, chat, said, turn, user

U1, A1 = user("u1"), answer("a1")


def body(*args: Any, **options: Any) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(chat_body(*args, **options))
    return decoded


def test_a_chat_is_its_messages_as_they_are_stored() -> None:
    assert body(chat(U1, A1)) == {"id": "c", "title": "Hi", "messages": [U1, A1], "turn": None}


def test_a_list_has_titles_and_times_and_nothing_of_ours() -> None:
    summary = msgspec.structs.replace(chat(U1).summary, running="t1")

    assert listed(summary) == {"id": "c", "title": "Hi", "created": 1, "updated": 2}


@pytest.mark.parametrize("sdk", ["4", "3.4"])
def test_older_clients_get_their_own_form(sdk: str) -> None:
    first, second = body(chat(U1, A1), sdk=sdk)["messages"]

    assert (first["content"], second["content"]) == ("Hi", "Hello.")


@pytest.mark.parametrize("sdk", [None, "5.0", "5", "6", "7"])
def test_the_others_get_what_is_stored(sdk: str | None) -> None:
    assert body(chat(U1, A1), sdk=sdk)["messages"] == [U1, A1]


def test_history_ends_where_the_stream_of_a_running_turn_begins() -> None:
    running = turn("a1")

    assert shown(chat(U1, A1, turn=running)) == (U1,)
    assert body(chat(U1, A1, turn=running))["turn"] == {"id": "turn-1", "state": "running"}
    assert shown(chat(U1, turn=turn("a2"))) == (U1,)
    assert shown(chat(turn=turn("a2"))) == ()


def test_a_turn_that_has_ended_is_told_by_its_message_only() -> None:
    ended = chat(U1, A1, turn=turn("a1", "failed"))

    assert shown(ended) == (U1, A1)
    assert body(ended)["turn"] is None


def test_keys_that_clients_refuse_are_sent_under_another_name() -> None:
    quoted = call("output-available", output={"__proto__": 1})

    parts = body(chat(U1, answer("a1", STEP, quoted)))["messages"][1]["parts"]

    assert parts[1]["output"] == {"$__proto__": 1}


def test_half_a_character_is_written_as_json_has_it() -> None:
    assert body(chat({**U1, "parts": [said("\ud83d")]}))["messages"][0]["parts"] == [said("\ud83d")]

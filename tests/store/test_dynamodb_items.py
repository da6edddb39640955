"""The items of a table: what is written comes back, and keys sort as numbers do."""

import msgspec

from app.store.dynamodb_items import (
    HEAD,
    ChatRecord,
    StoredHead,
    change_sk,
    chat_pk,
    head_item,
    head_of,
    list_pk,
    record_item,
    record_of,
    seq_sk,
    turn_pk,
    updated_sk,
)
from app.store.dynamodb_values import number_value, text_value
from app.store.store import ChatSummary, TurnHead

_RECORD = ChatRecord(
    owner="anna", id="c#1", generation="0a1b", title="Half \ud83d", created=5, updated=17
)
_HEAD = TurnHead(id="t", owner="anna", chat_id="c", message_id="m", live_from=3, beat=2)


def test_a_record_comes_back() -> None:
    for record in (
        _RECORD,
        msgspec.structs.replace(_RECORD, count=4, last_id="", turn="t", is_running=True),
    ):
        assert record_of(record_item(record)) == record


def test_a_record_says_that_the_chat_is_gone() -> None:
    assert record_of({**record_item(_RECORD), "gone": {"BOOL": True}}).is_gone


def test_a_record_has_a_summary() -> None:
    summary = ChatSummary(id="c#1", title="Half \ud83d", created=5, updated=17)
    running = msgspec.structs.replace(_RECORD, turn="t", is_running=True)

    assert _RECORD.summary() == summary
    assert running.summary() == msgspec.structs.replace(summary, running="t")


def test_a_head_comes_back() -> None:
    for head in (_HEAD, msgspec.structs.replace(_HEAD, user_message_id="u")):
        item = head_item(head, "0a1b", 99.4)

        assert head_of(item) == StoredHead(head=head, generation="0a1b", expires=99.0)


def test_a_head_says_how_the_turn_ended() -> None:
    item = {
        **head_item(_HEAD, "0a1b", 99),
        "state": {"S": "stopped"},
        "stop": {"S": "deleted"},
        "ended_at": number_value(1.5),
        "size": number_value(7),
        "ending": text_value("7:abc"),
        "deleted": {"BOOL": True},
    }

    stored = head_of(item)

    assert (stored.head.state, stored.head.stop, stored.head.ended_at) == (
        *("stopped", "deleted"),
        1.5,
    )
    assert (stored.size, stored.ending, stored.is_deleted) == (7, "7:abc", True)


def test_keys_do_not_meet() -> None:
    assert chat_pk("a", "b") == "C#a#b"
    assert chat_pk("a#b", "") != chat_pk("a", "b#")
    assert (turn_pk("t"), list_pk("o")) == ("T#t", "U#o")


def test_places_are_in_order() -> None:
    assert (seq_sk(1), updated_sk(17)) == ("000001", "0000000000000017")
    assert seq_sk(9) < seq_sk(10) < seq_sk(999_999) < HEAD < "P#"
    assert change_sk("0a", 9) < change_sk("0a", 10) < "P#" < "TURN"

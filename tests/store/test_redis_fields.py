"""`app.store.redis_fields`: hashes of Redis and the values that they hold."""

import msgspec

from app.store.checks.stores import head
from app.store.redis_fields import (
    NO_ID,
    batches_of,
    chat_of,
    fields_of,
    head_fields,
    head_of,
    is_deleted,
    message_entry,
    message_json,
    summary_of,
)
from app.store.redis_keys import mark
from app.store.store import Batch, Chat, ChatSummary, TurnHead


def test_a_head_is_what_it_was() -> None:
    own = head("owner \ud83d", "chat")
    plain = TurnHead(id="t", owner="", chat_id="c", message_id="m", live_from=3, beat=2)

    assert head_of(head_fields(own)) == own
    assert head_of(head_fields(plain)) == plain


def test_a_head_knows_how_it_ended() -> None:
    fields = [*head_fields(head("o", "c")), b"stop", b"superseded", b"ended", b"1.25"]
    fields[fields.index(b"running")] = b"stopped"

    found = head_of(fields)

    assert (found.state, found.stop, found.ended_at) == ("stopped", "superseded", 1.25)
    assert not is_deleted(fields)
    assert is_deleted([*fields, b"deleted", b"1"])


def test_a_chat_is_read_in_the_order_in_which_it_is_asked_for() -> None:
    summary = summary_of([b"c", b"Title", b"1", b"2", None])

    assert summary == ChatSummary(id="c", title="Title", created=1, updated=2)
    assert summary_of([b"c", b"", b"1", b"2", b"t"]).running == "t"


def test_a_chat_comes_with_its_messages_and_its_last_turn() -> None:
    flat = [b"id", b"c", b"title", b"Title", b"created", b"1", b"updated", b"2"]
    entries = [message_entry({"id": "u"}), message_entry({"id": "m"})]
    own = head("o", "c")
    alone = Chat(
        summary=ChatSummary(id="c", title="Title", created=1, updated=2),
        revision=2,
        messages=[{"id": "u"}, {"id": "m"}],
        turn=None,
    )

    assert chat_of([flat, entries, []]) == alone
    assert chat_of([flat, entries, head_fields(own)]) == msgspec.structs.replace(alone, turn=own)


def test_an_entry_of_a_log_is_a_batch() -> None:
    assert batches_of("t", [b"1-0", b"one", b"12-0", b"two"]) == [
        Batch("t", 1, b"one"),
        Batch("t", 12, b"two"),
    ]


def test_a_message_stands_behind_the_mark_of_its_id() -> None:
    named, nameless = message_entry({"id": "m"}), message_entry({"role": "user"})

    assert named == mark("m") + b'{"id":"m"}'
    assert nameless == NO_ID + b'{"role":"user"}'
    assert message_json(named) == b'{"id":"m"}'


def test_fields_are_pairs() -> None:
    assert fields_of([b"a", b"1", b"b", b"2"]) == {b"a": b"1", b"b": b"2"}

"""Hashes of Redis ↔ the values of `app.store.store`.

A hash comes as a flat list: name, value, name, value. What is None has no field.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from app.store.message_json import decoded, encoded, id_of
from app.store.redis_keys import MARK_BYTES, kept_text, mark, text_bytes
from app.store.store import (
    Batch,
    Chat,
    ChatSummary,
    State,
    StopReason,
    TurnHead,
    TurnId,
    UIMessage,
)

# Stands for the id of a message that has none; no `mark` looks like that.
NO_ID = b"." * MARK_BYTES
# The fields of a chat's hash that a list of chats shows.
SUMMARY = (b"id", b"title", b"created", b"updated", b"running")


def head_fields(head: TurnHead) -> Sequence[bytes]:
    """Return the fields of a turn that begins, as a flat list."""
    fields = [
        *(b"id", text_bytes(head.id)),
        *(b"owner", text_bytes(head.owner)),
        *(b"chat", text_bytes(head.chat_id)),
        *(b"message", text_bytes(head.message_id)),
        *(b"from", b"%d" % head.live_from),
        *(b"state", b"running"),
        *(b"beat", b"%d" % head.beat),
    ]
    if head.user_message_id is not None:
        fields += (b"user", text_bytes(head.user_message_id))
    return fields


def fields_of(flat: Sequence[bytes]) -> Mapping[bytes, bytes]:
    """Return the fields of a flat list."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def head_of(flat: Sequence[bytes]) -> TurnHead:
    """Return the head that a turn's hash holds."""
    fields = fields_of(flat)
    user, stop, ended = fields.get(b"user"), fields.get(b"stop"), fields.get(b"ended")
    return TurnHead(
        id=kept_text(fields[b"id"]),
        owner=kept_text(fields[b"owner"]),
        chat_id=kept_text(fields[b"chat"]),
        message_id=kept_text(fields[b"message"]),
        user_message_id=None if user is None else kept_text(user),
        live_from=int(fields[b"from"]),
        state=cast(State, fields[b"state"].decode()),
        stop=None if stop is None else cast(StopReason, stop.decode()),
        beat=int(fields[b"beat"]),
        ended_at=None if ended is None else float(ended),
    )


def is_deleted(flat: Sequence[bytes]) -> bool:
    """Return whether the chat of a turn was deleted while it ran."""
    return b"deleted" in fields_of(flat)


def summary_of(values: Sequence[bytes | None]) -> ChatSummary:
    """Return the chat of which the fields of `SUMMARY` are given."""
    chat_id, title, created, updated, running = values
    assert chat_id is not None
    assert title is not None
    return ChatSummary(
        id=kept_text(chat_id),
        title=kept_text(title),
        created=int(created or 0),
        updated=int(updated or 0),
        running=None if running is None else kept_text(running),
    )


def chat_of(found: Sequence[Any]) -> Chat:
    """Return the chat of which hash, list of messages and last turn's hash are given."""
    flat, messages, turn = found
    fields = fields_of(flat)
    summary = summary_of([fields.get(name) for name in SUMMARY])
    return Chat(
        summary=summary,
        revision=summary.updated,
        messages=[decoded(message_json(entry)) for entry in messages],
        turn=head_of(turn) if turn else None,
    )


def batches_of(turn: TurnId, flat: Sequence[bytes]) -> Sequence[Batch]:
    """Return the batches of a log: entry id, data, entry id, data."""
    return [
        Batch(turn, int(entry.partition(b"-")[0]), data)
        for entry, data in zip(flat[::2], flat[1::2], strict=True)
    ]


def message_entry(message: UIMessage) -> bytes:
    """Return a message as the list of a chat holds it."""
    message_id = id_of(message)
    return (NO_ID if message_id is None else mark(message_id)) + encoded(message)


def message_json(entry: bytes) -> bytes:
    """Return the JSON of a message in a chat's list."""
    return entry[MARK_BYTES:]

"""Chats, keys that were used, and what is deleted after a while, in SQLite.

Each function is part of a transaction.
"""

import sqlite3
from collections.abc import Sequence

import msgspec

from app.store.message_json import decoded
from app.store.sqlite_schema import loaded, stored
from app.store.sqlite_turns import last_turn, running_turn
from app.store.store import Chat, ChatId, ChatSummary, Owner, TurnHead, TurnId

_LARGEST = 2**63 - 1
_SUMMARY = (
    "SELECT id, title, created, updated,"
    " (SELECT id FROM turns WHERE chat = chats.key AND state = 'running') FROM chats "
)


def chat(connection: sqlite3.Connection, owner: Owner, chat: ChatId) -> Chat | None:
    key = _key(connection, owner, chat)
    if key is None:
        return None
    row = connection.execute(_SUMMARY + "WHERE key = ?", (key,)).fetchone()
    summary = _summary(row)
    messages = connection.execute("SELECT json FROM messages WHERE chat = ? ORDER BY seq", (key,))
    return Chat(
        summary=summary,
        revision=summary.updated,
        messages=[decoded(json.encode()) for (json,) in messages],
        turn=last_turn(connection, key),
    )


def head(connection: sqlite3.Connection, owner: Owner, chat: ChatId) -> TurnHead | None:
    key = _key(connection, owner, chat)
    return None if key is None else last_turn(connection, key)


def chats(
    connection: sqlite3.Connection, owner: Owner, before: int | None, limit: int
) -> Sequence[ChatSummary]:
    before = _LARGEST if before is None else max(-_LARGEST, min(before, _LARGEST))
    rows = connection.execute(
        _SUMMARY + "WHERE owner = ? AND updated < ? ORDER BY updated DESC LIMIT ?",
        (stored(owner), before, max(0, min(limit, _LARGEST))),
    )
    return [_summary(row) for row in rows]


def owners(connection: sqlite3.Connection) -> Sequence[Owner]:
    rows = connection.execute("SELECT DISTINCT owner FROM chats")
    return sorted(loaded(owner) for (owner,) in rows)


def rename(connection: sqlite3.Connection, owner: Owner, chat: ChatId, title: str) -> None:
    connection.execute(
        "UPDATE chats SET title = ? WHERE owner = ? AND id = ?",
        (stored(title), stored(owner), stored(chat)),
    )


def delete(
    connection: sqlite3.Connection, owner: Owner, chat: ChatId, now: float
) -> TurnHead | None:
    key = _key(connection, owner, chat)
    return None if key is None else _delete(connection, key, now)


def once(connection: sqlite3.Connection, key: str, ttl_s: float, now: float) -> bool:
    row = connection.execute("SELECT until FROM marks WHERE key = ?", (stored(key),)).fetchone()
    if row is not None and row[0] > now:
        return False
    connection.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (stored(key), now + ttl_s))
    return True


def beats(connection: sqlite3.Connection) -> dict[TurnId, int]:
    """Return the beats of all running turns."""
    rows = connection.execute("SELECT id, beat FROM turns WHERE state = 'running'")
    return {loaded(turn): beat for turn, beat in rows}


def forget_turns(connection: sqlite3.Connection, ended_by: float, most: int) -> bool:
    """Delete the logs of turns that ended by then, ``most`` at once; return whether all."""
    rows = connection.execute(
        "SELECT key FROM turns WHERE ended_at <= ? LIMIT ?", (ended_by, most)
    ).fetchall()
    connection.executemany("DELETE FROM batches WHERE turn = ?", rows)
    connection.executemany("DELETE FROM turns WHERE key = ?", rows)
    return len(rows) < most


def forget_chats(connection: sqlite3.Connection, changed_by: float, most: int, now: float) -> bool:
    """Delete chats without a running turn, not changed since, ``most`` at once; return whether
    all.
    """
    rows = connection.execute(
        "SELECT key FROM chats WHERE updated <= ? AND NOT EXISTS"
        " (SELECT 1 FROM turns WHERE chat = chats.key AND state = 'running') LIMIT ?",
        (round(changed_by * 1e6), most),
    ).fetchall()
    for (key,) in rows:
        _delete(connection, key, now)
    return len(rows) < most


def forget_marks(connection: sqlite3.Connection, now: float) -> None:
    connection.execute("DELETE FROM marks WHERE until <= ?", (now,))


def _key(connection: sqlite3.Connection, owner: Owner, chat: ChatId) -> int | None:
    row = connection.execute(
        "SELECT key FROM chats WHERE owner = ? AND id = ?", (stored(owner), stored(chat))
    ).fetchone()
    return None if row is None else row[0]


def _delete(connection: sqlite3.Connection, chat: int, now: float) -> TurnHead | None:
    running = running_turn(connection, chat)
    connection.execute(
        "DELETE FROM batches WHERE turn IN (SELECT key FROM turns WHERE chat = ?)", (chat,)
    )
    connection.execute("DELETE FROM turns WHERE chat = ? AND state <> 'running'", (chat,))
    connection.execute(
        "UPDATE turns SET chat = NULL, state = 'stopped', stop = coalesce(stop, 'deleted'),"
        " ended_at = ? WHERE chat = ?",
        (now, chat),
    )
    connection.execute("DELETE FROM messages WHERE chat = ?", (chat,))
    connection.execute("DELETE FROM chats WHERE key = ?", (chat,))
    return None if running is None else _stopped(running, now)


def _stopped(head: TurnHead, now: float) -> TurnHead:
    return msgspec.structs.replace(head, state="stopped", stop=head.stop or "deleted", ended_at=now)


def _summary(row: tuple[str, str, int, int, str | None]) -> ChatSummary:
    return ChatSummary(
        id=loaded(row[0]),
        title=loaded(row[1]),
        created=row[2],
        updated=row[3],
        running=None if row[4] is None else loaded(row[4]),
    )

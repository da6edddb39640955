"""Turns and their logs in SQLite. Each function is part of a transaction."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from app.store.log_order import fit
from app.store.message_json import encoded, id_of
from app.store.sqlite_schema import loaded, stored
from app.store.store import (
    Batch,
    Begun,
    Busy,
    Changed,
    Owner,
    State,
    StopReason,
    Tail,
    TurnHead,
    TurnId,
    UIMessage,
)

# How much of a log is read at once, in bytes: a long one would hold up everybody else's calls.
_MOST_AT_ONCE = 1024 * 1024
_LARGEST = 2**63 - 1
_PLACE = (
    "SELECT key, state, stop, (SELECT max(seq) FROM batches WHERE turn = turns.key)"
    " FROM turns WHERE id = ?"
)
# What `begin` and `end` have to know, each in one statement: statements are what a turn costs.
_BEFORE = (
    "SELECT (SELECT last FROM changes), (SELECT 1 FROM turns WHERE id = ?), chats.key, updated"
    " FROM (SELECT 1) LEFT JOIN chats ON owner = ? AND chats.id = ?"
)
_AT_END = (
    "SELECT key, state, beat, ending, chat,"
    " (SELECT max(seq) FROM batches WHERE turn = turns.key), (SELECT last FROM changes)"
    " FROM turns WHERE id = ?"
)
_HEAD = (
    "SELECT id, owner, chat_id, message_id, user_message_id, live_from, state, stop, beat,"
    " ended_at FROM turns "
)


def begin(
    connection: sqlite3.Connection,
    head: TurnHead,
    *,
    revision: int,
    keep: int,
    messages: Sequence[UIMessage],
    title: str,
    first: Batch | None,
    now: float,
) -> Begun | Busy | Changed:
    owner, chat_id = stored(head.owner), stored(head.chat_id)
    last, is_used, key, updated = connection.execute(
        _BEFORE, (stored(head.id), owner, chat_id)
    ).fetchone()
    running = None if key is None else running_turn(connection, key)
    if running is not None:
        return Busy(running)
    if revision != (updated or 0):
        return Changed()
    if is_used:
        raise ValueError("the id of a turn is used again")
    changed = _change(connection, last, now)
    if key is None:
        key = connection.execute(
            "INSERT INTO chats (owner, id, title, created, updated) VALUES (?, ?, ?, ?, ?)",
            (owner, chat_id, stored(title), changed, changed),
        ).lastrowid
        _add(connection, key, messages, 0)
    else:
        connection.execute("UPDATE chats SET updated = ? WHERE key = ?", (changed, key))
        connection.execute(
            "DELETE FROM messages WHERE chat = ? AND seq >= ?", (key, min(keep, _LARGEST))
        )
        held, _ = _last_message(connection, key)
        _add(connection, key, messages, held + 1)
    turn = connection.execute(
        "INSERT INTO turns (id, owner, chat_id, chat, message_id, user_message_id, live_from,"
        " state, stop, beat, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(stored(head.id), owner, chat_id, key, stored(head.message_id)),
            _stored_or_null(head.user_message_id),
            *(head.live_from, head.state, head.stop, head.beat, head.ended_at),
        ),
    ).lastrowid
    if first is not None:
        connection.execute("INSERT INTO batches VALUES (?, ?, ?)", (turn, first.seq, first.data))
    return Begun()


def append(
    connection: sqlite3.Connection,
    batches: Mapping[TurnId, Sequence[Batch]],
    beating: Collection[TurnId],
) -> Mapping[TurnId, StopReason | None]:
    to_end: dict[TurnId, StopReason | None] = {}
    added: list[tuple[int, int, bytes]] = []
    beats: list[tuple[int]] = []
    # Few statements: this is what a running answer costs, ten times a second.
    find = connection.cursor()
    for turn, new in batches.items():
        row = find.execute(_PLACE, (stored(turn),)).fetchone()
        if row is None or row[1] != "running" or not fit(new, row[3] or 0):
            to_end[turn] = None
            continue
        key, _, stop, held = row
        added += [(key, batch.seq, batch.data) for batch in new if batch.seq > (held or 0)]
        if turn in beating:
            beats.append((key,))
        if stop is not None:
            to_end[turn] = stop
    connection.executemany("INSERT INTO batches VALUES (?, ?, ?)", added)
    if beats:
        connection.executemany("UPDATE turns SET beat = beat + 1 WHERE key = ?", beats)
    return to_end


def end(
    connection: sqlite3.Connection,
    turn: TurnId,
    state: State,
    *,
    last: Batch | None,
    message: UIMessage | None,
    ended_at: float,
    beat: int | None,
    now: float,
) -> bool:
    row = connection.execute(_AT_END, (stored(turn),)).fetchone()
    if row is None:
        return False
    key, was, own_beat, ending, chat, held, changed = row
    if was != "running":
        return was == state and chat is not None and _has_ended(connection, key, ending, last)
    is_next = last is None or last.seq == (held or 0) + 1
    if not is_next or (beat is not None and beat != own_beat):
        return False
    if last is not None:
        connection.execute("INSERT INTO batches VALUES (?, ?, ?)", (key, last.seq, last.data))
    connection.execute(
        "UPDATE turns SET state = ?, ended_at = ?, ending = ? WHERE key = ?",
        (state, ended_at, None if last is None else last.seq, key),
    )
    if message is not None:
        message_id = _stored_or_null(id_of(message))
        place, before = _last_message(connection, chat)
        if message_id is not None and message_id == before:
            connection.execute("DELETE FROM messages WHERE chat = ? AND seq = ?", (chat, place))
            place -= 1
        _add(connection, chat, [message], place + 1)
        changed = _change(connection, changed, now)
        connection.execute("UPDATE chats SET updated = ? WHERE key = ?", (changed, chat))
    return True


def turn(connection: sqlite3.Connection, owner: Owner, turn: TurnId) -> TurnHead | None:
    return _head(
        connection.execute(
            _HEAD + "WHERE id = ? AND owner = ? AND chat IS NOT NULL", (stored(turn), stored(owner))
        )
    )


def running_turn(connection: sqlite3.Connection, chat: int) -> TurnHead | None:
    return _head(connection.execute(_HEAD + "WHERE chat = ? AND state = 'running'", (chat,)))


def last_turn(connection: sqlite3.Connection, chat: int) -> TurnHead | None:
    return _head(connection.execute(_HEAD + "WHERE chat = ? ORDER BY key DESC LIMIT 1", (chat,)))


def fetch(connection: sqlite3.Connection, turn: TurnId, after: int) -> Tail | None:
    head = _head(connection.execute(_HEAD + "WHERE id = ?", (stored(turn),)))
    if head is None:
        return None
    batches: list[Batch] = []
    size = 0
    for seq, data in connection.execute(
        "SELECT seq, data FROM batches WHERE turn = (SELECT key FROM turns WHERE id = ?)"
        " AND seq > ? ORDER BY seq",
        (stored(turn), min(after, _LARGEST)),
    ):
        batches.append(Batch(turn, seq, data))
        size += len(data)
        if size >= _MOST_AT_ONCE:
            break
    return Tail(head, batches)


def is_more(connection: sqlite3.Connection, turn: TurnId, after: int) -> bool:
    """Return whether there are batches after number ``after``, or will be none."""
    row = _row(connection, turn, "key, state")
    return row is None or row[1] != "running" or _held(connection, row[0]) > after


def ask_to_stop(connection: sqlite3.Connection, turn: TurnId, reason: StopReason) -> None:
    connection.execute(
        "UPDATE turns SET stop = ? WHERE id = ? AND state = 'running' AND stop IS NULL",
        (reason, stored(turn)),
    )


def _row(connection: sqlite3.Connection, turn: TurnId, columns: str) -> tuple[Any, ...] | None:
    row: tuple[Any, ...] | None = connection.execute(
        f"SELECT {columns} FROM turns WHERE id = ?", (stored(turn),)
    ).fetchone()
    return row


def _held(connection: sqlite3.Connection, key: object) -> int:
    row = connection.execute("SELECT max(seq) FROM batches WHERE turn = ?", (key,)).fetchone()
    return row[0] or 0


def _has_ended(
    connection: sqlite3.Connection, key: object, ending: object, last: Batch | None
) -> bool:
    if last is None or ending is None:
        return last is None and ending is None
    row = connection.execute(
        "SELECT data FROM batches WHERE turn = ? AND seq = ?", (key, ending)
    ).fetchone()
    return last.seq == ending and row == (last.data,)


def _head(rows: sqlite3.Cursor) -> TurnHead | None:
    row = rows.fetchone()
    if row is None:
        return None
    return TurnHead(
        id=loaded(row[0]),
        owner=loaded(row[1]),
        chat_id=loaded(row[2]),
        message_id=loaded(row[3]),
        user_message_id=None if row[4] is None else loaded(row[4]),
        live_from=row[5],
        state=row[6],
        stop=row[7],
        beat=row[8],
        ended_at=row[9],
    )


def _stored_or_null(text: str | None) -> str | bytes | None:
    return None if text is None else stored(text)


def _last_message(connection: sqlite3.Connection, chat: object) -> tuple[int, object]:
    """Return the place of a chat's last message, and its id; the place is -1 if there is none."""
    row: tuple[int, object] | None = connection.execute(
        "SELECT seq, id FROM messages WHERE chat = ? ORDER BY seq DESC LIMIT 1", (chat,)
    ).fetchone()
    return (-1, None) if row is None else row


def _add(
    connection: sqlite3.Connection, chat: object, messages: Sequence[UIMessage], first: int
) -> None:
    connection.executemany(
        "INSERT INTO messages (chat, seq, id, json) VALUES (?, ?, ?, ?)",
        [
            (chat, number, _stored_or_null(id_of(message)), encoded(message).decode())
            for number, message in enumerate(messages, first)
        ],
    )


def _change(connection: sqlite3.Connection, last: int, now: float) -> int:
    """Return the time in microseconds; later than ``last``, also if the clock went back."""
    changed = max(last + 1, round(now * 1e6))
    connection.execute("UPDATE changes SET last = ?", (changed,))
    return changed

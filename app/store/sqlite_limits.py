"""What payers have used, in SQLite. Each function is part of a transaction."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence

from app.store import use_record
from app.store.limits import Lease, Payer, Taken, Window
from app.store.sqlite_schema import stored
from app.store.use_record import UseRecord


def take(
    connection: sqlite3.Connection,
    payer: Payer,
    windows: Sequence[Window],
    lease: Lease | None,
    most_leases: int | None,
    now: float,
) -> Taken:
    known = _record(connection, payer)
    taken, record = use_record.take(known, windows, lease, most_leases, now)
    if record is not known:
        _keep(connection, payer, record)
    return taken


def renew(
    connection: sqlite3.Connection, leases: Mapping[Payer, Collection[Lease]], now: float
) -> None:
    for payer, own in leases.items():
        _keep(connection, payer, use_record.renew(_record(connection, payer), own, now))


def give_back(
    connection: sqlite3.Connection,
    payer: Payer,
    lease: Lease | None,
    windows: Sequence[Window],
    now: float,
) -> None:
    record = use_record.give_back(_record(connection, payer), lease, windows, now)
    _keep(connection, payer, record)


def forget(connection: sqlite3.Connection, now: float) -> None:
    connection.execute("DELETE FROM uses WHERE ends <= ?", (now,))


def _record(connection: sqlite3.Connection, payer: Payer) -> UseRecord:
    row = connection.execute("SELECT record FROM uses WHERE payer = ?", (stored(payer),)).fetchone()
    return UseRecord() if row is None else use_record.decoded(row[0])


def _keep(connection: sqlite3.Connection, payer: Payer, record: UseRecord) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO uses VALUES (?, ?, ?)",
        (stored(payer), use_record.encoded(record).decode(), record.ends),
    )

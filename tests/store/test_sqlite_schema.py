"""The tables of a SQLite file, and how older files get them."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.store.checks.stores import begun, user
from app.store.sqlite import SqliteStore
from app.store.sqlite_file import open_database
from app.store.sqlite_schema import MIGRATIONS, DatabaseRefused, loaded, migrate, stored

# As a later version may have it; a `;` in a text and a trigger are no end of a statement.
_NEXT = """
ALTER TABLE chats ADD COLUMN model TEXT NOT NULL DEFAULT 'a;b';
CREATE TRIGGER t AFTER DELETE ON chats BEGIN DELETE FROM marks; DELETE FROM counts; END;
UPDATE chats SET model = 'new';
"""


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(
        sqlite3.connect(tmp_path / "chats.db", isolation_level=None)
    ) as connection:
        yield connection


def _tables(connection: sqlite3.Connection) -> list[object]:
    return connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


async def test_a_file_of_version_1_is_carried_forward(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    old = SqliteStore(path, open_connection=lambda p: open_database(p, migrations=MIGRATIONS[:1]))
    own = await begun(old, messages=[user("Still here?")])
    await old.aclose()

    def newer(path: Path) -> sqlite3.Connection:
        return open_database(path, migrations=[*MIGRATIONS[:1], _NEXT])

    for _ in range(2):
        store = SqliteStore(path, open_connection=newer)
        chat = await store.chat(own.owner, own.chat_id)
        await store.aclose()
        assert chat is not None
        assert chat.messages[0]["parts"][0]["text"] == "Still here?"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT model FROM chats").fetchall() == [("new",)]
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)


def test_a_file_of_a_newer_version_is_refused_and_not_changed(
    connection: sqlite3.Connection,
) -> None:
    migrate(connection, [*MIGRATIONS, _NEXT])
    before = _tables(connection)

    with pytest.raises(DatabaseRefused, match="newer Deltaline"):
        migrate(connection)

    assert _tables(connection) == before


@pytest.mark.parametrize("statement", ["CREATE TABLE t (x)", "PRAGMA user_version = 1"])
def test_the_database_of_another_program_is_refused(
    statement: str, connection: sqlite3.Connection
) -> None:
    connection.execute(statement)
    before = _tables(connection)

    with pytest.raises(DatabaseRefused, match="another program"):
        migrate(connection)

    assert _tables(connection) == before


def test_a_migration_that_fails_leaves_the_file_as_it_was(connection: sqlite3.Connection) -> None:
    migrate(connection)
    before = _tables(connection)

    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, [*MIGRATIONS, _NEXT + "INSERT INTO nothing VALUES (1);"])

    assert _tables(connection) == before
    assert not connection.in_transaction
    migrate(connection)


def test_the_tables_are_made_once(connection: sqlite3.Connection) -> None:
    migrate(connection)
    migrate(connection)

    assert {"chats", "messages", "turns", "batches"} <= {
        name for (name,) in connection.execute("SELECT name FROM sqlite_master")
    }


@pytest.mark.parametrize("text", ["", "abc", "\x00", "é", "👋", "\ud83d", "\udc00x"])
def test_text_comes_back_as_it_was(text: str, connection: sqlite3.Connection) -> None:
    (found,) = connection.execute("SELECT ?", (stored(text),)).fetchone()

    assert loaded(found) == text

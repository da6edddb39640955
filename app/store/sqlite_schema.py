"""The tables of a SQLite file, and how a file of an older version gets them.

Text is stored as text; what is no UTF-8 (half of a surrogate pair) as bytes, see `stored`.

To change the tables, add a script to `MIGRATIONS`. Never change one that was released.
"""

import sqlite3
from collections.abc import Sequence

# Says that a file is ours, in the 4 bytes that SQLite has for this.
APPLICATION_ID = 0x44_4C_43_31

_VERSION_1 = """
-- One row: the last change of any chat, in microseconds since 1970.
CREATE TABLE changes (last INTEGER NOT NULL);
INSERT INTO changes VALUES (0);
-- `updated` is the revision too.
CREATE TABLE chats (
    key INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    title TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    UNIQUE (owner, id)
);
CREATE UNIQUE INDEX chats_by_owner ON chats (owner, updated);
CREATE INDEX chats_by_age ON chats (updated);
CREATE TABLE messages (
    chat INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    id TEXT,
    json TEXT NOT NULL,
    UNIQUE (chat, seq)
);
-- `chat` is null once the chat was deleted while the turn ran. `ending` is the number of the batch
-- that came with the end, if one did.
CREATE TABLE turns (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    chat_id TEXT NOT NULL,
    chat INTEGER,
    message_id TEXT NOT NULL,
    user_message_id TEXT,
    live_from INTEGER NOT NULL,
    state TEXT NOT NULL,
    stop TEXT,
    beat INTEGER NOT NULL,
    ended_at REAL,
    ending INTEGER
);
CREATE INDEX turns_by_chat ON turns (chat);
CREATE INDEX turns_by_end ON turns (ended_at) WHERE ended_at IS NOT NULL;
CREATE UNIQUE INDEX turns_running ON turns (chat) WHERE state = 'running';
CREATE TABLE batches (
    turn INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (turn, seq)
) WITHOUT ROWID;
-- Seconds since 1970 in both.
CREATE TABLE marks (key TEXT PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE counts (
    key TEXT PRIMARY KEY,
    used INTEGER NOT NULL,
    until REAL NOT NULL
) WITHOUT ROWID;
"""

# What a payer has used and what of his runs, as JSON (`app.store.use_record`). `ends` is when it
# says nothing any more.
_VERSION_2 = """
DROP TABLE counts;
CREATE TABLE uses (payer TEXT PRIMARY KEY, record TEXT NOT NULL, ends REAL NOT NULL) WITHOUT ROWID;
"""

MIGRATIONS: Sequence[str] = (_VERSION_1, _VERSION_2)


class DatabaseRefused(Exception):
    """The file is not one that this version can use. The message is a sentence."""


def migrate(connection: sqlite3.Connection, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Bring the tables to the newest version, or leave the file as it was.

    Raises:
        DatabaseRefused: the file is of a newer version, or of another program.
        sqlite3.Error: it cannot be written.
    """
    if _version(connection, migrations) == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have been faster.
        for script in migrations[_version(connection, migrations) :]:
            for statement in _statements(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def stored(text: str) -> str | bytes:
    """Return what SQLite is given for ``text``."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def loaded(value: str | bytes) -> str:
    """Return the text that `stored` has made ``value`` of."""
    return value if isinstance(value, str) else value.decode("utf-8", "surrogatepass")


def _version(connection: sqlite3.Connection, migrations: Sequence[str]) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != APPLICATION_ID and (
        version or connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    ):
        raise DatabaseRefused("The file is the database of another program.")
    if version > len(migrations):
        raise DatabaseRefused(
            f"The file was written by a newer Deltaline (schema {version}, this one knows "
            f"{len(migrations)}); use that one, or another file."
        )
    return version


def _statements(script: str) -> Sequence[str]:
    """Return the statements one by one: `executescript` would commit before each script."""
    statements: list[str] = []
    rest = ""
    for line in script.splitlines(keepends=True):
        rest += line
        if sqlite3.complete_statement(rest):
            statements.append(rest)
            rest = ""
    return statements

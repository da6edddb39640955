"""Opens a SQLite file as the store needs it."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

from app.store.sqlite_schema import MIGRATIONS, DatabaseRefused, migrate

# How long a statement waits for the lock of another process, in seconds. Callers wait 5 in all.
BUSY_S = 2.0
# What the write-ahead log is cut to after a checkpoint, in bytes: a long answer made it grow.
_MOST_WAL = 16 * 1024 * 1024
# As /proc/self/mountinfo calls them. Here the other processes may be on other machines, which do
# not share the memory that the write-ahead log needs.
_NETWORK = frozenset(
    ("9p", "afs", "ceph", "cifs", "fuse.sshfs", "glusterfs", "lustre", "nfs", "nfs4", "smb3")
)
_MOUNTS = Path("/proc/self/mountinfo")


def open_database(
    path: Path, *, migrations: Sequence[str] = MIGRATIONS, mounts: Path = _MOUNTS
) -> sqlite3.Connection:
    """Return a connection to the file, which is made with its folder if it is not there.

    Only this user may read a new file: it holds conversations. The connection commits by itself,
    and may be used in any thread, by one at a time.

    Raises:
        DatabaseRefused: the file is of a newer version, or of another program.
        OSError, sqlite3.Error: it cannot be used now.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Never opened if it is there: to close it would drop the locks that this process has on it.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    connection = sqlite3.connect(
        path, timeout=BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=64
    )
    try:
        _set_up(connection, is_local=not is_on_network(path, mounts))
        migrate(connection, migrations)
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.DatabaseError) and _is_no_database(error):
            raise DatabaseRefused("The file is no SQLite database.") from error
        raise
    return connection


def is_on_network(path: Path, mounts: Path = _MOUNTS) -> bool:
    """Return whether other machines may have the file open too."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False  # not Linux
    kinds: dict[str, str] = {}
    for line in lines:
        before, _, after = line.partition(" - ")
        kinds[before.split()[4].replace("\\040", " ")] = after.split()[0]
    folders = (path.resolve(), *path.resolve().parents)
    return next((kinds[str(f)] for f in folders if str(f) in kinds), "") in _NETWORK


def _set_up(connection: sqlite3.Connection, *, is_local: bool) -> None:
    if is_local:
        mode = _journal_mode(connection, "WAL")
        if mode != "wal":
            raise sqlite3.OperationalError(f"no write-ahead log here, but {mode}")
        # A crash of the machine may lose the last commits, never a part of one.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {_MOST_WAL}")
    else:
        _journal_mode(connection, "TRUNCATE")
    # Zeroes over what was deleted, where that needs no further writing.
    connection.execute("PRAGMA secure_delete = FAST")


def _journal_mode(connection: sqlite3.Connection, mode: str) -> str:
    """Set the mode, which is refused at once while another process does it, and return it."""
    give_up = time.monotonic() + BUSY_S
    while True:
        try:
            row = connection.execute(f"PRAGMA journal_mode = {mode}").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.02)
        else:
            return str(row[0])


def _is_no_database(error: sqlite3.DatabaseError) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB

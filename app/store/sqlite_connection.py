"""A connection that is opened when it is needed, and again when it is spoiled."""

import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, TypeVar

from app.errors import StoreUnavailable
from app.seldom_warning import SeldomWarning
from app.store.sqlite_schema import DatabaseRefused

T = TypeVar("T")

OpenConnection: TypeAlias = Callable[[], sqlite3.Connection]

# How often the file is looked at, whether it is still the one that was opened, in seconds.
_SAME_FILE_S = 1.0
# After these errors the connection is as good as before.
_PASSING = frozenset((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL))


class ReopenedConnection:
    """Gives functions the connection, and makes of SQLite's errors ours. For one thread.

    Args:
        path: of the file.
        open_connection: makes a connection.
    """

    def __init__(self, path: Path, open_connection: OpenConnection) -> None:
        self._path = path
        self._open = open_connection
        self._connection: sqlite3.Connection | None = None
        self._inode: int | None = None
        self._look_at_file = 0.0
        self._data_version: int | None = None
        self._warn = SeldomWarning(
            logging.getLogger("deltaline"), "The chats in %s cannot be used: %s"
        )

    def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Return what ``function`` returns, or raise what it raises.

        Raises:
            StoreUnavailable: SQLite failed; the log says how.
        """
        try:
            return function(self._opened())
        except (sqlite3.Error, OSError, DatabaseRefused) as error:
            if getattr(error, "sqlite_errorcode", None) not in _PASSING:
                self.close()
            raise self.unavailable(str(error)) from error

    def has_changed(self) -> bool:
        """Return whether another connection has committed since the last call, or maybe so.

        Raises:
            StoreUnavailable: SQLite failed; the log says how.
        """
        version: int = self.run(lambda c: c.execute("PRAGMA data_version").fetchone()[0])
        is_other = version != self._data_version
        self._data_version = version
        return is_other

    def unavailable(self, reason: str) -> StoreUnavailable:
        """Return the error for a caller, and have the log say the reason. In any thread."""
        self._warn(time.monotonic(), str(self._path), reason)
        return StoreUnavailable(reason)

    def close(self) -> None:
        """Close it until it is needed again."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _opened(self) -> sqlite3.Connection:
        now = time.monotonic()
        if self._connection is not None and now >= self._look_at_file:
            # A file that was deleted would take everything, and nobody would ever see it again.
            self._look_at_file = now + _SAME_FILE_S
            if self._file() != self._inode:
                self.close()
        if self._connection is None:
            self._connection = self._open()
            self._inode = self._file()
            self._look_at_file = now + _SAME_FILE_S
            self._data_version = None
        return self._connection

    def _file(self) -> int | None:
        try:
            return os.stat(self._path).st_ino
        except OSError:
            return None

"""How a SQLite file is opened."""

import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.store.sqlite_file import is_on_network, open_database
from app.store.sqlite_schema import DatabaseRefused

_BEGIN = """
import sqlite3, sys
sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None).execute("BEGIN IMMEDIATE")
"""


def _pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_a_local_file_has_a_write_ahead_log(tmp_path: Path) -> None:
    with contextlib.closing(open_database(tmp_path / "chats.db")) as connection:
        assert _pragma(connection, "journal_mode") == "wal"
        assert _pragma(connection, "synchronous") == 1
        assert _pragma(connection, "busy_timeout") == 2000
        assert _pragma(connection, "secure_delete") == 2


def test_a_file_that_other_machines_see_has_none(tmp_path: Path) -> None:
    """They do not share the memory that it needs."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(_mount(tmp_path, "nfs4"))
    with contextlib.closing(open_database(tmp_path / "chats.db", mounts=mounts)) as connection:
        assert _pragma(connection, "journal_mode") == "truncate"
        assert _pragma(connection, "synchronous") == 2


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [(["ext4"], False), (["nfs4"], True), (["nfs", "tmpfs"], False), (["ext4", "cifs"], True)],
)
def test_the_nearest_mount_counts(kinds: Sequence[str], expected: bool, tmp_path: Path) -> None:
    folders = [tmp_path, tmp_path / "with a blank"]
    mounts = tmp_path / "mountinfo"
    lines = [_mount(folder, kind) for folder, kind in zip(folders, kinds, strict=False)]
    mounts.write_text(_mount(Path("/"), "overlay") + "".join(lines))

    assert is_on_network(tmp_path / "with a blank" / "chats.db", mounts) is expected


def test_where_mounts_cannot_be_read_a_file_is_local(tmp_path: Path) -> None:
    assert not is_on_network(tmp_path / "chats.db", tmp_path / "nothing")


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear grandmother, " * 100)

    with pytest.raises(DatabaseRefused, match="no SQLite database"):
        open_database(path)

    assert path.read_text().startswith("Dear grandmother")


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    path.touch(mode=0o640)

    open_database(path).close()

    assert path.read_bytes().startswith(b"SQLite format 3")


def test_a_file_that_is_open_keeps_its_locks_when_it_is_opened_again(tmp_path: Path) -> None:
    """Whoever closes any descriptor of a file drops the locks of the whole process."""
    path = tmp_path / "chats.db"
    with contextlib.closing(open_database(path)) as first:
        first.execute("BEGIN IMMEDIATE")
        with contextlib.closing(open_database(path)):
            # Another process has to be locked out.
            ran = subprocess.run(
                [sys.executable, "-c", _BEGIN, path], capture_output=True, text=True
            )
    assert "database is locked" in ran.stderr


def _mount(folder: Path, kind: str) -> str:
    where = str(folder).replace(" ", "\\040")
    return f"36 35 98:0 / {where} rw,noatime shared:1 - {kind} /dev/root rw\n"

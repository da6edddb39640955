"""The thread of a SQLite file; what a whole store makes of it is in `test_sqlite`."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from app.errors import StoreUnavailable
from app.store.sqlite_file import open_database
from app.store.sqlite_thread import SqliteThread


@contextlib.asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteThread]:
    thread = SqliteThread(path, lambda: open_database(path))
    try:
        yield thread
    finally:
        await thread.aclose()


def _add(key: str, error: Exception | None = None) -> Callable[[sqlite3.Connection], str]:
    def add(connection: sqlite3.Connection) -> str:
        connection.execute("INSERT INTO marks VALUES (?, 0)", (key,))
        if error is not None:
            raise error
        return key

    return add


def _keys(connection: sqlite3.Connection) -> list[str]:
    return [key for (key,) in connection.execute("SELECT key FROM marks ORDER BY key")]


async def test_of_calls_that_share_a_commit_only_the_faulty_one_is_undone(tmp_path: Path) -> None:
    is_free = threading.Event()
    async with opened(tmp_path / "chats.db") as thread:
        holding = asyncio.create_task(thread.read(lambda _: is_free.wait()))
        await asyncio.sleep(0)
        calls = [
            asyncio.create_task(thread.write(add))
            for add in (
                _add("a"),
                _add("b", ValueError("no")),
                _add("a"),
                _add("c", sqlite3.OperationalError("odd")),
                _add("d"),
            )
        ]
        await asyncio.sleep(0)
        is_free.set()
        results = await asyncio.gather(*calls, return_exceptions=True)
        await holding

        assert [type(result) for result in results] == [
            str,
            ValueError,
            StoreUnavailable,  # of the constraint
            StoreUnavailable,
            str,
        ]
        assert await thread.read(_keys) == ["a", "d"]


@pytest.mark.parametrize("error", [ValueError("no"), sqlite3.OperationalError("odd")])
async def test_a_call_that_fails_alone_is_undone(error: Exception, tmp_path: Path) -> None:
    async with opened(tmp_path / "chats.db") as thread:
        with pytest.raises((ValueError, StoreUnavailable)):
            await thread.write(_add("a", error))

        assert await thread.read(_keys) == []
        assert await thread.write(_add("b")) == "b"


async def test_a_reader_sees_one_moment(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"

    def twice(connection: sqlite3.Connection) -> tuple[list[str], list[str]]:
        before = _keys(connection)
        with contextlib.closing(open_database(path)) as other:
            other.execute("INSERT INTO marks VALUES ('new', 0)")
        return before, _keys(connection)

    async with opened(path) as thread:
        assert await thread.read(twice) == ([], [])
        assert await thread.read(_keys) == ["new"]


async def test_a_call_whose_caller_has_left_is_not_begun(tmp_path: Path) -> None:
    is_free = threading.Event()
    async with opened(tmp_path / "chats.db") as thread:
        holding = asyncio.create_task(thread.read(lambda _: is_free.wait()))
        await asyncio.sleep(0)
        left = asyncio.create_task(thread.write(_add("left")))
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.wait((left,))
        is_free.set()
        await holding

        assert await thread.read(_keys) == []


async def test_closing_finishes_what_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    async with opened(path) as thread:
        calls = [asyncio.create_task(thread.write(_add(str(n)))) for n in range(5)]
        await asyncio.sleep(0)
    assert await asyncio.gather(*calls) == ["0", "1", "2", "3", "4"]

    with contextlib.closing(open_database(path)) as connection:
        assert len(_keys(connection)) == 5

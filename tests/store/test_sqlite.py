"""The engine in a SQLite file, beyond what every engine promises: other processes, and faults."""

import asyncio
import contextlib
import os
import sqlite3
import stat
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.errors import StoreUnavailable
from app.store import sqlite_thread
from app.store.checks.stores import batch, begun, log, user
from app.store.sqlite import SqliteStore
from app.store.sqlite_file import open_database
from app.store.store import TurnHead
from tests.chatting import logged


@contextlib.asynccontextmanager
async def opened(path: Path, **more: object) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path, **more)  # type: ignore[arg-type]
    try:
        yield store
    finally:
        await store.aclose()


@contextlib.asynccontextmanager
async def writer(path: Path, turn: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start another process that writes, and wait until it has begun."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.store.writer", str(path), turn),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"Begun()\n"
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def test_another_process_is_followed_and_stopped(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    async with writer(path, "t") as process, opened(path) as store:
        found = 0
        while found < 20:
            await store.wait("t", found, 60.0)
            tail = await store.fetch("t", found)
            assert tail is not None
            assert [b.seq for b in tail.batches] == [
                found + n + 1 for n in range(len(tail.batches))
            ]
            found += len(tail.batches)

        await store.ask_to_stop("t", "stop")
        await process.communicate()

        head = await store.turn("", "t")
        chat = await store.chat("", "chat")
    assert head is not None
    assert (head.state, head.stop) == ("stopped", "stop")
    assert chat is not None
    assert chat.messages == [{"id": "m"}]


async def test_a_process_that_is_killed_loses_nothing_it_was_told(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    for number in range(4):
        turn = f"t{number}"
        async with writer(path, turn) as process:
            assert process.stdout is not None
            told = 0
            while told < 30 * number:
                told = int(await process.stdout.readline())
            process.kill()
            rest = (await process.communicate())[0].splitlines(keepends=True)
            whole = [line for line in rest if line.endswith(b"\n")]
            told = int(whole[-1]) if whole else told
        async with opened(path) as store:
            batches = await log(store, turn)
            assert len(batches) in (told, told + 1)
            assert [b.data for b in batches] == [b"%d" % n for n in range(1, len(batches) + 1)]
            assert await store.end(turn, "lost", last=None, message=None, ended_at=0.0)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_only_this_user_may_read_what_is_said(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "chats.db"
    async with opened(path) as store:
        await begun(store)

        files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}

    assert files == {"chats.db": 0o600, "chats.db-wal": 0o600, "chats.db-shm": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_a_full_disk_is_an_error_until_there_is_room_again(tmp_path: Path) -> None:
    connections: list[sqlite3.Connection] = []

    def small(path: Path) -> sqlite3.Connection:
        connection = open_database(path)
        connection.execute("PRAGMA max_page_count = 60")
        connections.append(connection)
        return connection

    async with opened(tmp_path / "chats.db", open_connection=small) as store:
        own = await begun(store, messages=[user()])
        await store.append([batch(own, 1)], beating=[own.id])
        with logged() as written:
            for _ in range(3):
                with pytest.raises(StoreUnavailable):
                    await store.append([batch(own, 2, b"x" * 500_000)], beating=[own.id])
        # What is small still fits, and what did not is not there in part.
        assert await log(store, own.id) == [batch(own, 1)]
        assert len(connections) == 1

        connections[0].execute("PRAGMA max_page_count = 1000000")
        assert await store.append([batch(own, 2, b"x" * 500_000)], beating=[own.id]) == {}
        assert len(await log(store, own.id)) == 2

    (line,) = [record.getMessage() for record in written.records]
    assert line.endswith("chats.db cannot be used: database or disk is full")


async def test_a_file_that_may_only_be_read_is_an_error_until_it_may_be_written(
    tmp_path: Path,
) -> None:
    modes = ["ON", "ON", "OFF"]

    def guarded(path: Path) -> sqlite3.Connection:
        connection = open_database(path)
        connection.execute(f"PRAGMA query_only = {modes.pop(0)}")
        return connection

    async with opened(tmp_path / "chats.db", open_connection=guarded) as store:
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="readonly"):
                await begun(store)

        own = await begun(store)
        assert await store.turn(own.owner, own.id) == own


async def test_who_is_locked_out_is_told_and_goes_on_later(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"

    def hasty(path: Path) -> sqlite3.Connection:
        connection = open_database(path)
        connection.execute("PRAGMA busy_timeout = 10")
        return connection

    async with opened(path, open_connection=hasty) as store:
        own = await begun(store)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable, match="locked"):
                await store.append([batch(own, 1)], beating=[])
            # Readers are not locked out.
            assert await log(store, own.id) == []
            other.execute("ROLLBACK")

        assert await store.append([batch(own, 1)], beating=[]) == {}


async def test_a_file_that_is_no_database_is_an_error_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    path.write_text("A letter to my grandmother. " * 100)
    async with opened(path) as store:
        with pytest.raises(StoreUnavailable, match="no SQLite database"):
            await store.chat("", "c")
        with pytest.raises(StoreUnavailable):
            await store.wait("t", 0, 60.0)

        path.unlink()
        assert await store.chat("", "c") is None


async def test_a_file_that_is_spoiled_is_an_error_for_everybody(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    async with opened(path) as store:
        own = await begun(store, messages=[user("x" * 100_000)])
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))

    async with opened(path) as store:
        with pytest.raises(StoreUnavailable):
            await store.chat(own.owner, own.chat_id)
        with pytest.raises(StoreUnavailable):
            await begun(store)


async def test_a_file_that_goes_away_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "chats.db"
    async with opened(path) as store:
        await begun(store)
        for file in path.parent.iterdir():
            file.unlink()
        path.parent.rmdir()

        async def is_there() -> None:
            while not path.exists():
                with contextlib.suppress(StoreUnavailable):
                    await begun(store)

        await asyncio.wait_for(is_there(), 30.0)
        own = await begun(store)
    async with opened(path) as store:
        assert await store.turn(own.owner, own.id) == own


async def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with opened(tmp_path / "file" / "chats.db") as store:
        with pytest.raises(StoreUnavailable):
            await store.owners()


async def test_calls_that_wait_together_share_a_commit(tmp_path: Path) -> None:
    commits: list[str] = []

    def counting(path: Path) -> sqlite3.Connection:
        connection = open_database(path)
        connection.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
        return connection

    async with opened(tmp_path / "chats.db", open_connection=counting) as store:
        owns = [await begun(store) for _ in range(20)]
        commits.clear()

        await asyncio.gather(*(store.append([batch(own, 1)], beating=[own.id]) for own in owns))

        assert len(commits) < 20
        for own in owns:
            assert await log(store, own.id) == [batch(own, 1)]


async def test_a_commit_of_ours_wakes_without_looking_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_SOON_S", "_SELDOM_S"):
        monkeypatch.setattr(sqlite_thread, name, 1000.0)
    async with opened(tmp_path / "chats.db") as store:
        own = await begun(store)
        waiting = asyncio.create_task(store.wait(own.id, 0, 1000.0))
        assert await log(store, own.id) == []  # after the wait has begun
        assert not waiting.done()

        await store.append([batch(own, 1)], beating=[])

        await waiting


async def test_nobody_looks_for_commits_of_others_unless_somebody_waits(tmp_path: Path) -> None:
    looks: list[str] = []

    def watched(path: Path) -> sqlite3.Connection:
        connection = open_database(path)
        connection.set_trace_callback(
            lambda sql: looks.append(sql) if sql == "PRAGMA data_version" else None
        )
        return connection

    path = tmp_path / "chats.db"
    async with opened(path, open_connection=watched) as store, opened(path) as other:
        own = await begun(store)
        await store.append([batch(own, 1)], beating=[])
        await store.fetch(own.id)
        assert looks == []

        waiting = asyncio.create_task(store.wait(own.id, 1, 1000.0))
        await store.fetch(own.id)
        await other.append([batch(own, 2)], beating=[])
        await waiting
        assert looks != []

        looks.clear()
        for _ in range(20):
            await store.fetch(own.id)
        assert looks == []


async def test_nobody_waits_for_a_thread_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_thread, "CALL_S", 0.05)
    monkeypatch.setattr(sqlite_thread, "MOST_WAITING", 10)
    is_free = threading.Event()

    def slow(path: Path) -> sqlite3.Connection:
        is_free.wait()
        return open_database(path)

    async with opened(tmp_path / "chats.db", open_connection=slow) as store:
        results = await asyncio.gather(*(store.owners() for _ in range(50)), return_exceptions=True)
        assert {type(result) for result in results} == {StoreUnavailable}
        assert {str(result) for result in results} == {
            "no answer in 0.05 seconds",
            "too many calls are waiting",
        }
        is_free.set()
        monkeypatch.setattr(sqlite_thread, "CALL_S", 30.0)
        while True:
            with contextlib.suppress(StoreUnavailable):
                assert await store.owners() == []
                break
            await asyncio.sleep(0)


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path / "chats.db") as store:
        waiting = asyncio.create_task(store.wait("t", 0, 60.0))
        own = await begun(store)
        follower = asyncio.create_task(store.wait(own.id, 0, 60.0))
        await waiting
    with pytest.raises(StoreUnavailable, match="closed"):
        await follower
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.owners()
    # The write-ahead log is in the file.
    assert os.listdir(tmp_path) == ["chats.db"]


async def test_a_vacuum_gives_the_space_back(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    async with opened(path) as store, opened(path) as other:
        own = await begun(store, messages=[user("secret words " * 100_000)])
        stays = await begun(other)
        await store.delete(own.owner, own.chat_id)
        before = path.with_name("chats.db-wal").stat().st_size

        await store.vacuum()

        assert path.stat().st_size < before / 5
        assert b"secret words" not in path.read_bytes()
        assert await other.turn(stays.owner, stays.id) == stays


async def test_ten_thousand_turns_leave_a_small_file(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"

    async def turns(numbers: range) -> int:
        async with opened(path) as store:
            for start in numbers[::500]:
                owns = [
                    TurnHead(id=f"t{n}", owner="o", chat_id=f"c{n}", message_id="m")
                    for n in range(start, start + 500)
                ]
                await asyncio.gather(
                    *(store.begin(own, revision=0, keep=0, messages=[user()]) for own in owns)
                )
                await store.append([batch(own, 1) for own in owns], beating=[])
                await asyncio.gather(
                    *(
                        store.end(own.id, "finished", last=None, message=None, ended_at=0.0)
                        for own in owns
                    )
                )
                await store.sweep(1e10, keep_s=0.0, history_s=0.0)
            assert await store.owners() == []
        return path.stat().st_size

    first = await turns(range(1000))
    assert await turns(range(1000, 10_000)) <= first * 1.2


def test_a_store_starts_nothing_until_it_is_asked(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "chats.db")

    assert list(tmp_path.iterdir()) == []

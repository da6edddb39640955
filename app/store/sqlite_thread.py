"""The thread that a SQLite file has to itself.

The event loop never waits for the disk: it hands over functions that are given the connection.
Writing ones that wait together share one transaction. If one of them fails, all are done again,
each within a savepoint, so that an error is the error of one. SQLite cannot tell of a commit by
another process; as long as somebody watches, the thread asks for it.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import msgspec

from app.errors import StoreUnavailable
from app.store.sqlite_connection import OpenConnection, ReopenedConnection

T = TypeVar("T")
_Function: TypeAlias = Callable[[sqlite3.Connection], T]
_Kind: TypeAlias = Literal["read", "write", "alone", "watch", "close"]

# How long a call may take, in seconds, waiting included.
CALL_S = 5.0
# How many calls may wait. More than a busy server makes in these seconds, one a turn and batch.
MOST_WAITING = 10_000
# How many calls share one transaction.
_MOST_AT_ONCE = 500
# How often the thread looks for commits of other processes, in seconds: soon after one, and less
# and less often as long as there are none.
_SOON_S = 0.005
_SELDOM_S = 0.05


class _Job(msgspec.Struct, frozen=True, eq=False):
    kind: _Kind
    function: _Function[Any]
    future: "asyncio.Future[Any]"
    loop: asyncio.AbstractEventLoop


class SqliteThread:
    """Runs functions on a connection, one after the other.

    Args:
        path: of the file.
        open_connection: called in the thread, again after an error.
    """

    def __init__(self, path: Path, open_connection: OpenConnection) -> None:
        self._connection = ReopenedConnection(path, open_connection)
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._watches: list[_Job] = []
        self._thread: threading.Thread | None = None
        self._is_closed = False

    async def read(self, function: _Function[T]) -> T:
        """Return what ``function`` returns, which sees the file as it was at one moment."""
        return await self._call("read", function, CALL_S)

    async def write(self, function: _Function[T]) -> T:
        """Return what ``function`` returns, once what it wrote is committed.

        Raises:
            StoreUnavailable: it may have been written all the same, if this took too long.
        """
        return await self._call("write", function, CALL_S)

    async def alone(self, function: _Function[T]) -> T:
        """Return what ``function`` returns, outside of a transaction, however long it takes."""
        return await self._call("alone", function, None)

    async def watch(self, is_due: _Function[bool], timeout_s: float) -> None:
        """Return when ``is_due`` is true, which is asked after each commit, or after the time."""
        future = self._hand_over("watch", is_due)
        try:
            await asyncio.wait((future,), timeout=timeout_s)
            if future.done():
                future.result()
        finally:
            future.cancel()

    async def aclose(self) -> None:
        """Finish what was asked for, and close the file. Idempotent."""
        if not self._is_closed and self._thread is not None:
            closing = self._hand_over("close", lambda _: None)
            self._is_closed = True
            await asyncio.wait((closing,), timeout=CALL_S)
        self._is_closed = True

    async def _call(self, kind: _Kind, function: _Function[T], limit_s: float | None) -> T:
        future = self._hand_over(kind, function)
        try:
            async with asyncio.timeout(limit_s):
                result: T = await future
        except TimeoutError:
            raise self._connection.unavailable(f"no answer in {limit_s:g} seconds") from None
        return result

    def _hand_over(self, kind: _Kind, function: _Function[Any]) -> "asyncio.Future[Any]":
        if self._is_closed:
            raise StoreUnavailable("the store is closed")
        if self._jobs.qsize() >= MOST_WAITING:
            raise self._connection.unavailable("too many calls are waiting")
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="sqlite", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._jobs.put(_Job(kind, function, future, loop))
        return future

    # From here on in the thread.

    def _work(self) -> None:
        pause_s = _SOON_S
        while True:
            jobs = self._taken(pause_s if self._watches else None)
            has_written = self._do(jobs)
            if any(job.kind == "close" for job in jobs):
                self._finish([job for job in jobs if job.kind == "close"])
                return
            self._watches = [job for job in self._watches if not job.future.done()]
            if self._watches and self._look(anyway=has_written):
                pause_s = _SOON_S
            elif not jobs:
                pause_s = min(2 * pause_s, _SELDOM_S)

    def _taken(self, timeout_s: float | None) -> list[_Job]:
        """Return the calls that wait, the first of them awaited."""
        jobs: list[_Job] = []
        with contextlib.suppress(queue.Empty):
            jobs.append(self._jobs.get(timeout=timeout_s))
            while len(jobs) < _MOST_AT_ONCE:
                jobs.append(self._jobs.get_nowait())
        # Those of callers that have left are not begun.
        return [job for job in jobs if not job.future.done()]

    def _do(self, jobs: list[_Job]) -> bool:
        """Do what was asked for; return whether there was something to write."""
        writes = [job for job in jobs if job.kind == "write"]
        results: list[tuple[_Job, Any]] = []
        for job in jobs:
            match job.kind:
                case "read":
                    results += self._attempt([job], partial(_together, jobs=[job], begin="BEGIN"))
                case "alone":
                    results += self._attempt([job], partial(_each, jobs=[job]))
                case "watch":
                    self._watches += self._not_due([job])
                case "write" | "close":
                    pass
        if writes:
            together = partial(_together, jobs=writes, begin="BEGIN IMMEDIATE")
            results += self._attempt(writes, together)
        _settle(results)
        return bool(writes)

    def _attempt(
        self, jobs: list[_Job], function: _Function[Sequence[Any]]
    ) -> list[tuple[_Job, Any]]:
        """Return the result of each job, or the exception that its caller gets."""
        try:
            return list(zip(jobs, self._connection.run(function), strict=True))
        except StoreUnavailable as error:
            return [(job, StoreUnavailable(str(error))) for job in jobs]
        except Exception as error:
            return [(job, error) for job in jobs]

    def _look(self, *, anyway: bool) -> bool:
        """Tell the watches that are due, if there was a commit; return whether there was one."""
        try:
            if not self._connection.has_changed() and not anyway:
                return False
        except StoreUnavailable as error:
            _settle([(job, StoreUnavailable(str(error))) for job in self._watches])
            self._watches = []
            return False
        self._watches = self._not_due(self._watches)
        return True

    def _not_due(self, watches: list[_Job]) -> list[_Job]:
        """Tell those of ``watches`` that are due, and return the others."""
        results = self._attempt(watches, partial(_each, jobs=watches))
        _settle([(job, result) for job, result in results if result is not False])
        return [job for job, result in results if result is False]

    def _finish(self, closing: list[_Job]) -> None:
        self._connection.close()
        left = self._watches + self._taken(0)
        _settle([(job, StoreUnavailable("the store is closed")) for job in left])
        _settle([(job, None) for job in closing])


def _each(connection: sqlite3.Connection, jobs: Sequence[_Job]) -> Sequence[Any]:
    return [job.function(connection) for job in jobs]


def _together(connection: sqlite3.Connection, jobs: Sequence[_Job], begin: str) -> Sequence[Any]:
    """Run all in one transaction, maybe twice; return what each returned, or its own exception."""
    try:
        return _in_transaction(connection, partial(_each_at_first, connection, jobs), begin)
    except _OneFailed as error:
        if len(jobs) == 1:
            assert error.__cause__ is not None
            raise error.__cause__ from None
    work = partial(_each_on_its_own, connection, jobs)
    return _in_transaction(connection, work, begin)


class _OneFailed(Exception):
    """One of several functions failed, and nothing was written."""


def _each_at_first(connection: sqlite3.Connection, jobs: Sequence[_Job]) -> Sequence[Any]:
    # A savepoint for each would cost as much as two statements, and hardly any job fails.
    try:
        return _each(connection, jobs)
    except Exception as error:
        raise _OneFailed from error


def _each_on_its_own(connection: sqlite3.Connection, jobs: Sequence[_Job]) -> Sequence[Any]:
    return [_on_its_own(connection, job) for job in jobs]


def _in_transaction(
    connection: sqlite3.Connection, work: Callable[[], Sequence[Any]], begin: str
) -> Sequence[Any]:
    connection.execute(begin)
    try:
        results = work()
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return results


def _on_its_own(connection: sqlite3.Connection, job: _Job) -> Any:
    connection.execute("SAVEPOINT job")
    try:
        result = job.function(connection)
    except Exception as error:
        # A full disk takes the whole transaction, and so do other faults.
        if not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO job")
        result = StoreUnavailable(str(error)) if isinstance(error, sqlite3.Error) else error
    connection.execute("RELEASE job")
    return result


def _settle(results: Sequence[tuple[_Job, Any]]) -> None:
    """Hand the results over, with one call a loop."""
    for loop in {job.loop for job, _ in results}:
        mine = [(job.future, result) for job, result in results if job.loop is loop]
        # If the loop is closed by now, nobody waits any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_tell, mine)


def _tell(results: Sequence[tuple["asyncio.Future[Any]", Any]]) -> None:
    for future, result in results:
        if future.done():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)

"""`app.workers.shared_file`: its size, and who holds its lock."""

import multiprocessing
import os
import signal
import tempfile
import threading

import pytest

from app.workers import connection_counts
from app.workers.shared_file import Lock, approvals_offset, locked, make_shared_file
from app.workers.used_approvals import size_of


def test_the_file_of_the_workers_is_as_large_as_they_need() -> None:
    shared = make_shared_file(5)
    try:
        assert os.fstat(shared).st_size == approvals_offset(5) + size_of()
        assert approvals_offset(5) == connection_counts.size_of(5)
    finally:
        os.close(shared)


def _hold(descriptor: int, held: object, go_on: object) -> None:
    with locked(descriptor, Lock.LOG):
        held.set()  # type: ignore[attr-defined]
        go_on.wait()  # type: ignore[attr-defined]


def test_a_lock_is_held_by_one_process_and_ends_with_it() -> None:
    import fcntl

    context = multiprocessing.get_context("fork")
    held, go_on = context.Event(), context.Event()
    with tempfile.TemporaryFile() as file:
        other = context.Process(target=_hold, args=(file.fileno(), held, go_on))
        other.start()
        held.wait()
        with pytest.raises(BlockingIOError):
            fcntl.lockf(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, Lock.LOG.value)
        # Another lock of the same file.
        with locked(file.fileno(), Lock.APPROVALS, threads=threading.Lock()):
            pass
        assert other.pid is not None
        os.kill(other.pid, signal.SIGKILL)
        with locked(file.fileno(), Lock.LOG):
            pass
        other.join()
        other.close()

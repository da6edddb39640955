"""The file that all workers have: memory that they share, and something to lock."""

import contextlib
import enum
import os
import tempfile
from collections.abc import Iterator

from app.workers import connection_counts, used_approvals


class Lock(enum.Enum):
    """What is locked. The value is the byte of the file that stands for it."""

    LOG = 0
    APPROVALS = 1


def make_shared_file(workers: int) -> int:
    """Return the descriptor of a file for so many workers, which ends with the last of them."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("deltaline-workers")
    else:  # macOS
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    # What nobody has written to takes no memory.
    os.truncate(descriptor, approvals_offset(workers) + used_approvals.size_of())
    return descriptor


def approvals_offset(workers: int) -> int:
    """Return where the used approvals begin, behind the counts of the connections."""
    return connection_counts.size_of(workers)


@contextlib.contextmanager
def locked(
    descriptor: int,
    what: Lock,
    *,
    threads: contextlib.AbstractContextManager[object] | None = None,
) -> Iterator[None]:
    """Hold a lock that all workers share, within the block.

    The system gives it back if its holder dies.

    Args:
        descriptor: of the file.
        what: which lock of the file.
        threads: a lock of this process, which keeps its threads apart: the system does not, and
            would give the lock back for all of them. The handlers of `logging` have one already.
    """
    import fcntl  # not on Windows

    with contextlib.nullcontext() if threads is None else threads:
        fcntl.lockf(descriptor, fcntl.LOCK_EX, 1, what.value)
        try:
            yield
        finally:
            fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, what.value)

"""The file that all workers have: memory that they share, and something to lock."""

import contextlib
import os
import tempfile
from collections.abc import Iterator

from app.workers.connection_counts import size_of


def make_shared_file(workers: int) -> int:
    """Return the descriptor of a file for so many workers, which ends with the last of them."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("deltaline-workers")
    else:  # macOS
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.truncate(descriptor, size_of(workers))
    return descriptor


@contextlib.contextmanager
def locked(descriptor: int) -> Iterator[None]:
    """Hold a lock that all workers share, within the block.

    The system gives it back if its holder dies. One process does not exclude itself: threads have
    to be told apart by a lock of their own, as the handlers of `logging` do.
    """
    import fcntl

    fcntl.lockf(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.lockf(descriptor, fcntl.LOCK_UN)

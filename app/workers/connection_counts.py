"""How many connections each worker has, in memory that all of them see.

Each worker writes its own number only, so that nothing has to be locked.
"""

import mmap

# Nobody waits for a worker that does not serve.
_ABSENT = 0xFFFFFFFF
_BYTES_EACH = 4


class ConnectionCounts:
    """The numbers of all workers.

    Args:
        descriptor: of a file of `size_of` bytes.
        workers: how many workers there are; they have the numbers from 1.
    """

    def __init__(self, descriptor: int, workers: int) -> None:
        self._counts = memoryview(mmap.mmap(descriptor, size_of(workers))).cast("I")

    def leave(self, worker: int) -> None:
        """Note that ``worker`` does not serve."""
        self._counts[worker - 1] = _ABSENT

    def has_fewest(self, worker: int, count: int) -> bool:
        """Note how many connections ``worker`` has; return whether no other one has fewer."""
        self._counts[worker - 1] = count
        return count == min(self._counts)


def size_of(workers: int) -> int:
    """Return the bytes that the numbers of so many workers take."""
    return workers * _BYTES_EACH

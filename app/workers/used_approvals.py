"""Which approvals were used, in memory that all workers see.

A list of records that only grows, in a ring: each worker reads what is new to it before it decides,
and adds what it decides. A worker that takes another's place reads it from its beginning.

    <records ever added: 8 bytes> (<nonce: 24> <expiry: 4> <reason: 1> <nothing: 3>)*
"""

import mmap
import struct
from collections.abc import Callable
from contextlib import AbstractContextManager

from app.tools.approval import REMEMBERED, ApprovalRefusal, OwnUsedIds

_TOTAL = struct.Struct("<Q")
# A nonce is 18 bytes in base64. An expiry fits until the year 2106.
_RECORD = struct.Struct("<24sIB3x")
_REASONS = (ApprovalRefusal.REPLAYED, ApprovalRefusal.DENIED)


class SharedUsedIds:
    """The used ids of all workers.

    Args:
        descriptor: of the shared file.
        offset: where our bytes begin in it.
        alone: what no two workers, and no two threads of one, hold at once.
        capacity: how many ids are remembered; the same in all workers.
    """

    def __init__(
        self,
        descriptor: int,
        offset: int,
        *,
        alone: Callable[[], AbstractContextManager[object]],
        capacity: int = REMEMBERED,
    ) -> None:
        self._memory = mmap.mmap(descriptor, offset + size_of(capacity))
        self._offset = offset
        self._alone = alone
        self._capacity = capacity
        self._own = OwnUsedIds(capacity)
        self._read = 0

    def use(
        self, nonce: str, expiry: int, reason: ApprovalRefusal, now: float
    ) -> ApprovalRefusal | None:
        with self._alone():
            (total,) = _TOTAL.unpack_from(self._memory, self._offset)
            for number in range(max(self._read, total - self._capacity), total):
                known, until, why = _RECORD.unpack_from(self._memory, self._place(number))
                self._own.use(known.decode("ascii"), until, _REASONS[why], now)
            self._read = total
            refusal = self._own.use(nonce, expiry, reason, now)
            if refusal is None:
                record = (nonce.encode("ascii"), expiry, _REASONS.index(reason))
                _RECORD.pack_into(self._memory, self._place(total), *record)
                # Last: who dies before it has added nothing.
                _TOTAL.pack_into(self._memory, self._offset, total + 1)
                self._read = total + 1
            return refusal

    def _place(self, number: int) -> int:
        return self._offset + _TOTAL.size + number % self._capacity * _RECORD.size


def size_of(capacity: int = REMEMBERED) -> int:
    """Return the bytes that so many ids take."""
    return _TOTAL.size + capacity * _RECORD.size

"""Whether a longer input of the same kind costs more than its length says."""

import random
import re
import time
import tracemalloc
import zlib
from collections.abc import Callable

from tests.fuzz.target import Target

_SHORT, _LONG = 16 * 1024, 128 * 1024
# Where one byte decides for many.
_MADE_TIMES_SHORTER = 32
# Eight times the input takes a linear parser eight times as long, a quadratic one 64 times.
_MOST_TIMES_AS_LONG = 28.0
# Where a part of a text or of JSON ends; every other variant repeats whole parts.
_EDGE = re.compile(rb"\n+|(?<=[}\]]),")
# Below this nobody waits, whatever the ratio; it is also far above the clock's noise.
_UNNOTICED_S = 0.15
# Python's objects for the smallest JSON values (`[],`), and the copies that the checks make.
_MOST_BYTES_A_BYTE = 500


def pumped(data: bytes, size: int, variant: int = 0) -> bytes:
    """Return ``data`` with a piece of it repeated until it has about ``size`` bytes.

    Args:
        variant: which piece; the same one whenever it and ``data`` are the same.
    """
    chance = random.Random(zlib.crc32(data) + variant)
    edges = [match.end() for match in _EDGE.finditer(data)] if variant % 2 else []
    if len(edges) < 2:
        edges = list(range(len(data) + 1))
    start, end = sorted(chance.sample(edges, 2)) if data else (0, 0)
    piece = data[start:end] or b"a"
    return data[:start] + piece * max(1, (size - len(data)) // len(piece)) + data[end:]


def check_cost(target: Target, data: bytes, variant: int = 0) -> None:
    """Run a target on two lengths of an input.

    Raises:
        AssertionError: the longer one takes far more time than its length says, or memory.
    """
    shorter = _MADE_TIMES_SHORTER if target.is_made else 1
    short, long = (pumped(data, size // shorter, variant) for size in (_SHORT, _LONG))
    short_s, long_s = _cpu_s(target.check, short), _cpu_s(target.check, long)
    if long_s > _UNNOTICED_S and long_s > _MOST_TIMES_AS_LONG * short_s:
        # Whoever else used the processor meanwhile may have taken the caches.
        short_s = min(_cpu_s(target.check, short) for _ in range(3))
        long_s = min(_cpu_s(target.check, long) for _ in range(2))
        assert long_s <= _MOST_TIMES_AS_LONG * short_s, (
            f"{target.name}: {len(short)} bytes take {short_s:.3f} s, "
            f"{len(long)} bytes {long_s:.3f} s: {long[:200]!r}"
        )


def check_memory(target: Target, data: bytes) -> None:
    """Run a target on a long input.

    Raises:
        AssertionError: it takes more memory than a fixed multiple of the input's length.
    """
    shorter = _MADE_TIMES_SHORTER if target.is_made else 1
    long = pumped(data, _LONG // shorter)
    tracemalloc.start()
    try:
        target.check(long)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < _MOST_BYTES_A_BYTE * shorter * len(long), (
        f"{target.name}: {peak} bytes: {long[:200]!r}"
    )


def _cpu_s(check: Callable[[bytes], None], data: bytes) -> float:
    began = time.process_time()
    check(data)
    return time.process_time() - began

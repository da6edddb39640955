"""The memory of real processes, and the limit on it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.emulator.memory import MemoryWatch, resident_bytes

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")

# Prints a line once it holds this much, and ends when its input does.
HOARD = """
import sys
hoard = bytearray(b"x") * (int(sys.argv[1]) * 2**20)
print(len(hoard), flush=True)
sys.stdin.read()
"""
# A shell that stays between us and the process, so that only a descendant is large.
IN_SHELL = '"$0" -c "$1" "$2"; exit $?'


def test_the_memory_of_descendants_counts() -> None:
    command = ["sh", "-c", IN_SHELL, sys.executable, HOARD, "64"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        used = resident_bytes([process.pid])
        assert process.stdin is not None
        process.stdin.close()

    assert used > 64 * 2**20


def test_a_process_that_has_ended_uses_nothing() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()

    assert resident_bytes([process.pid]) == 0


def test_the_limit_is_reported_once_and_the_peak_is_kept() -> None:
    excesses: list[int] = []
    pids = [os.getpid()]
    watch = MemoryWatch(lambda: pids, 1, lambda: excesses.append(watch.max_bytes))

    watch.sample()
    watch.sample()
    peak = watch.max_bytes
    pids.clear()
    watch.sample()

    assert len(excesses) == 1
    assert watch.exceeded
    assert watch.max_bytes == peak > 0


def test_use_below_the_limit_is_not_reported() -> None:
    watch = MemoryWatch(lambda: [os.getpid()], 2**50, lambda: pytest.fail("below the limit"))

    watch.sample()

    assert not watch.exceeded
    assert watch.max_bytes > 0

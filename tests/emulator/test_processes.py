"""Real processes: how they end, and that all of them do."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.emulator.changes import Changes
from app.emulator.processes import Process, Processes

PATIENCE_S = 15.0


class Started:
    """The processes of one test, with the pipe that they print to."""

    def __init__(self) -> None:
        self.changes = Changes()
        self.read_end, self.write_end = os.pipe()
        self.processes = Processes(self.changes, self.write_end, {**os.environ, "MINE": "1"})

    async def runtime(self, script: str) -> Process:
        await self.processes.start_runtime(["sh", "-c", script])
        assert self.processes.runtime is not None
        return self.processes.runtime

    def close_write_end(self) -> None:
        if self.write_end >= 0:
            os.close(self.write_end)
        self.write_end = -1

    async def printed(self) -> bytes:
        return await asyncio.to_thread(os.read, self.read_end, 1000)


@pytest.fixture
async def started() -> AsyncIterator[Started]:
    started = Started()
    yield started
    await started.processes.stop(0, [])
    os.close(started.read_end)
    started.close_write_end()


def extension(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("script", "ending", "failed"),
    [
        ("exit 0", "exit status 0", False),
        ("exit 13", "exit status 13", True),
        ("kill -KILL $$", "signal: killed", True),
        ("kill -SEGV $$", "signal: segmentation fault", True),
        ("kill -TERM $$", "signal: Terminated", True),
    ],
)
async def test_an_ending_is_told_as_lambda_does(
    started: Started, script: str, ending: str, failed: bool
) -> None:
    process = await started.runtime(script)

    assert await process.ended(PATIENCE_S)

    assert not process.running
    assert (process.ending, process.failed) == (ending, failed)


async def test_an_end_notifies_and_the_runtime_is_named_before_extensions(
    started: Started, tmp_path: Path
) -> None:
    await started.processes.start_extension(extension(tmp_path, "companion", "exit 1"))
    async with asyncio.timeout(PATIENCE_S):
        await started.changes.until(lambda: started.processes.ended is not None)
    first = started.processes.ended
    runtime = await started.runtime("exit 2")
    async with asyncio.timeout(PATIENCE_S):
        await started.changes.until(lambda: not runtime.running)

    assert first is not None
    assert first.name == "companion"
    assert started.processes.ended is runtime


async def test_a_process_gets_the_environment_and_prints_to_the_pipe(started: Started) -> None:
    await started.runtime('echo "mine is $MINE"')

    assert await started.printed() == b"mine is 1\n"


async def test_what_cannot_be_executed_is_an_os_error(started: Started, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await started.processes.start_runtime(["/nonexistent"])

    assert started.processes.all == []


async def test_a_signal_reaches_the_children_of_a_process(started: Started) -> None:
    process = await started.runtime("sleep 60 & echo ready; wait")
    assert await started.printed() == b"ready\n"

    started.processes.kill()
    assert await process.ended(PATIENCE_S)

    # The pipe ends once nobody holds its writing end: neither the child nor this test.
    started.close_write_end()
    async with asyncio.timeout(PATIENCE_S):
        assert await started.printed() == b""


async def test_extensions_that_were_told_may_end_by_themselves(
    started: Started, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    await started.processes.start_extension(extension(tmp_path, "told", f"cat {gate}; exit 5"))
    await started.processes.start_extension(extension(tmp_path, "other", "sleep 3600"))

    stopping = asyncio.create_task(started.processes.stop(PATIENCE_S, ["told"]))
    await asyncio.to_thread(gate.write_bytes, b"")
    await stopping

    told, other = started.processes.extensions
    assert told.ending == "exit status 5"
    assert other.ending == "signal: killed"


async def test_a_runtime_that_ignores_sigterm_is_killed(started: Started) -> None:
    process = await started.runtime("trap '' TERM; echo ready; while :; do sleep 1; done")
    assert await started.printed() == b"ready\n"

    await started.processes.terminate_runtime(0.05)

    assert await process.ended(PATIENCE_S)
    assert process.ending == "signal: killed"

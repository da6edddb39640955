"""Server processes that are killed, suspended, restarted and started again."""

import asyncio
import json
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.fleet.history import Note

# How long answers may go on after SIGTERM, in seconds: some end in time, some do not.
GRACE_S = 1.5
_START_S = 60.0
_END_S = 60.0


class Server:
    """One place of the fleet: a process, and after its end another one.

    Args:
        number: of the place.
        environment: the settings of each process.
        folder: where the logs go.
        options: for ``serve``.

    Attributes:
        url: of the process that serves; the last one's if none does.
        breaking: held by who breaks it, until it serves again.
    """

    def __init__(
        self, number: int, environment: Mapping[str, str], folder: Path, options: Sequence[str] = ()
    ) -> None:
        self.number = number
        self.url = "http://127.0.0.1:9"
        self.breaking = asyncio.Lock()
        self._environment = environment
        self._folder = folder
        self._options = options
        self._process: Process | None = None
        self._logs: list[Path] = []

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start a process and return when it serves."""
        log = self._folder / f"server-{self.number}-{len(self._logs)}.log"
        self._logs.append(log)
        with log.open("wb") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "app", "serve", "--demo", "--port", "0"),
                *("--shutdown-grace", str(GRACE_S), *self._options),
                env={**os.environ, **self._environment},
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=errors,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        async with asyncio.timeout(_START_S):
            async for line in self._process.stdout:
                if b"http://" in line:
                    self.url = f"http://{line.split(b'http://', 1)[1].split()[0].decode()}"
                    return
        raise AssertionError(log.read_text(encoding="utf-8"))

    async def kill(self) -> None:
        """End the process as a power cut would."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def terminate(self) -> int:
        """End the process as an operator does; return its exit status.

        Raises:
            TimeoutError: it does not end.
        """
        assert self._process is not None
        self._process.terminate()
        async with asyncio.timeout(_END_S):
            return await self._process.wait()

    def suspend(self) -> None:
        """Let the process stand still."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let the process run again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def aclose(self) -> None:
        """End the process, whatever state it is in."""
        if self._process is not None and self._process.returncode is None:
            await self.kill()

    def notes(self, clock: Callable[[], float]) -> list[Note]:
        """Return the warnings and errors of the logs, at times of ``clock``."""
        shift_s = clock() - time.time()
        notes: list[Note] = []
        for log in self._logs:
            for line in log.read_text(encoding="utf-8").splitlines():
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue  # cut off by a kill
                if entry.get("level") in ("warning", "error", "critical"):
                    text = f"{entry['message']} {entry.get('exception', '')}".strip()
                    notes.append(Note(self.number, entry["time"] + shift_s, text))
        return notes

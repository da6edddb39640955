"""The processes of one environment: the extensions and the runtime."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from app.emulator.changes import Changes

_REAP_S = 5.0


class Process:
    """One started process, in a session of its own so that signals reach its children too."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, changes: Changes) -> None:
        self.name = name
        self.pid = process.pid
        self._process = process
        self._changes = changes
        self._watch = asyncio.create_task(self._wait())

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    @property
    def ending(self) -> str:
        """How it ended, as Lambda puts it: ``exit status 1``, ``signal: killed``."""
        code = self._process.returncode or 0
        if code >= 0:
            return f"exit status {code}"
        try:
            return f"signal: {_SIGNAL_NAMES.get(-code) or signal.strsignal(-code)}"
        except ValueError:
            return f"signal {-code}"

    @property
    def failed(self) -> bool:
        """Whether it ended with anything but exit status 0."""
        return bool(self._process.returncode)

    def send(self, number: signal.Signals) -> None:
        """Signal the process and all its children."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    async def ended(self, timeout_s: float) -> bool:
        """Wait for the process to end, ``timeout_s`` at most; return whether it did."""
        done, _ = await asyncio.wait({self._watch}, timeout=timeout_s)
        return bool(done)

    async def _wait(self) -> None:
        await self._process.wait()
        self._changes.notify()


# Go's names of signals, which Lambda prints.
_SIGNAL_NAMES = {int(signal.SIGKILL): "killed", int(signal.SIGSEGV): "segmentation fault"}


class Processes:
    """All processes of one environment. ``changes`` is notified when one ends."""

    def __init__(self, changes: Changes, output: int, environ: Mapping[str, str]) -> None:
        self._changes = changes
        self._output = output
        self._environ = dict(environ)
        self.extensions: list[Process] = []
        self.runtime: Process | None = None

    @property
    def all(self) -> list[Process]:
        return [*self.extensions, *([self.runtime] if self.runtime else [])]

    @property
    def ended(self) -> Process | None:
        """A process that has ended, if any: the runtime if it has, since that explains most."""
        return next((process for process in reversed(self.all) if not process.running), None)

    async def start_extension(self, path: Path) -> None:
        """Start one extension. Raises `OSError` if it cannot be executed."""
        self.extensions.append(await self._start(path.name, [str(path)]))

    async def start_runtime(self, command: Sequence[str]) -> None:
        """Start the runtime. Raises `OSError` if it cannot be executed."""
        self.runtime = await self._start("runtime", command)

    def kill(self) -> None:
        """Kill all processes at once."""
        for process in self.all:
            process.send(signal.SIGKILL)

    async def stop(self, grace_s: float, shutdown: Iterable[str]) -> None:
        """End all processes.

        Args:
            grace_s: how long the extensions named in ``shutdown`` have to end by themselves.
            shutdown: names of the extensions that were sent SHUTDOWN; the rest is killed at once.
        """
        polite = set(shutdown)
        for process in self.all:
            if process.name not in polite:
                process.send(signal.SIGKILL)
        if grace_s > 0:
            waiting = [process.ended(grace_s) for process in self.all if process.name in polite]
            await asyncio.gather(*waiting)
        self.kill()
        await asyncio.gather(*(process.ended(_REAP_S) for process in self.all))

    def ask_runtime_to_end(self) -> None:
        """Tell the runtime to end, and do not wait for it."""
        if self.runtime is not None and self.runtime.running:
            self.runtime.send(signal.SIGTERM)

    async def terminate_runtime(self, grace_s: float) -> None:
        """Ask the runtime to end, and kill it after ``grace_s``."""
        self.ask_runtime_to_end()
        if self.runtime is not None and self.runtime.running:
            await self.runtime.ended(grace_s)
            self.runtime.send(signal.SIGKILL)

    async def _start(self, name: str, command: Sequence[str]) -> Process:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            env=self._environ,
            start_new_session=True,
        )
        return Process(name, process, self._changes)

"""The image's entry point as a process of this machine: the same chain, without the container."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.ports import free_port

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "app.commands.container")
# Longer than any start takes on a busy machine.
PATIENCE_S = 60.0


class Started:
    """A running entry point. ``name``: its first argument."""

    def __init__(self, name: str, process: subprocess.Popen[str], port: int, log: Path) -> None:
        self.name = name
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_until_up(self) -> None:
        """Wait until somebody listens; nothing but the port tells from outside."""
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise AssertionError(f"the entry point did not start: {self.log}") from None
                time.sleep(0.02)

    def stop(self) -> int:
        """Tell it to stop, as `docker stop` does; return the exit status."""
        self.process.terminate()
        try:
            return self.process.wait(PATIENCE_S)
        finally:
            self.process.kill()
            self.process.wait()


def environment(**variables: str) -> dict[str, str]:
    """Return this process's environment with ``variables``, and no other settings."""
    prefixes = ("CHAT_", "OPENAI_", "AZURE_OPENAI_", "AWS_", "LAMBDA_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    return {**kept, **variables}


@contextlib.contextmanager
def started(
    arguments: Sequence[str], log: Path, variables: Mapping[str, str] | None = None
) -> Iterator[Started]:
    """Run the entry point; inside, somebody listens on its port."""
    port = free_port()
    environ = environment(PORT=str(port), **(variables or {}))
    with log.open("w") as output:
        process = subprocess.Popen(
            [*COMMAND, *arguments], cwd=ROOT, env=environ, stdout=output, stderr=output, text=True
        )
    running = Started(arguments[0], process, port, log)
    try:
        running.wait_until_up()
        yield running
    finally:
        running.stop()

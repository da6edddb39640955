"""``python -m app serve`` as a process of its own."""

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any


class Running:
    """A server process.

    Attributes:
        url: where it listens.
        process: to signal and to wait for.
    """

    def __init__(self, process: Process, url: str) -> None:
        self.process = process
        self.url = url

    async def ended(self) -> tuple[int, list[dict[str, Any]]]:
        """Wait for the process; return its exit status and its log."""
        _, logged = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, [json.loads(line) for line in logged.splitlines()]


@contextlib.asynccontextmanager
async def serving(
    *options: str, cwd: Path | str = ".", **environment: str
) -> AsyncIterator[Running]:
    """Run ``python -m app serve --demo`` on any port until the block is left.

    Args:
        cwd: the checkout, if it is another one than this.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "serve", "--demo", "--port", "0", *options),
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            if b"http://" in line:
                url = line.split(b"http://", 1)[1].split()[0].decode()
                yield Running(process, f"http://{url}")
                break
        else:
            assert process.stderr is not None
            raise AssertionError((await process.stderr.read()).decode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def refuses_connections(url: str) -> None:
    """Return as soon as nobody listens there any more."""
    host, _, port = url.removeprefix("http://").partition(":")
    while True:
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            return
        writer.close()
        await asyncio.sleep(0.02)

"""Real Redis servers for tests, each on a free port, with nothing on disk."""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from tests.ports import free_port

# Another one that is to be held to the same, such as a valkey-server.
_PROGRAM = shutil.which(os.environ.get("REDIS_SERVER", "redis-server"))
needs_redis = pytest.mark.skipif(
    _PROGRAM is None, reason="redis-server is not installed (Debian: redis-server)"
)


class RedisServer:
    """A running server.

    Attributes:
        port: of 127.0.0.1.
        options: with which it was started.
    """

    def __init__(self, port: int, options: Sequence[str]) -> None:
        self.port = port
        self.options = options
        self._process: Process | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def cpu_s(self) -> float:
        """CPU time that the server has used until now."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def start(self) -> None:
        """Start it, or start it anew, empty."""
        assert _PROGRAM is not None
        self._process = await asyncio.create_subprocess_exec(
            _PROGRAM,
            *("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"),
            *self.options,
            stdout=PIPE,
            cwd="/tmp",
        )
        assert self._process.stdout is not None
        said = []
        async for line in self._process.stdout:
            said.append(line.decode(errors="replace"))
            if b"Ready to accept connections" in line:
                break
        else:
            raise AssertionError("".join(said))
        # It writes little more; nobody reads it.
        self._reading = asyncio.create_task(self._process.stdout.read())

    def suspend(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    async def kill(self) -> None:
        """End it at once, with all that it holds."""
        if self._process is not None and self._process.returncode is None:
            self._signal(signal.SIGCONT)
            self._process.kill()
            await self._process.wait()
            await self._reading

    async def ask(self, *command: str) -> str:
        """Return what ``command`` brings, by redis-cli's rules."""
        process = await asyncio.create_subprocess_exec(
            *("redis-cli", "-p", str(self.port), *command), stdout=PIPE, stderr=PIPE
        )
        out, _ = await process.communicate()
        return out.decode()

    async def says(self, what: str, *command: str) -> None:
        """Return once ``command`` brings ``what`` among other things."""
        while True:
            if what in await self.ask(*command):
                return
            await asyncio.sleep(0.02)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)


@contextlib.asynccontextmanager
async def redis_server(*options: str, port: int | None = None) -> AsyncIterator[RedisServer]:
    """Run a server until the block is left."""
    server = RedisServer(free_port() if port is None else port, options)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()


@contextlib.asynccontextmanager
async def redis_cluster(*options: str) -> AsyncIterator[Sequence[RedisServer]]:
    """Run three servers that are one cluster until the block is left."""
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        servers = []
        for number in range(3):
            port, bus = free_port(), free_port()
            cluster = ("--cluster-enabled", "yes", "--cluster-port", str(bus), "--dir", folder)
            names = ("--cluster-config-file", f"{number}.conf", "--cluster-node-timeout", "2000")
            servers.append(
                await stack.enter_async_context(redis_server(*cluster, *names, *options, port=port))
            )
        addresses = [f"127.0.0.1:{server.port}" for server in servers]
        made = await servers[0].ask("--cluster", "create", *addresses, "--cluster-yes")
        assert "All 16384 slots covered" in made, made
        for server in servers:
            await server.says("cluster_state:ok", "cluster", "info")
        yield servers

"""Real MCP servers: npm's `server-everything` and `server-filesystem`, and the SDKs' own."""

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from app.mcp.server import MCPServer
from app.mcp.sessions import Sessions
from app.tools import Tool, ToolContext
from app.tools.context import Scene
from tests.ports import free_port

ROOT = Path(__file__).parent.parent.parent
SERVERS = Path(__file__).parent / "servers"
_PACKAGES = SERVERS / "node_modules" / "@modelcontextprotocol"
IS_INSTALLED = shutil.which("node") is not None and _PACKAGES.is_dir()
NOT_INSTALLED = "needs node and the packages of tests/mcp/servers"
EVERYTHING = str(_PACKAGES / "server-everything" / "dist" / "index.js")
FILESYSTEM = str(_PACKAGES / "server-filesystem" / "dist" / "index.js")

# A machine with much else to do takes its time to start a program.
PATIENCE_S = 60.0


def everything(**options: Any) -> MCPServer:
    """Return `server-everything` as a program."""
    return MCPServer(command="node", args=[EVERYTHING], name="every", **options)


def filesystem(folder: Path, **options: Any) -> MCPServer:
    """Return `server-filesystem`, which serves ``folder``."""
    return MCPServer(command="node", args=[FILESYSTEM, str(folder)], name="files", **options)


def growing_npm() -> MCPServer:
    """Return a server of the npm SDK whose tools change."""
    return MCPServer(command="node", args=[str(SERVERS / "growing.mjs")], name="growing")


def growing() -> MCPServer:
    """Return a server of the Python package whose tools change."""
    return MCPServer(
        command=sys.executable,
        args=["-m", "tests.mcp.growing_server"],
        cwd=str(ROOT),
        env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        name="growing",
        needs_approval=False,
    )


@contextlib.asynccontextmanager
async def listening(
    *command: str, port: int, **environ: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a server until the block ends; the block begins when it listens."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            **environ,
        },
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await _listens(port):
                assert process.returncode is None, "the server has ended"
                await asyncio.sleep(0.05)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


@contextlib.asynccontextmanager
async def everything_by_http(
    *, port: int | None = None, kind: str = "streamableHttp"
) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """Serve `server-everything` by HTTP; give its URL and its process."""
    port = port or free_port()
    path = "sse" if kind == "sse" else "mcp"
    async with listening("node", EVERYTHING, kind, port=port, PORT=str(port)) as process:
        yield f"http://127.0.0.1:{port}/{path}", process


@contextlib.asynccontextmanager
async def sessions(server: MCPServer, owner: str = "") -> AsyncIterator[Sessions]:
    """Give the sessions with a server, the first of which is open."""
    made = Sessions(server)
    try:
        await made.settled(owner, PATIENCE_S)
        yield made
    finally:
        await made.aclose()


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so that nothing tells of."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def tool_of(made: Sessions, name: str, owner: str = "") -> Tool:
    """Return a tool once the server has it."""
    await until(lambda: name in made.tools_of(owner))
    return made.tools_of(owner)[name]


class Call:
    """One call of a tool.

    Attributes:
        statuses: those that the user would see.
    """

    def __init__(self, made: Sessions, owner: str = "") -> None:
        self._sessions = made
        self._owner = owner
        self.statuses: list[str] = []
        self.has_status = asyncio.Event()

    async def __call__(self, name: str, /, **arguments: Any) -> Any:
        tool = await tool_of(self._sessions, name, self._owner)
        assert tool.run is not None
        context = ToolContext("call-1", Scene(owner=self._owner), report=self._report)
        return await tool.run(tool.parse(arguments), context, _nothing)

    @property
    def progress(self) -> list[str]:
        """What the tool has said of itself. The server may log something meanwhile."""
        return [status for status in self.statuses if " of " in status]

    def _report(self, message: str) -> bool:
        self.statuses.append(message)
        self.has_status.set()
        return True


async def _nothing(output: object) -> None:
    """Take no preliminary output."""


def programs(name: str) -> list[int]:
    """Return the processes of this test in whose command line ``name`` is."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            status = (process / "stat").read_text()
            command = (process / "cmdline").read_text()
        except OSError:
            continue
        parent = int(status.rpartition(")")[2].split()[1])
        if parent == os.getpid() and name in command:
            found.append(int(process.name))
    return found

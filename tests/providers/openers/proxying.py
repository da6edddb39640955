"""Proxies: scripts of our own, and proxy.py as its users run it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.providers.upstream import Connection, Script

ROOT = Path(__file__).parents[3]


def tunnel_to(port: int) -> Script:
    """Return a script for a CONNECT request that leads to this port, whatever host was named."""

    async def play(connection: Connection) -> None:
        await connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await relay(connection, port)

    return play


async def relay(connection: Connection, port: int) -> None:
    """Copy in both directions until both ends are closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def up() -> None:
        try:
            while data := await connection.read_some():
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    sending = asyncio.ensure_future(up())
    try:
        while data := await reader.read(65536):
            await connection.send(data)
    finally:
        connection.close()
        sending.cancel()
        with suppress(ConnectionError, asyncio.CancelledError):
            await sending
        writer.close()


@asynccontextmanager
async def proxy_py(folder: Path, credentials: str) -> AsyncIterator[int]:
    """Run the proxy of this name with ``user:password``; gives its port."""
    port_file = folder / "port"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "proxy", "--hostname", "127.0.0.1", "--port", "0"),
        *("--port-file", str(port_file), "--basic-auth", credentials, "--log-level", "ERROR"),
        *("--num-acceptors", "1", "--num-workers", "1", "--data-dir", str(folder)),
        cwd=ROOT,
    )
    try:
        while not (port_file.exists() and port_file.read_text().strip()):
            assert process.returncode is None, "the proxy did not start"
            await asyncio.sleep(0.02)
        yield int(port_file.read_text())
    finally:
        process.terminate()
        await process.wait()

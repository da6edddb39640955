"""An MCP server that is a program of this machine: JSON-RPC in lines, through its pipes.

The package has such a transport, which keeps a line in memory however long it gets, and says
nobody that the program has ended. The steps of the shutdown are those of the specification: close
the program's input, wait, then SIGTERM, then SIGKILL, to the whole group.

Source: Model Context Protocol, revision 2025-11-25, "Transports" and "Lifecycle".
"""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.mcp.cleaning import one_line

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

logger = logging.getLogger("deltaline.mcp")

# Longest line, in bytes: a result of 512 KiB with an image in base64, and much more.
MOST_LINE_BYTES = 8 * 2**20
# How long a program may take to end by itself, and after SIGTERM, in seconds.
_END_S = 2.0


@contextlib.asynccontextmanager
async def stdio(
    name: str,
    command: str,
    args: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: str | None,
    on_end: Callable[[], None],
    most_line_bytes: int = MOST_LINE_BYTES,
) -> AsyncIterator["TransportStreams"]:
    """Start the program and give the streams that `mcp.Client` takes; end it with the block.

    Args:
        name: of the server, for the log.
        env: all of the program's environment but what every program needs (``PATH``, ``HOME``).
        on_end: called when the program says no more.

    Raises:
        OSError: the program cannot be started.
    """
    import anyio
    from mcp.client.stdio import get_default_environment
    from mcp.shared.message import SessionMessage
    from mcp_types import jsonrpc_message_adapter

    process = await asyncio.create_subprocess_exec(
        command,
        *args,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**get_default_environment(), **env},
        cwd=cwd,
        start_new_session=True,
        limit=most_line_bytes,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    heard, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, said = anyio.create_memory_object_stream[SessionMessage](0)

    async def read() -> None:
        try:
            with contextlib.suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
                async for line in stdout:
                    try:
                        message = jsonrpc_message_adapter.validate_json(line, by_name=False)
                    except ValueError:
                        logger.warning("MCP server %s writes what is not JSON-RPC", name)
                        continue
                    await heard.send(SessionMessage(message))
        except ValueError:  # asyncio's word for a line above the limit
            logger.warning("MCP server %s wrote more than %d bytes", name, most_line_bytes)
            _send(process, signal.SIGKILL)  # it is still writing, and would hear nothing else
        except OSError as error:
            logger.warning("MCP server %s cannot be read: %s", name, type(error).__name__)
        finally:
            heard.close()
            on_end()

    async def write() -> None:
        with contextlib.suppress(OSError):
            async for message in said:
                text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                stdin.write(text.encode("utf-8", "backslashreplace") + b"\n")
                await stdin.drain()

    async def log() -> None:
        with contextlib.suppress(ValueError, OSError):
            async for line in stderr:
                if text := one_line(line.decode("utf-8", "replace")):
                    logger.info("MCP server %s: %s", name, text)

    tasks = [asyncio.create_task(work()) for work in (read, write, log)]
    try:
        yield incoming, outgoing
    finally:
        heard.close()
        incoming.close()
        outgoing.close()
        said.close()
        # In a task of its own: whoever is cancelled must not leave the program behind.
        ending = asyncio.create_task(_end(process, tasks))
        await asyncio.shield(ending)


async def _end(process: asyncio.subprocess.Process, tasks: Sequence[asyncio.Task[Any]]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    for step in (None, signal.SIGTERM, signal.SIGKILL):
        if step is not None:
            _send(process, step)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await process.wait()
                break
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _send(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Send a signal to the program and to what it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)

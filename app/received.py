"""Reads from a connection without losing bytes that have arrived.

When a connection breaks, the `StreamReader` of aiohttp, and asyncio's too, raises at the next read,
even if bytes that came before the break are still in its buffer. Whoever reads slowly would lose
them.

Sources: aiohttp 3.14, streams.py (`StreamReader.readany`); CPython 3.11 to 3.14,
Lib/asyncio/streams.py (`StreamReader.read`).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from aiohttp import StreamReader


async def read_received(content: "StreamReader") -> bytes:
    """Return what the network brought since the last read; ``b""`` at the end.

    Raises:
        aiohttp.ClientError: or `OSError`, once everything that came before it has been returned.
    """
    try:
        return await content.readany()
    except Exception:
        if data := take_buffered(content):
            return data
        raise


def take_buffered(content: "StreamReader") -> bytes:
    """Take what is in the buffer, whether or not the connection has broken."""
    # No public method reads past the exception; test_received.py would notice a change.
    return content._read_nowait(-1)


async def read_socket(reader: "asyncio.StreamReader", max_bytes: int) -> bytes:
    """Return what the network brought since the last read; ``b""`` at the end.

    Raises:
        OSError: once everything that came before it has been returned.
    """
    try:
        return await reader.read(max_bytes)
    except OSError:
        # As above. Nothing is added to the buffer after the exception.
        buffer: bytearray = reader._buffer  # type: ignore[attr-defined]
        data = bytes(buffer[:max_bytes])
        del buffer[:max_bytes]
        if data:
            return data
        raise

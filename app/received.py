"""Reads the body of an aiohttp response without losing bytes that have arrived.

When a connection breaks, aiohttp's `StreamReader` raises at the next read, even if bytes that came
before the break are still in its buffer. A client that reads slowly would lose them.

Source: aiohttp 3.14, streams.py (`StreamReader.readany`).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

"""Posts to DynamoDB over connections that serve again.

The parts are those of the default opener (`app.providers.openers`), so that a Lambda environment
that asks the model and DynamoDB loads one HTTP client, and no large one.
"""

import asyncio
from collections.abc import Mapping

from app.causes import described
from app.errors import ProviderError, ProviderTimeout
from app.providers.openers.connection import Connection
from app.providers.openers.connection_pool import ConnectionPool
from app.providers.openers.server_address import server_address

# As many calls at once as AWS's own SDKs make, and some more; others wait.
_MAX_CONNECTIONS = 64
# Largest response: a page of a query has 1 MB of items, and a batch of reads 16 MB.
_MAX_BYTES = 32 * 1024 * 1024


class NoResponse(Exception):
    """There was no response, or only a part. The message is for the log."""


class JsonPosts:
    """Sends bodies to one server, and returns what it says.

    Args:
        url: of the server.
        timeout_s: for one call, connecting included.
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._pool = ConnectionPool(server_address(url), read_timeout_s=timeout_s)
        self._free = asyncio.Semaphore(_MAX_CONNECTIONS)

    async def post(
        self, headers: Mapping[str, str], body: bytes, *, timeout_s: float
    ) -> tuple[int, bytes]:
        """Return the status and the body of the response.

        Args:
            timeout_s: for this call, if it is less than for any.

        Raises:
            NoResponse: also if it took too long.
        """
        try:
            async with asyncio.timeout(min(timeout_s, self._timeout_s)), self._free:
                return await self._post(headers, body)
        except TimeoutError:
            raise NoResponse("no response in time") from None
        except (ProviderError, OSError, UnicodeError) as error:
            raise NoResponse(_reason(error)) from error

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        await self._pool.aclose()

    async def _post(self, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        head = self._pool.head("/", headers, body)
        stream, response = await self._pool.ask(head, body, self._connect)
        try:
            pieces: list[bytes] = []
            size = 0
            while data := await stream.read():
                pieces.append(data)
                size += len(data)
                if size > _MAX_BYTES:
                    raise NoResponse("the response is too large")
            return response.status, b"".join(pieces)
        finally:
            stream.abort()

    async def _connect(self) -> Connection:
        if self._pool.is_closed:
            raise NoResponse("the store is closed")
        return await self._pool.connect()


def _reason(error: Exception) -> str:
    if isinstance(error, ProviderTimeout):
        return "no response in time"
    if isinstance(error, ProviderError):
        return error.log_text
    return f"no connection: {described(error)}"

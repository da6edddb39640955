"""An opener whose key may change while the server runs, as a key in a secret store may.

When the provider refuses the key, the key is read again. If it has changed, the request is sent
once more.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from app.errors import ProviderUnauthorized
from app.providers.openers.opener import ApiPath, ByteStream, Opener

# The shortest time between two reads of the store, in seconds, however many requests are refused.
_LEAST_PAUSE_S = 30.0


class RenewingOpener:
    """An `Opener` around another one, which is replaced when the key changes.

    Args:
        make: makes the opener for a key.
        key: the first key.
        renew: reads the current key; None if it cannot be read.
        clock: monotonic, in seconds.
    """

    def __init__(
        self,
        make: Callable[[str], Opener],
        key: str,
        renew: Callable[[], Awaitable[str | None]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = make
        self._key = key
        self._renew = renew
        self._clock = clock
        self._opener = make(key)
        # Closed with this one only: their streams may still run.
        self._former: list[Opener] = []
        self._renewing = asyncio.Lock()
        self._asked_at: float | None = None

    async def open(self, path: ApiPath, body: bytes) -> ByteStream:
        opener = self._opener
        try:
            return await opener.open(path, body)
        except ProviderUnauthorized:
            if not await self._is_renewed(opener):
                raise
        return await self._opener.open(path, body)

    async def aclose(self) -> None:
        for opener in (*self._former, self._opener):
            await opener.aclose()

    async def _is_renewed(self, refused: Opener) -> bool:
        """Return whether there is another opener by now than the one with the refused key."""
        async with self._renewing:
            if self._opener is not refused:
                return True
            now = self._clock()
            if self._asked_at is not None and now - self._asked_at < _LEAST_PAUSE_S:
                return False
            self._asked_at = now
            key = await self._renew()
            if key is None or key == self._key:
                return False
            self._key = key
            self._former.append(refused)
            self._opener = self._make(key)
            return True

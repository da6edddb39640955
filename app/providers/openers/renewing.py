"""An opener whose key may be exchanged while we run, as keys in a secret store are.

A key that was refused is read anew, and the request sent once more if it is another one by then.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from app.errors import ProviderUnauthorized
from app.providers.openers.opener import ApiPath, ByteStream, Opener

# How often the store is asked at most, in seconds, by however many requests that are refused.
_LEAST_PAUSE_S = 30.0


class RenewingOpener:
    """An `Opener` around another one, which is made anew for each new key.

    Args:
        make: makes the opener that uses a key.
        key: the first one.
        renew: returns the key as it is now; `None`: it cannot be read.
        clock: seconds, monotonic.
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
        # Streams of theirs may still run.
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
        """Return whether there is another opener now than the one whose key was refused."""
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

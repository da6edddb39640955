"""How fast Lambda lets a response stream."""

import asyncio
import time
from collections.abc import Awaitable, Callable

BURST_BYTES = 6 * 1024 * 1024
BYTES_PER_S = 2 * 1024 * 1024


class Bandwidth:
    """Lambda's documented limit: the first 6 MB at any speed, then 2 MB a second.

    A token bucket, as in aws-lambda-runtime-interface-emulator 1.x,
    internal/lambda/core/bandwidthlimiter: what a slow function does not use it may use later, up
    to 6 MB.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._tokens = float(BURST_BYTES)
        self._filled_at = clock()

    async def take(self, count: int) -> None:
        """Wait until ``count`` more bytes may be sent."""
        now = self._clock()
        refill = (now - self._filled_at) * BYTES_PER_S
        self._tokens = min(BURST_BYTES, self._tokens + refill) - count
        self._filled_at = now
        if self._tokens < 0:
            await self._sleep(-self._tokens / BYTES_PER_S)

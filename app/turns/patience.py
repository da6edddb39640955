"""How long a store may take."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from app.errors import StoreUnavailable

# One call. A client that resumes is told after this time that the store cannot be reached.
PATIENCE_S = 4.0


@contextlib.asynccontextmanager
async def patience(seconds: float = PATIENCE_S) -> AsyncIterator[None]:
    """Give up what is done within the block after ``seconds``.

    Raises:
        StoreUnavailable: it took longer.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise StoreUnavailable("the store did not respond in time") from None

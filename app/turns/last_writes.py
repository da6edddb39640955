"""What the store is still told when the server ends: all of it within one limited time."""

import asyncio
import logging

from app.store.store import Store
from app.turns.flusher import Flusher
from app.turns.late_turns import LateTurns
from app.turns.titles import Titles

logger = logging.getLogger("deltaline.store")

# For all that waits to be written, in seconds, and for closing the store afterwards.
LAST_S = 4.0
_CLOSE_S = 1.0


async def write_last(
    flusher: Flusher, late: LateTurns, titles: Titles, *, within_s: float = LAST_S
) -> None:
    """Write what waits, the most valuable first; what is left after the time is given up."""
    loop = asyncio.get_running_loop()
    until = loop.time() + within_s
    # What has been said; then turns that have not even begun, whose ends are written after that.
    for finish in (flusher.finish, late.finish, flusher.finish, titles.finish):
        await finish(max(0.0, until - loop.time()))
    given_up = (await late.aclose(), await flusher.aclose(), await titles.aclose())
    if any(given_up):
        logger.error(
            "the server ends before the store has the beginning of %d turns, the end of %d, and "
            "the title of %d chats",
            *given_up,
        )


async def close(store: Store, *, within_s: float = _CLOSE_S) -> None:
    """Close ``store``, or leave it."""
    try:
        async with asyncio.timeout(within_s):
            await store.aclose()
    except TimeoutError:
        logger.error("the store did not close in time")

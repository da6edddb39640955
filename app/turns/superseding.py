"""Waiting for a turn that was asked to end, wherever it runs."""

import asyncio

from app.store.store import TurnHead
from app.turns.lost_turns import LostTurns
from app.turns.patience import patience
from app.turns.responsive_store import ResponsiveStore
from app.turns.turns_here import TurnsHere

# Later than any batch: to wait for the end of a turn only.
_THE_END = 2**31 - 1


async def until_ended(
    turn: TurnHead, until: float, *, here: TurnsHere, store: ResponsiveStore, lost: LostTurns
) -> None:
    """Return when ``turn`` has ended in the store, by itself or as lost, or the time is over.

    Args:
        until: loop time.

    Raises:
        StoreUnavailable: nobody knows.
    """
    kept = here.get(turn.id)
    loop = asyncio.get_running_loop()
    if kept is not None:
        await store.all_done([kept.ended], timeout_s=until - loop.time())
        return
    async with lost.watching(turn):
        while loop.time() < until:
            async with patience():
                head = await store.turn(turn.owner, turn.id)
            if head is None or head.state != "running":
                return
            async with patience():
                await store.wait(turn.id, _THE_END, 1.0)

"""The moment at which a response may begin."""

import asyncio

from app.http.disconnect import first_of
from app.turns.live_turn import LiveTurn


async def opened(turn: LiveTurn, leaving: asyncio.Task[None], wait_s: float | None) -> None:
    """Wait until the turn has something to say, ``wait_s`` is over or the client has left.

    ``None``: wait until the turn is over.
    """
    until = turn.opened if wait_s is not None else turn.task
    await first_of(until, leaving, timeout_s=wait_s)
    if leaving.done() and not until.done():
        await turn.part()
    elif turn.opened.done():
        turn.opened.result()

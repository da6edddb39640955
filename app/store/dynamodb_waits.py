"""Those who wait for more of a log in DynamoDB, which wakes nobody: somebody has to look.

However many wait for a turn here, one task looks. What this process writes wakes them at once.
"""

import asyncio
from collections.abc import Awaitable, Callable

from app.cancelling import cancel
from app.errors import StoreUnavailable
from app.store.store import TurnId

# Between two looks, in seconds: as long as the log moves, and when it has stood still for long.
_SHORTEST_S = 0.25
_LONGEST_S = 1.0
_GROWTH = 1.5


class Waits:
    """Wakes those who wait.

    Args:
        reached: returns how far a log is after a number: the number of the last batch that one look
            finds, or None if the turn is over or unknown.
        is_written_here: whether this process writes the turn, so that looking is for the rare case
            that another one ends it.
    """

    def __init__(
        self,
        reached: Callable[[TurnId, int], Awaitable[int | None]],
        *,
        is_written_here: Callable[[TurnId], bool],
    ) -> None:
        self._reached = reached
        self._is_written_here = is_written_here
        self._waiting: dict[TurnId, dict[asyncio.Future[None], int]] = {}
        self._looking: dict[TurnId, asyncio.Task[None]] = {}

    async def wait(self, turn: TurnId, after: int, timeout_s: float) -> None:
        """Return when there may be batches after number ``after``, or at the time-out."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(turn, {})[woken] = after
        if turn not in self._looking:
            self._looking[turn] = asyncio.create_task(self._look(turn), name=f"wait {turn}")
        try:
            await asyncio.wait((woken,), timeout=timeout_s)
        finally:
            waiting = self._waiting.get(turn, {})
            waiting.pop(woken, None)
            if not waiting:
                self._waiting.pop(turn, None)

    def wake(self, turn: TurnId, reached: int | None = None) -> None:
        """Wake those who wait for batches up to number ``reached``; all, if the turn is over."""
        for woken, after in tuple(self._waiting.get(turn, {}).items()):
            if (reached is None or after < reached) and not woken.done():
                woken.set_result(None)

    async def aclose(self) -> None:
        """Wake everybody, and look no more."""
        for turn in tuple(self._waiting):
            self.wake(turn)
        await cancel(self._looking.values())

    async def _look(self, turn: TurnId) -> None:
        try:
            await self._look_on(turn)
        finally:
            del self._looking[turn]

    async def _look_on(self, turn: TurnId) -> None:
        pause_s = _SHORTEST_S
        idle = 0
        # A follower that was woken waits again once it has read.
        while idle < 2:
            await asyncio.sleep(_LONGEST_S if self._is_written_here(turn) else pause_s)
            waiting = self._waiting.get(turn)
            if not waiting:
                idle += 1
                continue
            idle = 0
            try:
                after = min(waiting.values())
                reached = await self._reached(turn, after)
            except StoreUnavailable:
                # Who waits asks for himself, and is told.
                self.wake(turn)
                pause_s = _LONGEST_S
                continue
            if reached is None or reached > after:
                pause_s = _SHORTEST_S
                self.wake(turn, reached)
            else:
                pause_s = min(_GROWTH * pause_s, _LONGEST_S)

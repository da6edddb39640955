"""Stores for the tests of kept turns."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from app.errors import StoreUnavailable
from app.store.memory import MemoryStore
from app.store.store import Batch, StopReason, TurnHead, TurnId


class Shaky(MemoryStore):
    """A memory store that can be out of order.

    Attributes:
        is_down: each call raises `StoreUnavailable`.
        hangs: each call waits until the caller gives up.
        appended: the batches of every call of `append` that was tried.
        beats: the turns of every call of `append` that was tried.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_down = False
        self.hangs = False
        self.appended: list[Sequence[Batch]] = []
        self.beats: list[Collection[TurnId]] = []
        self._changed = asyncio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return as soon as ``condition`` holds; it is asked again after every `append`."""
        while not condition():
            await self._changed.wait()

    async def _check(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.is_down:
            raise StoreUnavailable("out of order")

    async def begin(self, head: TurnHead, **more: Any) -> Any:
        await self._check()
        return await super().begin(head, **more)

    async def append(
        self, batches: Sequence[Batch], *, beating: Collection[TurnId]
    ) -> Mapping[TurnId, StopReason | None]:
        self.appended.append(batches)
        self.beats.append(beating)
        try:
            await self._check()
            return await super().append(batches, beating=beating)
        finally:
            self._changed.set()
            self._changed = asyncio.Event()

    async def take(self, payer: str, *windows: Any, **more: Any) -> Any:
        await self._check()
        return await super().take(payer, *windows, **more)

    async def renew(self, leases: Any) -> None:
        await self._check()
        await super().renew(leases)

    async def give_back(self, payer: str, *more: Any) -> None:
        await self._check()
        await super().give_back(payer, *more)

    async def end(self, turn: TurnId, state: Any, **more: Any) -> bool:
        await self._check()
        return await super().end(turn, state, **more)

    async def turn(self, owner: str, turn: TurnId) -> TurnHead | None:
        await self._check()
        return await super().turn(owner, turn)

    async def head(self, owner: str, chat: str) -> TurnHead | None:
        await self._check()
        return await super().head(owner, chat)

    async def ask_to_stop(self, turn: TurnId, reason: StopReason) -> None:
        await self._check()
        await super().ask_to_stop(turn, reason)

    async def chats(self, owner: str, *, before: int | None, limit: int) -> Any:
        await self._check()
        return await super().chats(owner, before=before, limit=limit)

    async def rename(self, owner: str, chat: str, title: str) -> None:
        await self._check()
        await super().rename(owner, chat, title)

    async def delete(self, owner: str, chat: str) -> TurnHead | None:
        await self._check()
        return await super().delete(owner, chat)

    async def fetch(self, turn: TurnId, after: int = 0) -> Any:
        await self._check()
        return await super().fetch(turn, after)

    async def chat(self, owner: str, chat: str) -> Any:
        await self._check()
        return await super().chat(owner, chat)

"""A store whose writes of what was said are timed; all else it hands on as it is."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from app.store.store import Store


class _Timed:
    def __init__(
        self, store: Store, told: Sequence[Callable[[float], None]], clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._told = told
        self._clock = clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def append(self, *args: Any, **options: Any) -> Any:
        return await self._timing(self._store.append(*args, **options))

    async def end(self, *args: Any, **options: Any) -> Any:
        return await self._timing(self._store.end(*args, **options))

    async def _timing(self, writing: Awaitable[Any]) -> Any:
        began = self._clock()
        try:
            return await writing
        finally:
            took_s = self._clock() - began
            for tell in self._told:
                tell(took_s)


def timed(
    store: Store,
    told: Sequence[Callable[[float], None]],
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> Store:
    """Return ``store``, whose ``append`` and ``end`` tell ``told`` how many seconds they took."""
    return cast(Store, _Timed(store, told, clock))

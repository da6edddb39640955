"""A store whose writes of what was said are timed; all else it hands on as it is."""

import time
from collections.abc import Callable, Sequence
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
        began = self._clock()
        try:
            return await self._store.append(*args, **options)
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
    """Return ``store`` with an ``append`` that tells ``told`` how many seconds it took."""
    return cast(Store, _Timed(store, told, clock))

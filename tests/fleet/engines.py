"""The stores that a run may use, and how each is broken."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Protocol, TypeAlias


class Engine(Protocol):
    """A store's engine that runs."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Return the settings by which a server uses it."""
        ...

    async def stop_working(self) -> None:
        """Let every call of it fail or hang."""
        ...

    async def work_again(self) -> None:
        """Serve those that wait, and others."""
        ...


Opened: TypeAlias = "Callable[[Path], contextlib.AbstractAsyncContextManager[Engine]]"


class _Sqlite:
    """A SQLite file, which nobody can write while another holds its lock."""

    def __init__(self, path: Path) -> None:
        self.environment = {"CHAT_STORE": f"sqlite:{path}"}
        self._path = path
        self._holder: sqlite3.Connection | None = None

    async def stop_working(self) -> None:
        self._holder = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        self._holder.execute("BEGIN IMMEDIATE")

    async def work_again(self) -> None:
        if self._holder is not None:
            self._holder.close()
            self._holder = None


@contextlib.asynccontextmanager
async def _sqlite(folder: Path) -> AsyncIterator[Engine]:
    engine = _Sqlite(folder / "chats.db")
    try:
        yield engine
    finally:
        await engine.work_again()


ENGINES: Mapping[str, Opened] = {"sqlite": _sqlite}

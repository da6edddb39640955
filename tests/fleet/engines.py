"""The stores that a run may use, and how each is broken."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Protocol, TypeAlias

from tests.redis_server import RedisServer, redis_server
from tests.store.dynamodb_local import running_dynamodb
from tests.store.dynamodb_tables import CREDENTIALS, REGION, make_table
from tests.store.fault_proxy import FaultProxy


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


class _Redis:
    """A real Redis server, which stands still."""

    def __init__(self, server: RedisServer) -> None:
        self.environment = {"CHAT_STORE": server.url}
        self._server = server

    async def stop_working(self) -> None:
        self._server.suspend()

    async def work_again(self) -> None:
        self._server.resume()


@contextlib.asynccontextmanager
async def _redis(_: Path) -> AsyncIterator[Engine]:
    async with redis_server() as server:
        yield _Redis(server)


class _Dynamodb:
    """Amazon's own DynamoDB for one machine, behind a proxy that swallows calls."""

    def __init__(self, proxy: FaultProxy, table: str) -> None:
        self.environment = {
            "CHAT_STORE": f"dynamodb:{table}",
            "AWS_ENDPOINT_URL_DYNAMODB": proxy.url,
            "AWS_REGION": REGION,
            **CREDENTIALS,
        }
        self._proxy = proxy

    async def stop_working(self) -> None:
        self._proxy.always("silent")

    async def work_again(self) -> None:
        self._proxy.always("none")


@contextlib.asynccontextmanager
async def _dynamodb(_: Path) -> AsyncIterator[Engine]:
    with running_dynamodb() as url:
        await make_table(url, "fleet")
        async with FaultProxy(url).listen() as proxy:
            yield _Dynamodb(proxy, "fleet")


ENGINES: Mapping[str, Opened] = {"dynamodb": _dynamodb, "redis": _redis, "sqlite": _sqlite}

"""What the engines themselves say that they have done."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from tests.redis_server import RedisServer


class Counter(Protocol):
    """Counts an engine's work since it was started. One count is ``batches``."""

    async def counts(self) -> Mapping[str, float]: ...

    async def write_alike(self, turns: int) -> None:
        """Do what a flusher's write of so many turns does, where that takes time; not counted."""


class SqliteCounter:
    """Counts what lies in the file; no log may be old enough to have been deleted."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def counts(self) -> Mapping[str, float]:
        connection = sqlite3.connect(self._path)
        try:
            batches, log = connection.execute(
                "SELECT count(*), total(length(data)) FROM batches"
            ).fetchone()
            (messages,) = connection.execute("SELECT total(length(json)) FROM messages").fetchone()
        finally:
            connection.close()
        return {"batches": batches, "log bytes": log, "message bytes": messages}

    async def write_alike(self, turns: int) -> None:
        """Do nothing: a write takes a millisecond."""


class RedisCounter:
    """Reads ``INFO``. What it asks itself is counted too, and nearly nothing."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server

    async def counts(self) -> Mapping[str, float]:
        info = dict(
            line.split(":", 1)
            for line in (await self._server.ask("INFO", "everything")).splitlines()
            if ":" in line
        )
        calls = {
            name.removeprefix("cmdstat_"): float(value.split(",")[0].removeprefix("calls="))
            for name, value in info.items()
            if name.startswith("cmdstat_")
        }
        sent = calls.get("evalsha", 0.0) + calls.get("fcall", 0.0)
        return {
            "batches": calls.get("xadd", 0.0),
            "scripts": sent,
            "commands, those in scripts too": sum(calls.values()),
            "bytes received": float(info["total_net_input_bytes"]),
            "bytes kept": float(info["used_memory_dataset"]),
            "CPU µs": 1e6 * (float(info["used_cpu_user"]) + float(info["used_cpu_sys"])),
        }

    async def write_alike(self, turns: int) -> None:
        """Do nothing: a write takes a millisecond."""

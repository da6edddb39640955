"""The way to Redis: what many ask at once goes through one connection, in one write.

A question waits until the questions before it are answered and goes out with all that came
meanwhile. So one process has one connection for reading and one for writing to each server,
however many turns and followers it has, and a write for sixty turns costs a third of sixty writes.

A connection that fails is tried once more at once, since servers close idle ones: everything that
is asked may be asked twice. After that whoever asks is told `StoreUnavailable`, and the next try
waits, longer each time, up to a second, and never as long as that of another process.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Sequence
from typing import Any

from redis.exceptions import (
    ClusterCrossSlotError,
    ClusterDownError,
    NoScriptError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
)
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)
from redis.exceptions import (
    TimeoutError as RedisTimeoutError,
)

from app.errors import StoreUnavailable
from app.seldom_warning import SeldomWarning
from app.store.redis_client import ROW_S, Client, connect
from app.store.redis_connection import Address
from app.store.redis_every_script import EVERY_SCRIPT
from app.store.redis_lane import Lane
from app.store.redis_reasons import Unsuitable, reason_of, refused
from app.store.redis_script import Script
from app.store.redis_url import RedisUrl
from app.store.redis_wire import Command

logger = logging.getLogger("deltaline.store")

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0

# Its server is not the one that it was: look again where it is.
_ELSEWHERE = (ReadOnlyError, ClusterDownError, RedisConnectionError, RedisTimeoutError)


def call(script: Script, keys: Sequence[bytes], *values: bytes | str | int) -> Command:
    """Return the question that runs ``script``."""
    return ("EVALSHA", script.sha, len(keys), *keys, *values)


class _Stale(Exception):
    """A connection broke, perhaps long ago. Another may work."""

    def __init__(self, unavailable: StoreUnavailable) -> None:
        super().__init__()
        self.unavailable = unavailable


class RedisLink:
    """Asks one Redis, or a cluster. Connects at the first question."""

    def __init__(self, url: RedisUrl) -> None:
        self._url = url
        self._client: Client | None = None
        self._connecting = asyncio.Lock()
        self._failures = 0
        self._next_try = 0.0
        self._is_closed = False
        self._is_spread = False
        # Of the cluster, and whether they are asked next: the address in the URL may be dead.
        self._nodes: Sequence[Address] = ()
        self._by_nodes = False
        self._reading = Lane(self._run)
        self._writing = Lane(self._run)
        self._warn = SeldomWarning(logger, "Redis cannot be used: %s; answers go on")

    async def read(self, *commands: Command) -> Sequence[Any]:
        """Return what ``commands`` bring, in order.

        Raises:
            StoreUnavailable: one of them failed; what the others did is unknown.
        """
        return await self._reading.ask(commands)

    async def write(self, *commands: Command) -> Sequence[Any]:
        """Do the same, not behind what others read."""
        return await self._writing.ask(commands)

    async def write_whole(self, command: Command) -> Any:
        """Run a script whose keys are in several slots, and return what it brings.

        None if the slots are not all on one server: nothing was done, and it is done in steps.

        Raises:
            StoreUnavailable: it failed; what it did is unknown.
        """
        client = self._client or await self.client()
        if self._is_spread or not client.is_one:
            return None
        (found,) = await self._writing.put((command,))
        if isinstance(found, ClusterCrossSlotError):
            self._is_spread = True  # behind a proxy that looks like one server
            return None
        if isinstance(found, Exception):
            raise refused(found)
        return found

    def write_sometime(self, *commands: Command) -> None:
        """Do that too, or not: without waiting for it, with the next write, if nothing fails."""
        answer = self._writing.put(commands)
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def client(self) -> Client:
        """Return the client, connected.

        Raises:
            StoreUnavailable: it cannot be.
        """
        async with self._connecting:
            if self._is_closed:
                raise StoreUnavailable("the store is closed")
            if self._client is not None:
                return self._client
            pause_s = self._next_try - time.monotonic()
            if pause_s > 0:
                await asyncio.sleep(pause_s)
            self._by_nodes = not self._by_nodes
            try:
                async with asyncio.timeout(ROW_S):
                    nodes = self._nodes if self._by_nodes else ()
                    self._client = await connect(self._url, nodes)
            except (RedisError, RedisClusterException, Unsuitable, OSError, TimeoutError) as error:
                raise self._failed(error) from None
            self._nodes = self._client.nodes
            return self._client

    async def aclose(self) -> None:
        """Close the connections. Idempotent."""
        self._is_closed = True
        await self._reading.aclose()
        await self._writing.aclose()
        await self._drop(self._client)

    async def _run(self, commands: Sequence[Command]) -> Sequence[Any]:
        client = self._client
        if client is not None:
            with contextlib.suppress(_Stale):
                return await self._try(client, commands)
        try:
            return await self._try(await self.client(), commands)
        except _Stale as stale:
            raise stale.unavailable from None

    async def _try(self, client: Client, commands: Sequence[Command]) -> Sequence[Any]:
        try:
            results = list(await client.run(commands))
            missing = [n for n, found in enumerate(results) if isinstance(found, NoScriptError)]
            if missing:
                again = await self._with_scripts(client, [commands[n] for n in missing])
                for n, found in zip(missing, again, strict=True):
                    results[n] = found
        except (RedisTimeoutError, TimeoutError) as error:
            # Who was silent for so long would be so again.
            await self._drop(client)
            raise self._failed(error) from None
        except (RedisError, RedisClusterException, OSError) as error:
            await self._drop(client)
            raise _Stale(self._failed(error)) from None
        lost = next((found for found in results if isinstance(found, _ELSEWHERE)), None)
        if lost is not None:
            await self._drop(client)
            if isinstance(lost, RedisTimeoutError):
                raise self._failed(lost)
            raise _Stale(self._failed(lost))
        self._failures = 0
        return results

    async def _with_scripts(self, client: Client, commands: Sequence[Command]) -> Sequence[Any]:
        """Run scripts that a server does not know, or not any more: it was started anew.

        With the text, so that each is where it is needed, in a cluster too.
        """
        return await client.run(
            [("EVAL", EVERY_SCRIPT[bytes(sha)].text, *rest) for _, sha, *rest in commands],  # type: ignore[arg-type]
        )

    async def _drop(self, client: Client | None) -> None:
        """Give up a client, unless another has taken its place."""
        if client is None or self._client is not client:
            return
        self._client = None
        with contextlib.suppress(RedisError, RedisClusterException, OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                await client.aclose()

    def _failed(self, error: Exception) -> StoreUnavailable:
        pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**self._failures)
        self._failures = min(self._failures + 1, 16)
        self._next_try = time.monotonic() + pause_s * random.uniform(0.5, 1.0)
        reason = reason_of(error)
        self._warn(time.monotonic(), reason)
        return StoreUnavailable(f"Redis cannot be used: {reason}")

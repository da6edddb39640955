"""Waiting for what other processes write: one connection listens for all followers of this one.

Who waits for a turn of which nobody here has waited lately subscribes to its channel and marks the
turn as watched; from then on whoever writes its log says so in the channel, with the number of the
last batch. Turns that nobody follows cost nothing. A turn that nobody waits for any more is
listened to for some seconds, since followers come back after each batch.

What is said while the connection is down is not heard. So everybody is woken when it breaks, and
asks Redis again; who waits returns from time to time anyway.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

from redis.exceptions import RedisClusterException, RedisError

from app.cancelling import cancel
from app.errors import StoreUnavailable
from app.store.redis_connection import RedisConnection
from app.store.redis_keys import channel
from app.store.redis_link import RedisLink
from app.store.redis_reasons import reason_of
from app.store.store import TurnId

logger = logging.getLogger("deltaline.store")

# How long a turn is listened to although nobody waits, in seconds.
LINGER_S = 10.0
# A connection that says nothing for so long is asked whether it lives, and given up after twice
# that, in seconds.
_SILENT_S = 5.0
_SUBSCRIBE_S = 2.5
# How often who follows a turn looks for himself while nobody tells him, in seconds.
_POLL_S = 0.5
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0
_OVER = float("inf")

# (whether it runs, how many batches it has); marks the turn as watched.
Look = Callable[[TurnId], Awaitable[tuple[bool, int]]]


class _Watched:
    """A turn that somebody here waits for, or has lately.

    ``known`` is the number of the last batch that there is, `_OVER` if there will be none. It
    counts only once `is_heard`: the channel is subscribed and the turn marked since.
    """

    def __init__(self) -> None:
        self.waiting: set[asyncio.Future[None]] = set()
        self.known: float = 0
        self.is_heard = False
        self.hearing: asyncio.Task[bool] | None = None
        self.left = 0.0

    def tell(self, known: float) -> None:
        self.known = max(self.known, known)
        self.wake()

    def wake(self) -> None:
        for waiting in self.waiting:
            if not waiting.done():
                waiting.set_result(None)


class RedisNews:
    """Tells who waits that there is more.

    Args:
        link: whose Redis it is.
        look: asks for a turn.
        linger_s: as `LINGER_S`.
    """

    def __init__(self, link: RedisLink, look: Look, *, linger_s: float = LINGER_S) -> None:
        self._link = link
        self._look = look
        self._linger_s = linger_s
        self._watched: dict[TurnId, _Watched] = {}
        self._by_channel: dict[bytes, TurnId] = {}
        self._subscribed: dict[bytes, asyncio.Future[bool]] = {}
        self._connection: RedisConnection | None = None
        self._has_heard = False
        self._task: asyncio.Task[None] | None = None
        self._sending: list[bytes] = []
        self._is_closed = False

    def __len__(self) -> int:
        """Return how many turns are listened to."""
        return len(self._watched)

    def tell(self, turn: TurnId, known: float | None) -> None:
        """Wake who waits for a turn that this process has written; None: it is over."""
        watched = self._watched.get(turn)
        if watched is not None:
            watched.tell(_OVER if known is None else known)

    async def wait(self, turn: TurnId, after: int, timeout_s: float) -> None:
        """As `app.store.store.TurnStore.wait`.

        Who cannot be told waits a little; whoever asks then is told why.
        """
        watched = self._watched.get(turn)
        if watched is None:
            watched = self._watched[turn] = _Watched()
            self._by_channel[channel(turn)] = turn
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        watched.waiting.add(waiting)
        try:
            async with asyncio.timeout(timeout_s):
                if not watched.is_heard:
                    hearing = self._hearing(turn, watched)
                    await asyncio.wait((hearing, waiting), return_when=asyncio.FIRST_COMPLETED)
                    if hearing.done() and not _is_told(hearing):
                        await asyncio.wait((waiting,), timeout=_POLL_S)
                        return
                if watched.known <= after and not self._is_closed:
                    await waiting
        except TimeoutError:
            pass
        finally:
            watched.waiting.discard(waiting)
            if not watched.waiting:
                watched.left = time.monotonic()
                if watched.known == _OVER:
                    self._forget(turn)
                self._start()

    async def aclose(self) -> None:
        """Wake everybody and close the connection."""
        self._is_closed = True
        for watched in self._watched.values():
            watched.wake()
        await cancel([self._task, *(watched.hearing for watched in self._watched.values())])

    def _hearing(self, turn: TurnId, watched: _Watched) -> asyncio.Task[bool]:
        if watched.hearing is None or watched.hearing.done():
            watched.hearing = asyncio.create_task(self._hear(turn, watched), name="redis hear")
            # Whoever wanted to know may have gone.
            watched.hearing.add_done_callback(lambda task: task.cancelled() or task.exception())
        return watched.hearing

    async def _hear(self, turn: TurnId, watched: _Watched) -> bool:
        """Subscribe, and only then look: what comes after that is said in the channel.

        Return whether that is so; if it cannot be listened, followers have to ask.
        """
        self._start()
        is_subscribed = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SUBSCRIBE_S):
                is_subscribed = await asyncio.shield(self._subscription(channel(turn)))
        runs, held = await self._look(turn)
        watched.is_heard = is_subscribed
        watched.known = _OVER if not runs else max(watched.known, held)
        return is_subscribed

    def _subscription(self, name: bytes) -> asyncio.Future[bool]:
        found = self._subscribed.get(name)
        if found is None:
            found = self._subscribed[name] = asyncio.get_running_loop().create_future()
            self._sending.append(name)
            asyncio.get_running_loop().call_soon(self._send_soon)
        return found

    def _send_soon(self) -> None:
        if self._sending and self._connection is not None:
            names, self._sending = self._sending, []
            self._connection.send(b"SUBSCRIBE", *names)

    def _start(self) -> None:
        if not self._is_closed and (self._task is None or self._task.done()) and self._watched:
            self._task = asyncio.create_task(self._listen(), name="redis news")

    async def _listen(self) -> None:
        """Listen as long as there is a turn to listen to."""
        pause_s = _FIRST_PAUSE_S
        while self._watched:
            begun = time.monotonic()
            try:
                await self._listen_once()
            except (
                StoreUnavailable,
                RedisError,
                RedisClusterException,
                OSError,
                TimeoutError,
            ) as e:
                logger.debug("nobody tells what is new: %s", reason_of(e))
            finally:
                self._hang_up()
            if self._watched:
                is_new = time.monotonic() - begun > _LONGEST_PAUSE_S
                pause_s = _FIRST_PAUSE_S if is_new else min(2 * pause_s, _LONGEST_PAUSE_S)
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))

    async def _listen_once(self) -> None:
        client = await self._link.client()
        connection = await client.listen(self._take)
        try:
            self._connection = connection
            self._send_soon()
            is_asked = False
            while self._watched and connection.is_open:
                self._has_heard = False
                await asyncio.wait((connection.closed,), timeout=min(_SILENT_S, self._linger_s))
                self._clean()
                if self._has_heard:
                    is_asked = False
                elif is_asked:
                    return
                else:
                    is_asked = True
                    connection.send(b"PING")
        finally:
            self._connection = None
            connection.close()

    def _take(self, found: Any) -> None:
        self._has_heard = True
        if isinstance(found, Exception):
            logger.debug("nobody tells what is new: %s", reason_of(found))
            if self._connection is not None:
                self._connection.close()
            return
        kind, *rest = found
        if kind == b"message":
            turn = self._by_channel.get(rest[0])
            watched = None if turn is None else self._watched.get(turn)
            if watched is not None:
                watched.tell(_OVER if rest[1] == b"over" else int(rest[1]))
        elif kind == b"subscribe":
            waiting = self._subscribed.get(rest[0])
            if waiting is not None and not waiting.done():
                waiting.set_result(True)

    def _clean(self) -> None:
        """Forget the turns that nobody waits for, after a while."""
        now = time.monotonic()
        for turn, watched in tuple(self._watched.items()):
            if not watched.waiting and now - watched.left >= self._linger_s:
                self._forget(turn)

    def _forget(self, turn: TurnId) -> None:
        watched = self._watched.pop(turn, None)
        if watched is None:
            return
        if watched.hearing is not None:
            watched.hearing.cancel()
        name = channel(turn)
        self._by_channel.pop(name, None)
        if self._subscribed.pop(name, None) is None:
            return
        if name in self._sending:
            self._sending.remove(name)
        elif self._connection is not None:
            self._connection.send(b"UNSUBSCRIBE", name)

    def _hang_up(self) -> None:
        """Let everybody ask anew: something may have been said that was not heard."""
        subscribed, self._subscribed = self._subscribed, {}
        self._sending = []
        for waiting in subscribed.values():
            if not waiting.done():
                waiting.set_result(False)
        for watched in self._watched.values():
            watched.is_heard = False
            watched.wake()


def _is_told(hearing: asyncio.Task[bool]) -> bool:
    """Return whether what comes will be told. An error that is no outage is raised."""
    if hearing.cancelled() or isinstance(hearing.exception(), StoreUnavailable):
        return False
    return hearing.result()

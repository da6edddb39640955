"""A store that is left alone while it does not respond.

A store that is down fails at once; one that hangs makes each caller wait until he gives up. So the
first who has waited in vain finds out for all: until the store responds again, calls fail at once.
Whether it does is asked by one call of our own at a time, which nobody waits for.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ParamSpec, TypeAlias, TypeVar

from app.cancelling import cancel
from app.errors import StoreUnavailable
from app.store.limits import Lease, Payer, Taken, Window
from app.store.store import (
    Batch,
    Begun,
    Busy,
    Changed,
    Chat,
    ChatId,
    ChatSummary,
    Owner,
    State,
    StopReason,
    Store,
    Tail,
    TurnHead,
    TurnId,
    UIMessage,
)
from app.turns.flusher import INTERVAL_S

logger = logging.getLogger("deltaline.store")

# What a store may have besides (`app.store.store.Store`).
BeginNew: TypeAlias = Callable[..., Awaitable[Begun | Chat | None]]

P = ParamSpec("P")
T = TypeVar("T")

# A call that fails or is given up after this time, in seconds, without any other having come back
# since it began, says that the store hangs.
SLOW_S = 1.0
# Between two questions whether it responds again, in seconds, and how long one may take.
ASK_AGAIN_S = 1.0
RESPONSE_S = 4.0
# No turn has this id: to look for it is a read, and to stop it a write that changes nothing.
_NO_TURN = "no turn"
_SILENT = "the store does not respond, and is left alone until it does"


class ResponsiveStore:
    """Hands calls on to a store, unless it hangs.

    Args:
        store: closed with this one.
        slow_s: as `SLOW_S`.
        ask_again_s: as `ASK_AGAIN_S`.
        response_s: as `RESPONSE_S`.
    """

    def __init__(
        self,
        store: Store,
        *,
        slow_s: float = SLOW_S,
        ask_again_s: float = ASK_AGAIN_S,
        response_s: float = RESPONSE_S,
    ) -> None:
        self._store = store
        self.flush_interval_s: float = getattr(store, "flush_interval_s", INTERVAL_S)
        begin_new: BeginNew | None = getattr(store, "begin_new", None)
        self.begin_new: BeginNew | None = None
        if begin_new is not None:
            self.begin_new = partial(self._call, begin_new)
        self._slow_s = slow_s
        self._ask_again_s = ask_again_s
        self._response_s = response_s
        self._responded = float("-inf")
        self._asking: asyncio.Task[None] | None = None
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def hangs(self) -> bool:
        """Whether calls fail without being made."""
        return self._asking is not None

    async def all_done(
        self, futures: Sequence["asyncio.Future[Any]"], *, timeout_s: float | None = None
    ) -> None:
        """Wait until all are done that calls of this store have to bring about, or the time is up.

        Raises:
            StoreUnavailable: the store hangs, or a call of it has failed meanwhile.
        """
        loop = asyncio.get_running_loop()
        # Never cancelled, since that would cancel them.
        done = asyncio.gather(*futures)
        failed: asyncio.Future[None] = loop.create_future()
        self._waiting.add(failed)
        try:
            with self._noticed():
                first = asyncio.FIRST_COMPLETED
                await asyncio.wait((done, failed), timeout=timeout_s, return_when=first)
        finally:
            self._waiting.discard(failed)
        if failed.done() and not done.done():
            raise StoreUnavailable("the store failed while its calls were waited for")

    async def begin(
        self,
        head: TurnHead,
        *,
        revision: int,
        keep: int,
        messages: Sequence[UIMessage],
        title: str = "",
        first: Batch | None = None,
    ) -> Begun | Busy | Changed:
        return await self._call(
            self._store.begin,
            head,
            revision=revision,
            keep=keep,
            messages=messages,
            title=title,
            first=first,
        )

    async def append(
        self, batches: Sequence[Batch], *, beating: Collection[TurnId]
    ) -> Mapping[TurnId, StopReason | None]:
        return await self._call(self._store.append, batches, beating=beating)

    async def end(
        self,
        turn: TurnId,
        state: State,
        *,
        last: Batch | None,
        message: UIMessage | None,
        ended_at: float,
        beat: int | None = None,
    ) -> bool:
        return await self._call(
            self._store.end,
            turn,
            state,
            last=last,
            message=message,
            ended_at=ended_at,
            beat=beat,
        )

    async def turn(self, owner: Owner, turn: TurnId) -> TurnHead | None:
        return await self._call(self._store.turn, owner, turn)

    async def head(self, owner: Owner, chat: ChatId) -> TurnHead | None:
        return await self._call(self._store.head, owner, chat)

    async def fetch(self, turn: TurnId, after: int = 0) -> Tail | None:
        return await self._call(self._store.fetch, turn, after)

    async def wait(self, turn: TurnId, after: int, timeout_s: float) -> None:
        # It takes long when all is well.
        await self._store.wait(turn, after, timeout_s)

    async def ask_to_stop(self, turn: TurnId, reason: StopReason) -> None:
        await self._call(self._store.ask_to_stop, turn, reason)

    async def once(self, key: str, ttl_s: float) -> bool:
        return await self._call(self._store.once, key, ttl_s)

    async def take(
        self,
        payer: Payer,
        windows: Sequence[Window] = (),
        *,
        lease: Lease | None = None,
        most_leases: int | None = None,
    ) -> Taken:
        return await self._call(
            self._store.take, payer, windows, lease=lease, most_leases=most_leases
        )

    async def renew(self, leases: Mapping[Payer, Collection[Lease]]) -> None:
        await self._call(self._store.renew, leases)

    async def give_back(
        self, payer: Payer, lease: Lease | None = None, windows: Sequence[Window] = ()
    ) -> None:
        await self._call(self._store.give_back, payer, lease, windows)

    async def sweep(self, now: float, *, keep_s: float, history_s: float | None) -> None:
        await self._call(self._store.sweep, now, keep_s=keep_s, history_s=history_s)

    async def chat(self, owner: Owner, chat: ChatId) -> Chat | None:
        return await self._call(self._store.chat, owner, chat)

    async def chats(self, owner: Owner, *, before: int | None, limit: int) -> Sequence[ChatSummary]:
        return await self._call(self._store.chats, owner, before=before, limit=limit)

    async def owners(self) -> Sequence[Owner]:
        return await self._call(self._store.owners)

    async def rename(self, owner: Owner, chat: ChatId, title: str) -> None:
        await self._call(self._store.rename, owner, chat, title)

    async def delete(self, owner: Owner, chat: ChatId) -> TurnHead | None:
        return await self._call(self._store.delete, owner, chat)

    async def aclose(self) -> None:
        await cancel([self._asking])
        await self._store.aclose()

    async def _call(
        self, method: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        # As within `_noticed`, which costs as much as a call of a store in memory.
        if self._asking is not None:
            raise StoreUnavailable(_SILENT)
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            result = await method(*args, **kwargs)
        except (StoreUnavailable, asyncio.CancelledError) as error:
            self._notice(error, began)
            raise
        self._responded = loop.time()
        return result

    @contextlib.contextmanager
    def _noticed(self) -> Iterator[None]:
        """Notice if what is done within the block is given up, or fails."""
        if self.hangs:
            raise StoreUnavailable(_SILENT)
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            yield
        except (StoreUnavailable, asyncio.CancelledError) as error:
            self._notice(error, began)
            raise

    def _notice(self, error: BaseException, began: float) -> None:
        """Notice that a call has failed, or was given up, which ``began`` then."""
        # At the same time is before: uvloop's clock moves once in each of its rounds.
        passed_s = asyncio.get_running_loop().time() - began
        hangs = passed_s >= self._slow_s and self._responded <= began
        if hangs and not self.hangs:
            logger.error(_SILENT)
            self._asking = asyncio.create_task(self._ask(), name="ask the store")
        if hangs or isinstance(error, StoreUnavailable):
            for failed in self._waiting:
                if not failed.done():
                    failed.set_result(None)

    async def _ask(self) -> None:
        """Return as soon as the store responds, or fails at once."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                began = loop.time()
                with contextlib.suppress(StoreUnavailable, TimeoutError):
                    async with asyncio.timeout(self._response_s):
                        await self._store.turn("", _NO_TURN)
                        await self._store.ask_to_stop(_NO_TURN, "stop")
                    break
                if loop.time() - began < self._slow_s:
                    break
                await asyncio.sleep(self._ask_again_s)
            logger.warning("the store responds again")
        except Exception:
            logger.exception("the store failed by a defect")
        finally:
            self._asking = None

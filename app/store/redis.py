"""The engine whose data is in Redis, for any number of processes and machines."""

from collections.abc import Collection, Mapping, Sequence

from app.store import redis_chats, redis_limits, redis_sweep, redis_turns
from app.store.abandoned import Abandoned
from app.store.limits import Lease, Payer, Taken, Window
from app.store.redis_keys import place_of
from app.store.redis_link import RedisLink
from app.store.redis_listing import RedisListing
from app.store.redis_news import LINGER_S, RedisNews
from app.store.redis_url import RedisUrl
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
    Tail,
    TurnHead,
    TurnId,
    UIMessage,
)

# The latest time that Redis's sorted sets tell from its neighbours, in microseconds.
_LATEST = 2**53
# How much longer than `sweep` Redis keeps what has ended, in ms: for processes that sweep late.
_SPARE_MS = 3_600_000


class RedisStore:
    """Turns and chats in a Redis of version 6.2 or later, in a cluster, or in a Valkey.

    Connects at the first call.

    Args:
        url: where it is.
        keep_s: how long a turn that has ended is kept, in seconds, if nobody sweeps.
        linger_s: as `app.store.redis_news.LINGER_S`.
    """

    def __init__(self, url: RedisUrl, *, keep_s: float = 600.0, linger_s: float = LINGER_S) -> None:
        self._link = RedisLink(url)
        self._listing = RedisListing(self._link)
        self._news = RedisNews(
            self._link,
            lambda turn: redis_turns.watch(self._link, self._listing, turn),
            linger_s=linger_s,
        )
        self._abandoned = Abandoned()
        self._keep_ms = _keep_ms(keep_s)

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
        return await redis_turns.begin(
            self._link,
            self._listing,
            head,
            revision=revision,
            keep=keep,
            messages=messages,
            title=title,
            first=first,
        )

    async def begin_new(
        self, head: TurnHead, *, messages: Sequence[UIMessage], title: str = ""
    ) -> Begun | Chat | None:
        return await redis_turns.begin_new(
            self._link, self._listing, head, messages=messages, title=title
        )

    async def append(
        self, batches: Sequence[Batch], *, beating: Collection[TurnId]
    ) -> Mapping[TurnId, StopReason | None]:
        to_end, written = await redis_turns.append(self._link, self._listing, batches, beating)
        for turn, seq in written.items():
            self._news.tell(turn, seq)
        return to_end

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
        has_ended = await redis_turns.end(
            self._link,
            self._listing,
            turn,
            state,
            last=last,
            message=message,
            ended_at=ended_at,
            beat=beat,
            keep_ms=self._keep_ms,
        )
        if has_ended:
            self._news.tell(turn, None)
        return has_ended

    async def turn(self, owner: Owner, turn: TurnId) -> TurnHead | None:
        return await redis_turns.head(self._link, self._listing, owner, turn)

    async def head(self, owner: Owner, chat: ChatId) -> TurnHead | None:
        return await redis_chats.head(self._link, owner, chat)

    async def fetch(self, turn: TurnId, after: int = 0) -> Tail | None:
        return await redis_turns.fetch(self._link, self._listing, turn, after)

    async def wait(self, turn: TurnId, after: int, timeout_s: float) -> None:
        await self._news.wait(turn, after, timeout_s)

    async def ask_to_stop(self, turn: TurnId, reason: StopReason) -> None:
        await redis_turns.ask_to_stop(self._link, self._listing, turn, reason)

    async def once(self, key: str, ttl_s: float) -> bool:
        return await redis_chats.once(self._link, key, ttl_s)

    async def take(
        self,
        payer: Payer,
        windows: Sequence[Window] = (),
        *,
        lease: Lease | None = None,
        most_leases: int | None = None,
    ) -> Taken:
        return await redis_limits.take(self._link, payer, windows, lease, most_leases)

    async def renew(self, leases: Mapping[Payer, Collection[Lease]]) -> None:
        await redis_limits.renew(self._link, leases)

    async def give_back(
        self, payer: Payer, lease: Lease | None = None, windows: Sequence[Window] = ()
    ) -> None:
        await redis_limits.give_back(self._link, payer, lease, windows)

    async def sweep(self, now: float, *, keep_s: float, history_s: float | None) -> None:
        self._keep_ms = _keep_ms(keep_s)
        beats = await redis_sweep.beats(self._link, self._listing)
        for turn in self._abandoned.among(beats, now):
            await self.end(turn, "lost", last=None, message=None, ended_at=now, beat=beats[turn])
        await redis_sweep.forget_turns(self._link, self._listing, now - keep_s)
        if history_s is not None:
            changed_by = round((now - history_s) * 1e6)
            await redis_sweep.forget_chats(self._link, self._listing, changed_by)

    async def aclose(self) -> None:
        await self._news.aclose()
        await self._link.aclose()

    async def chat(self, owner: Owner, chat: ChatId) -> Chat | None:
        return await redis_chats.chat(self._link, owner, chat)

    async def chats(self, owner: Owner, *, before: int | None, limit: int) -> Sequence[ChatSummary]:
        latest = _LATEST if before is None else max(-_LATEST, min(before, _LATEST))
        return await self._listing.chats(owner, latest, max(0, limit))

    async def owners(self) -> Sequence[Owner]:
        return await self._listing.owners()

    async def rename(self, owner: Owner, chat: ChatId, title: str) -> None:
        await redis_chats.rename(self._link, owner, chat, title)

    async def delete(self, owner: Owner, chat: ChatId) -> TurnHead | None:
        stopped = await redis_chats.delete(self._link, self._listing, place_of(owner, chat))
        if stopped is not None:
            self._news.tell(stopped.id, None)
        return stopped


def _keep_ms(keep_s: float) -> int:
    return max(0, round(keep_s * 1000)) + _SPARE_MS

"""The engine whose data is in a SQLite file, for the processes of one machine."""

import sqlite3
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

from app.store import sqlite_chats, sqlite_limits, sqlite_turns
from app.store.abandoned import Abandoned
from app.store.limits import Lease, Payer, Taken, Window
from app.store.log_order import by_turn
from app.store.sqlite_file import open_database
from app.store.sqlite_thread import SqliteThread
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

# How many turns or chats one transaction of `sweep` deletes: others wait for it.
_SWEPT_AT_ONCE = 50


class SqliteStore:
    """Turns and chats in a file, which several processes may have open.

    The file is opened at the first call, and made then if there is none.

    Args:
        path: of the file.
        now: Unix seconds.
        open_connection: how the file is opened, if not in the usual way.
    """

    def __init__(
        self,
        path: Path,
        now: Callable[[], float] = time.time,
        *,
        open_connection: Callable[[Path], sqlite3.Connection] = open_database,
    ) -> None:
        self._now = now
        self._thread = SqliteThread(path, lambda: open_connection(path))
        self._abandoned = Abandoned()

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
        return await self._thread.write(
            lambda connection: sqlite_turns.begin(
                connection,
                head,
                revision=revision,
                keep=keep,
                messages=messages,
                title=title,
                first=first,
                now=self._now(),
            )
        )

    async def append(
        self, batches: Sequence[Batch], *, beating: Collection[TurnId]
    ) -> Mapping[TurnId, StopReason | None]:
        beating = frozenset(beating)
        new = by_turn(batches, beating)
        return await self._thread.write(partial(sqlite_turns.append, batches=new, beating=beating))

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
        return await self._thread.write(
            lambda connection: sqlite_turns.end(
                connection,
                turn,
                state,
                last=last,
                message=message,
                ended_at=ended_at,
                beat=beat,
                now=self._now(),
            )
        )

    async def turn(self, owner: Owner, turn: TurnId) -> TurnHead | None:
        return await self._thread.read(partial(sqlite_turns.turn, owner=owner, turn=turn))

    async def fetch(self, turn: TurnId, after: int = 0) -> Tail | None:
        return await self._thread.read(partial(sqlite_turns.fetch, turn=turn, after=after))

    async def wait(self, turn: TurnId, after: int, timeout_s: float) -> None:
        is_more = partial(sqlite_turns.is_more, turn=turn, after=after)
        await self._thread.watch(is_more, timeout_s)

    async def ask_to_stop(self, turn: TurnId, reason: StopReason) -> None:
        await self._thread.write(partial(sqlite_turns.ask_to_stop, turn=turn, reason=reason))

    async def once(self, key: str, ttl_s: float) -> bool:
        return await self._thread.write(
            lambda connection: sqlite_chats.once(connection, key, ttl_s, self._now())
        )

    async def take(
        self,
        payer: Payer,
        windows: Sequence[Window] = (),
        *,
        lease: Lease | None = None,
        most_leases: int | None = None,
    ) -> Taken:
        return await self._thread.write(
            lambda connection: sqlite_limits.take(
                connection, payer, windows, lease, most_leases, self._now()
            )
        )

    async def renew(self, leases: Mapping[Payer, Collection[Lease]]) -> None:
        await self._thread.write(
            lambda connection: sqlite_limits.renew(connection, leases, self._now())
        )

    async def give_back(
        self, payer: Payer, lease: Lease | None = None, windows: Sequence[Window] = ()
    ) -> None:
        await self._thread.write(
            lambda connection: sqlite_limits.give_back(
                connection, payer, lease, windows, self._now()
            )
        )

    async def sweep(self, now: float, *, keep_s: float, history_s: float | None) -> None:
        beats = await self._thread.read(sqlite_chats.beats)
        for turn in self._abandoned.among(beats, now):
            await self.end(turn, "lost", last=None, message=None, ended_at=now, beat=beats[turn])
        ended = partial(sqlite_chats.forget_turns, ended_by=now - keep_s, most=_SWEPT_AT_ONCE)
        while not await self._thread.write(ended):
            pass
        if history_s is not None:
            changed = partial(
                sqlite_chats.forget_chats,
                changed_by=now - history_s,
                most=_SWEPT_AT_ONCE,
                now=self._now(),
            )
            while not await self._thread.write(changed):
                pass
        await self._thread.write(partial(sqlite_chats.forget_marks, now=self._now()))
        await self._thread.write(partial(sqlite_limits.forget, now=self._now()))

    async def aclose(self) -> None:
        await self._thread.aclose()

    async def head(self, owner: Owner, chat: ChatId) -> TurnHead | None:
        return await self._thread.read(partial(sqlite_chats.head, owner=owner, chat=chat))

    async def chat(self, owner: Owner, chat: ChatId) -> Chat | None:
        return await self._thread.read(partial(sqlite_chats.chat, owner=owner, chat=chat))

    async def chats(self, owner: Owner, *, before: int | None, limit: int) -> Sequence[ChatSummary]:
        return await self._thread.read(
            partial(sqlite_chats.chats, owner=owner, before=before, limit=limit)
        )

    async def owners(self) -> Sequence[Owner]:
        return await self._thread.read(sqlite_chats.owners)

    async def rename(self, owner: Owner, chat: ChatId, title: str) -> None:
        rename = partial(sqlite_chats.rename, owner=owner, chat=chat, title=title)
        await self._thread.write(rename)

    async def delete(self, owner: Owner, chat: ChatId) -> TurnHead | None:
        return await self._thread.write(
            lambda connection: sqlite_chats.delete(connection, owner, chat, self._now())
        )

    async def vacuum(self) -> None:
        """Give the space of what was deleted back to the file system, and overwrite it.

        Nobody else can write meanwhile. It takes about a second for 100 MB.
        """
        await self._thread.alone(_vacuum)


def _vacuum(connection: sqlite3.Connection) -> None:
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

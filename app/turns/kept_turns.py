"""The turns that are kept in a store: how they begin, how they are stopped, how they are found.

One for each process. It owns what works beside the turns: the flusher, the watch over turns of
other processes, and the sweep.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from functools import partial

from app.chats.plan import Join, Run, Supersede
from app.chats.title import TitleOf
from app.errors import StoreUnavailable
from app.events import Abort
from app.store.store import (
    Begun,
    Busy,
    Changed,
    Chat,
    ChatId,
    Owner,
    StopReason,
    Store,
    TurnHead,
    TurnId,
)
from app.turns.claim import PlanTurn, claim, claim_new, head_of
from app.turns.errors import TooManyTurns
from app.turns.flusher import Flusher
from app.turns.kept_turn import KeptTurn
from app.turns.last_writes import LAST_S, close, write_last
from app.turns.late_turns import LateTurns
from app.turns.lost_turns import LostTurns
from app.turns.patience import patience, patiently
from app.turns.recorder import Recorder
from app.turns.responsive_store import ResponsiveStore
from app.turns.superseding import until_ended
from app.turns.sweeping import sweep_on
from app.turns.titles import Titles
from app.turns.transcript import Transcript
from app.turns.turns_here import TurnsHere
from app.turns.waiting_logs import MOST_WAITING_BYTES, give_up_longest

logger = logging.getLogger("deltaline.store")

# How long a request waits for an earlier turn of its chat to end. A dead one ends within 12 s.
_BEGIN_S = 18.0
# How long it waits for one call before it begins without the store.
_ASKED_S = 1.5


class KeptTurns:
    """The turns of one process that are kept.

    Args:
        store: where.
        keep_s: how long a turn can be resumed after its end, in seconds.
        history_s: how long a chat is kept after its last change, in seconds; None: for ever.
        title_of: makes a title of the messages of a new chat after its first turn.
        last_s: as `LAST_S`.
        most_waiting_bytes: as `MOST_WAITING_BYTES`.
        now: Unix seconds.

    Attributes:
        store: the one that was given, as long as it responds.
        lost: watches the turns of other processes.
    """

    def __init__(
        self,
        store: Store,
        *,
        keep_s: float = 600.0,
        history_s: float | None = None,
        title_of: TitleOf | None = None,
        last_s: float = LAST_S,
        most_waiting_bytes: int = MOST_WAITING_BYTES,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.store = ResponsiveStore(store)
        self._here = TurnsHere()
        self.lost = LostTurns(self.store, is_ours=self._here.__contains__, now=now)
        self._keep_s = keep_s
        self._history_s = history_s
        self._now = now
        self._last_s = last_s
        self._most_waiting_bytes = most_waiting_bytes
        self._flusher = Flusher(self.store, now=now, on_failure=self._give_up_longest)
        self._titles = Titles(self.store, title_of)
        self._late = LateTurns(
            self.store, self.lost, on_begun=self._flush, on_failure=self._give_up_longest
        )
        self._sweep: asyncio.Task[None] | None = None

    @property
    def kept_here(self) -> int:
        """How many turns of this process have no end in the store yet."""
        return len(self._here)

    async def begin(
        self,
        owner: Owner,
        chat_id: ChatId,
        plan: PlanTurn,
        *,
        otherwise: Run | None = None,
        may_be_new: bool = False,
    ) -> tuple[KeptTurn, Run] | Join:
        """Begin the turn that ``plan`` wants, once the chat is free.

        Args:
            otherwise: what runs if the store cannot be reached, and begins in it afterwards
                (`LateTurns`); an earlier turn of the chat that runs here ends.
            may_be_new: whether to try first, with ``plan`` of no chat, to make it.

        Returns:
            The turn, which has to be started or given up; or the turn that the same request has
            begun before.

        Raises:
            StoreUnavailable: the store cannot be reached, and there is nothing else to run.
            TooManyTurns: the chat does not become free.
            ChatError: what ``plan`` raises.
        """
        turn_id = secrets.token_hex(16)
        tried: list[Run] = []
        try:
            return await self._begin(turn_id, owner, chat_id, plan, tried, may_be_new)
        except StoreUnavailable as error:
            if otherwise is None:
                raise
            logger.warning("a turn begins without the store: %s", error.log_text)
        run = tried[-1] if tried else otherwise
        for earlier in self._here.of(owner, chat_id):
            earlier.stop(Abort("superseded"))
        kept = self._kept(head_of(turn_id, owner, chat_id, run), run, plan)
        self._late.add(kept, plan, run)
        return kept, run

    async def _begin(
        self,
        turn_id: TurnId,
        owner: Owner,
        chat_id: ChatId,
        plan: PlanTurn,
        tried: list[Run],
        may_be_new: bool,
    ) -> tuple[KeptTurn, Run] | Join:
        loop = asyncio.get_running_loop()
        until = loop.time() + _BEGIN_S
        known: Chat | None = None
        if may_be_new:
            await patiently(self._written(owner, chat_id), _ASKED_S)
            found = await claim_new(self.store, turn_id, owner, chat_id, plan, tried, _ASKED_S)
            if isinstance(found, TurnHead):
                return self._begun(found, tried[-1], plan, None)
            known = found
        while loop.time() < until:
            chat = known or await patiently(self._chat(owner, chat_id), _ASKED_S)
            known = None
            wanted = await plan(chat)
            match wanted:
                case Join():
                    return wanted
                case Supersede(turn):
                    await self._supersede(turn, until)
                case Run():
                    head = head_of(turn_id, owner, chat_id, wanted)
                    tried.append(wanted)
                    match await claim(self.store, head, chat, wanted, within_s=_ASKED_S):
                        case Begun():
                            return self._begun(head, wanted, plan, chat)
                        case Busy(turn):
                            await self._supersede(turn, until)
                        case Changed():
                            pass
        raise TooManyTurns("another turn of the chat does not end")

    def _begun(
        self, head: TurnHead, run: Run, plan: PlanTurn, chat: Chat | None
    ) -> tuple[KeptTurn, Run]:
        kept = self._kept(head, run, plan)
        kept.is_first = chat is None
        self._flush(kept)
        return kept, run

    async def chat(self, owner: Owner, chat_id: ChatId) -> Chat | None:
        """Return a chat; one whose turn has just ended in this process has the end.

        Raises:
            StoreUnavailable: it cannot be read.
        """
        return await patiently(self._chat(owner, chat_id))

    async def _chat(self, owner: Owner, chat_id: ChatId) -> Chat | None:
        await self._written(owner, chat_id)
        return await self.store.chat(owner, chat_id)

    async def _written(self, owner: Owner, chat_id: ChatId) -> None:
        """Wait until the store knows of the chat's turns what it will know of them by now."""
        if beginning := self._late.beginning(owner, chat_id):
            await self.store.all_done(beginning)
        over = [kept for kept in self._here.of(owner, chat_id) if kept.recorder.is_closed]
        if ending := [kept.ended for kept in over if kept.head.id not in self._late]:
            self._flusher.wake()
            await self.store.all_done(ending)

    async def find(self, owner: Owner, chat_or_turn: str) -> TurnHead | None:
        """Return the turn that may be followed: of a chat the last one, else the one of that id.

        Raises:
            StoreUnavailable: it cannot be read.
        """
        async with patience():
            await self._written(owner, chat_or_turn)
            found = await self.store.head(owner, chat_or_turn)
            if found is None:
                found = await self.store.turn(owner, chat_or_turn)
        if found is None or found.ended_at is None:
            return found
        return found if self._now() < found.ended_at + self._keep_s else None

    async def stop(self, turn: TurnHead, reason: StopReason = "stop") -> None:
        """Let ``turn`` end, wherever it runs.

        Raises:
            StoreUnavailable: it runs elsewhere, and the store cannot be reached.
        """
        kept = self._here.get(turn.id)
        if kept is not None:
            kept.stop(Abort(reason))
            return
        async with patience():
            await self.store.ask_to_stop(turn.id, reason)

    async def delete(self, owner: Owner, chat_id: ChatId) -> None:
        """Delete a chat; its running turn ends.

        Raises:
            StoreUnavailable: the store cannot be reached.
        """
        async with patience():
            running = await self.store.delete(owner, chat_id)
        self._late.delete(owner, chat_id)
        kept = None if running is None else self._here.get(running.id)
        if kept is not None:
            kept.stop(Abort("deleted"))

    def start_sweep(self) -> None:
        """Begin to delete what nobody may ask for any more, soon and then once a minute."""
        if self._sweep is None or self._sweep.done():
            self._sweep = asyncio.create_task(
                sweep_on(self.store, keep_s=self._keep_s, history_s=self._history_s, now=self._now),
                name="sweep",
            )

    async def aclose(self) -> None:
        """Write what waits, within a limited time, and close the store."""
        if self._sweep is not None:
            self._sweep.cancel()
        await self.lost.aclose()
        await write_last(self._flusher, self._late, self._titles, within_s=self._last_s)
        await close(self.store)

    def _kept(self, head: TurnHead, run: Run, plan: PlanTurn) -> KeptTurn:
        self.start_sweep()
        recorder = Recorder(
            head.id,
            Transcript(head.message_id, run.continued),
            written=1 if run.earlier else 0,
            on_full=self._flusher.wake,
            on_close=lambda: self._flusher.has_ended(is_awaited=kept.is_awaited),
        )
        kept = KeptTurn(head, recorder)
        self._here.add(kept)
        kept.on_settled = partial(self._ended, kept, head.id)
        kept.on_awaited = self._flusher.wake
        kept.standing = self._flusher.standing
        kept.begin_again = partial(self._late.add, kept, plan, run)
        return kept

    def _ended(self, kept: KeptTurn, first_id: TurnId, has_ended: bool) -> None:
        self._here.remove(kept, first_id=first_id)
        if has_ended and kept.is_first:
            self._titles.give(kept.head.owner, kept.head.chat_id)

    def _give_up_longest(self) -> None:
        give_up_longest(self._here, most_bytes=self._most_waiting_bytes)

    def _flush(self, kept: KeptTurn) -> None:
        self._here.add(kept)  # late, it may have got another id
        self._flusher.add(kept)

    async def _supersede(self, turn: TurnHead, until: float) -> None:
        await self.stop(turn, "superseded")
        await until_ended(turn, until, here=self._here, store=self.store, lost=self.lost)

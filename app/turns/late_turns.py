"""Turns that run although the store could not be told of their beginning.

They run on what their clients have posted. Here one task a process tries again, until the store
takes the beginning: the request is planned against the chat as it is by then, and from there on the
`Flusher` writes the log. If the turn is over by then, its end is written at once.

While another turn runs in the chat, the late one waits for its end; nothing is stopped for it.
Its message then stands after what was said meanwhile. A chat that has an answer to the same
message already, or that the request does not fit any more, keeps what it has.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence

import msgspec

from app.chats.plan import Join, Run, Supersede
from app.errors import ChatError, StoreUnavailable
from app.events import Abort
from app.store.store import Begun, ChatId, Owner, Store, TurnId
from app.turns.claim import PlanTurn, claim, first_batch, head_of
from app.turns.kept_turn import KeptTurn
from app.turns.lost_turns import LostTurns
from app.turns.patience import patience
from app.turns.rounds import Rounds

logger = logging.getLogger("deltaline.store")

# Between two tries.
RETRY_S = 0.5


class _Late(msgspec.Struct):
    """A turn that has not begun in the store. ``run`` is what was last tried for it.

    ``begun`` is done too when the turn has to wait for one of another process.
    """

    kept: KeptTurn
    plan: PlanTurn
    run: Run
    begun: asyncio.Future[None]

    def tried(self) -> None:
        """Let nobody wait any longer than for this try."""
        self.begun.set_result(None)
        self.begun = asyncio.get_running_loop().create_future()


class LateTurns:
    """Begins turns once the store can be reached.

    Args:
        store: where.
        lost: ends the dead turns that late ones wait for.
        on_begun: called with each turn that has begun.
        retry_s: as `RETRY_S`.
        on_failure: called after each try that has failed.
    """

    def __init__(
        self,
        store: Store,
        lost: LostTurns,
        *,
        on_begun: Callable[[KeptTurn], None],
        retry_s: float = RETRY_S,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._lost = lost
        self._on_begun = on_begun
        self._late: dict[TurnId, _Late] = {}
        self._rounds = Rounds(
            self._begin_all,
            lambda: len(self._late),
            every_s=retry_s,
            name="late turns",
            complaint="the store cannot be reached, %d turns have not begun in it; answers go on",
            on_failure=on_failure,
        )

    def __contains__(self, turn: TurnId) -> bool:
        """Return whether a turn has not begun in the store."""
        return turn in self._late

    def add(self, kept: KeptTurn, plan: PlanTurn, run: Run) -> None:
        """Begin ``kept`` as soon as that is possible.

        Args:
            plan: what the request asks of its chat.
            run: with what `claim` was last tried, if it was.
        """
        begun = asyncio.get_running_loop().create_future()
        self._late[kept.head.id] = _Late(kept, plan, run, begun)
        self._rounds.start()

    def beginning(self, owner: Owner, chat_or_turn: str) -> Sequence[asyncio.Future[None]]:
        """Return what is done once the late turns of a chat, or the one of that id, have begun.

        That is tried at once. Those that have to wait for a turn of another process are not waited
        for.
        """
        found = [late.begun for late in self._of(owner, chat_or_turn)]
        if found:
            self._rounds.wake()
        return found

    def delete(self, owner: Owner, chat_id: ChatId) -> None:
        """End the late turns of a chat that was deleted."""
        for late in self._of(owner, chat_id):
            self._drop(late)
            late.kept.stop(Abort("deleted"))

    async def finish(self, within_s: float) -> None:
        """Return when every turn has begun in the store, or the time is up."""
        await self._rounds.finish(within_s)

    async def aclose(self) -> int:
        """Begin nothing any more; return how many turns are given up."""
        await self._rounds.aclose()
        given_up = tuple(self._late.values())
        for late in given_up:
            self._drop(late)
        return len(given_up)

    def _of(self, owner: Owner, chat_or_turn: str) -> Sequence[_Late]:
        heads = ((late, late.kept.head) for late in self._late.values())
        return [
            late
            for late, head in heads
            if head.owner == owner and chat_or_turn in (head.chat_id, head.id)
        ]

    async def _begin_all(self, _: bool) -> None:
        """Try each turn; those of one chat in the order in which they were asked for."""
        waiting: set[tuple[Owner, ChatId]] = set()
        for late in tuple(self._late.values()):
            recorder, head = late.kept.recorder, late.kept.head
            if not recorder.is_closed:
                recorder.take()  # bytes are smaller than events
            chat = (head.owner, head.chat_id)
            if head.id not in self._late or chat in waiting:
                continue
            try:
                if not await self._begin(late):
                    waiting.add(chat)
            except StoreUnavailable:
                raise
            except ChatError as error:
                logger.warning("a late turn is not kept: %s", error.log_text)
                self._drop(late)

    async def _begin(self, late: _Late) -> bool:
        """Begin a turn or give it up; return whether that is decided.

        Raises:
            StoreUnavailable: nobody knows yet.
            ChatError: the request does not fit its chat any more.
        """
        head = late.kept.head
        async with patience():
            known = await self._store.turn(head.owner, head.id)
            chat = await self._store.chat(head.owner, head.chat_id)
        if known is not None and known.state == "running":
            self._has_begun(late)  # by a call whose effect was unknown
            return True
        wanted = await late.plan(chat)
        match wanted:
            case Join():
                logger.warning("a late turn is not kept: its message has another answer by now")
                self._drop(late)
                return True
            case Supersede(turn):
                if not self._lost.is_ours(turn.id):
                    self._lost.look_after(turn.owner, turn.id)
                    for other in self._of(head.owner, head.chat_id):
                        other.tried()
                return False
            case Run(continued=None):
                late.run = msgspec.structs.replace(wanted, message_id=head.message_id)
            case Run():
                late.run = wanted
        # Somebody may have ended it as lost before it could beat.
        turn_id = head.id if known is None else secrets.token_hex(16)
        late.kept.head = head_of(turn_id, head.owner, head.chat_id, late.run)
        if turn_id != head.id:
            del self._late[head.id]
            self._late[turn_id] = late
        if not isinstance(await claim(self._store, late.kept.head, chat, late.run), Begun):
            return False
        late.kept.is_first = chat is None
        self._has_begun(late)
        return True

    def _has_begun(self, late: _Late) -> None:
        head = late.kept.head
        if head.id not in self._late:
            return  # the chat was deleted meanwhile
        del self._late[head.id]
        late.kept.recorder.begin(head.id, first_batch(head.id, late.run), late.run.continued)
        self._on_begun(late.kept)
        late.begun.set_result(None)

    def _drop(self, late: _Late) -> None:
        del self._late[late.kept.head.id]
        late.kept.settle(False)
        late.begun.set_result(None)

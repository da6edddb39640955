"""The beginning of a chat turn that is kept in a store."""

import asyncio
import time
from collections.abc import Callable, Collection
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from app.chats.plan import Join, Plan, Run, plan
from app.chats.stored_form import continued_form
from app.http.admission import AdmittedRequest
from app.http.following import Following, turn_headers
from app.http.options import deadline_of
from app.http.responses import whole_answer_again
from app.messages import ChatRequest
from app.protocols.negotiation import Dialect
from app.requests.shapes import REGENERATE
from app.store.store import Chat
from app.threads import Aside
from app.turns.kept_turn import KeptTurn
from app.turns.kept_turns import KeptTurns
from app.turns.whole_turn import whole_turn

if TYPE_CHECKING:
    from app.limits.limiter import Allowance

# How long a response may wait for the store at its end, in seconds, and how much of the time before
# Lambda's deadline is left to the runtime.
_LAST_WRITE_S = 3.0
_LAST_WORD_S = 0.6


class Keeping(msgspec.Struct, frozen=True):
    """What it takes to keep the turns that are asked for.

    Attributes:
        kept: begins them.
        following: makes the response to a request that has come before.
        detached_s: how long a turn goes on without its client, in seconds; `None`: not at all.
        is_frozen_between: whether this process may stand still once a response has ended, as on
            Lambda. Then a response ends when the store has what was said.
        file_hosts, max_messages: as for `plan`.
        aside: where a large history is read.
        new_id: makes a unique id with the given prefix.
    """

    kept: KeptTurns
    following: Following
    detached_s: float | None
    is_frozen_between: bool
    file_hosts: Collection[str]
    max_messages: int
    aside: Aside
    new_id: Callable[[str], str]

    async def begin(
        self,
        admitted: AdmittedRequest,
        asked: ChatRequest,
        allowance: "Allowance | None" = None,
    ) -> tuple[KeptTurn | None, ChatRequest] | Join:
        """Begin the turn that ``asked`` wants of its chat.

        Args:
            allowance: taken before anything changes, but for a request that has come before.

        Returns:
            The turn, and what the model is to be asked; without a turn if the request names no
            chat. Or the turn that the same request has begun before.

        Raises:
            StoreUnavailable: the messages were left to the store, or it has to count the turn.
            LimitReached: the turn may not begin, and nothing has changed.
            ServerStopping: the server stops while the chat is not free, or the store not reached.
            ChatError: the request does not fit its chat.
        """
        if asked.chat_id is None:
            return None, asked

        async def plan_turn(chat: Chat | None) -> Plan:
            wanted = await self.aside.run_if(
                asked.is_large, lambda: self._plan(chat, asked), size=len(admitted.body)
            )
            if allowance is not None and not isinstance(wanted, Join):
                # The turn that this one supersedes makes room for it.
                await allowance.take(_holder(asked.chat_id))
            return wanted

        may_begin_anyway = allowance is None or not allowance.is_strict
        otherwise = self._as_posted(asked) if asked.messages and may_begin_anyway else None
        async with self.following.stopping.heeded():
            begun = await self.kept.begin(
                admitted.owner,
                asked.chat_id,
                plan_turn,
                otherwise=otherwise,
                # Who is counted must not be counted in vain.
                may_be_new=allowance is None and _is_first(asked),
            )
        if isinstance(begun, Join):
            return begun
        turn, run = begun
        if self.is_frozen_between:
            cut_at = deadline_of(admitted.http, now=time.time(), margin_s=_LAST_WORD_S)
            turn.write_until = lambda: _write_until(cut_at)
        return turn, run.asked

    def headers(self, turn: KeptTurn | None) -> dict[str, str]:
        """Return the response headers that name ``turn``."""
        return {} if turn is None else turn_headers(turn.head)

    async def join(
        self, admitted: AdmittedRequest, join: Join, dialect: Dialect, *, is_stream: bool
    ) -> Response:
        """Return what the response to the same request was before."""
        start = None if join.whole else 0
        headers = {"x-request-id": admitted.id}
        if not is_stream:
            whole = await whole_turn(self.kept.store, self.kept.lost, join.turn)
            headers |= turn_headers(join.turn)
            return whole_answer_again(whole, join.turn.chat_id, headers)
        return await self.following.respond(join.turn, dialect, start=start, headers=headers)

    def _as_posted(self, asked: ChatRequest) -> Run:
        """Return what runs if the store cannot be reached: the answer comes first."""
        return Run(
            asked=asked,
            message_id=asked.continues or self.new_id("msg"),
            replies_to=None,
            keep=0,
            messages=(),
            continued=continued_form(asked),
        )

    def _plan(self, chat: Chat | None, asked: ChatRequest) -> Plan:
        return plan(
            chat,
            asked,
            new_id=self.new_id,
            file_hosts=self.file_hosts,
            max_messages=self.max_messages,
        )


def _is_first(asked: ChatRequest) -> bool:
    """Return whether the client has said nothing before, as far as it knows."""
    return (
        asked.is_whole
        and len(asked.posted) == 1
        and asked.posted[0]["role"] == "user"
        and asked.trigger != REGENERATE
        and asked.message_id is None
    )


def _holder(chat_id: str | None) -> str:
    """Return who holds the place of a chat's turn: the chat, of which one runs at a time."""
    data = (chat_id or "").encode("utf-8", "surrogatepass")
    return blake2b(data, digest_size=16).hexdigest()


def _write_until(cut_at: float | None) -> float:
    until = asyncio.get_running_loop().time() + _LAST_WRITE_S
    return until if cut_at is None else min(until, cut_at)

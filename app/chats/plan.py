"""What a request asks of a chat that the server keeps.

History is the server's. Of a request only these count: its trigger, ``messageId``, the last message
and, if that is the assistant's, the results and replies of calls which the stored message holds
open (`believed`). Nothing that a client posts replaces anything that is stored, except its user's
own last message.

The plan is made of a chat as it was at one moment. `TurnStore.begin` is told that moment's revision
and says whether the plan still holds; if not, the chat is read and planned for again.
"""

from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias

import msgspec

from app.events import Event
from app.messages import ChatRequest
from app.requests.amount import DEFAULT_MAX_MESSAGES
from app.store.store import Chat, TurnHead, UIMessage


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A turn is to run.

    Attributes:
        asked: the request with what the model is asked: ``messages``, ``approval_replies`` and
            ``continues`` are those of the stored history, ``is_large`` tells of both.
        message_id: of the assistant's message.
        replies_to: for `TurnHead.user_message_id`, by which a request that comes twice is known.
        keep: for `TurnStore.begin`.
        messages: for `TurnStore.begin`. A message that is continued is among them, with what this
            request has brought; `shown` leaves it out while the turn runs.
        title: of a new chat, else "".
        earlier: the log's beginning, which the request's own response is not sent; its length is
            `TurnHead.live_from`. Empty if the turn begins a message.
        continued: the message that the turn continues, for `Transcript`.
    """

    asked: ChatRequest
    message_id: str
    replies_to: str | None
    keep: int
    messages: Sequence[UIMessage]
    title: str = ""
    earlier: Sequence[Event] = ()
    continued: UIMessage | None = None


class Join(msgspec.Struct, frozen=True):
    """The request has come before, and ``turn`` is its turn, running or finished.

    Its response is what the turn's own response was, from `TurnHead.live_from` on.
    """

    turn: TurnHead


class Supersede(msgspec.Struct, frozen=True):
    """``turn`` has to end first (`StopReason` ``superseded``). Then plan again."""

    turn: TurnHead


Plan: TypeAlias = Run | Join | Supersede


def plan(
    chat: Chat | None,
    asked: ChatRequest,
    *,
    new_id: Callable[[str], str],
    file_hosts: Collection[str] = (),
    max_messages: int = DEFAULT_MAX_MESSAGES,
) -> Plan:
    """Return what the request asks of its chat.

    Args:
        chat: as the store has it; None if it does not exist.
        asked: a request with a chat id.
        new_id: makes a unique id with the given prefix.
        file_hosts: as ``hosts`` of `check_web_address`.
        max_messages: the longest conversation that the model is asked with.

    Raises:
        ChatHasGoneOn: the request is about a message that is not, or no more, the chat's last.
        InvalidMessages: there is nothing to answer.
        TooManyMessages: the conversation is too long.
    """
    raise NotImplementedError

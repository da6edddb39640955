"""What a request asks of a chat that the server keeps.

History is the server's. Of a request only these count: its trigger, ``messageId``, the last message
and, if that is the assistant's, the results and replies of calls which the stored message holds
open (`believed`). Nothing that a client posts replaces anything that is stored, except its user's
own message.

The plan is made of a chat as it was at one moment. `TurnStore.begin` is told that moment's revision
and says whether the plan still holds; if not, the chat is read and planned for again.
"""

from collections.abc import Callable, Collection, Sequence
from itertools import takewhile
from typing import Any, TypeAlias

import msgspec

from app.chats.believed import Brought, brought_by, with_what_was_brought
from app.chats.earlier import earlier_events
from app.chats.stored_form import stored_form
from app.chats.stored_history import is_large, stored_history
from app.chats.title import first_words
from app.chats.user_message import GONE_ON, find_place
from app.errors import ChatHasGoneOn, InvalidMessages
from app.events import Event
from app.messages import ApprovalReply, ChatRequest, Message
from app.requests.amount import DEFAULT_MAX_MESSAGES, check_messages
from app.requests.conversation import NOTHING_SAID
from app.requests.shapes import REGENERATE
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

    Attributes:
        whole: whether the client has nothing of the message and is sent all of it. Else it is sent
            what the turn's own response was, from `TurnHead.live_from` on.
    """

    turn: TurnHead
    whole: bool


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
        InvalidMessages: nobody has said anything.
        TooManyMessages: the conversation is too long.
    """
    stored = chat.messages if chat is not None else ()
    turn = chat.turn if chat is not None else None
    is_answer = bool(asked.posted) and asked.posted[-1]["role"] == "assistant"
    if is_answer and asked.trigger != REGENERATE:
        planned = _continued(stored, turn, asked)
    else:
        planned = _replied_to(stored, turn, asked, new_id)
    if not isinstance(planned, _Begin):
        return planned
    kept = [*stored[: planned.keep], *planned.messages]
    check_messages(kept, limit=max_messages)
    said_by_client = takewhile(lambda message: message.role == "system", asked.messages)
    if chat is None:
        # Nothing but the user's message, which was read with the request.
        said = next(message for message in reversed(asked.messages) if message.role == "user")
        messages: Sequence[Message] = [*said_by_client, said]
        approvals: Sequence[ApprovalReply] = ()
    else:
        history = stored_history(kept, file_hosts=file_hosts)
        messages, approvals = [*said_by_client, *history.messages], history.approvals
    continued = kept[-1] if planned.continues else None
    message_id = new_id("msg") if continued is None else continued["id"]
    return Run(
        asked=msgspec.structs.replace(
            asked,
            messages=messages,
            continues=None if continued is None else message_id,
            approval_replies=approvals,
            posted=(),
            is_large=asked.is_large or is_large(kept),
        ),
        message_id=message_id,
        replies_to=planned.replies_to,
        keep=planned.keep,
        messages=planned.messages,
        title=first_words(kept[0]) if chat is None else "",
        earlier=() if continued is None else earlier_events(continued),
        continued=continued,
    )


class _Begin(msgspec.Struct, frozen=True):
    """What is kept, what is added, and whether the turn continues the last of it."""

    keep: int
    messages: Sequence[UIMessage]
    replies_to: str | None
    continues: bool = False


def _continued(
    stored: Sequence[UIMessage], turn: TurnHead | None, asked: ChatRequest
) -> "_Begin | Join | Supersede":
    """Plan for a request that ends with the assistant's message."""
    brought = brought_by(asked)
    message = stored[-1] if stored else None
    if turn is not None:
        if turn.user_message_id == brought.digest and turn.state in ("running", "finished"):
            return Join(turn, whole=False)
        # A running turn that began its message has ended for its client once it left a call to it.
        if turn.state == "running" and asked.continues in (None, "", turn.message_id):
            return Supersede(turn)
    if message is None or not _is_about(message, asked, brought):
        raise ChatHasGoneOn(GONE_ON)
    return _Begin(
        len(stored) - 1,
        [with_what_was_brought(message, brought)],
        brought.digest,
        continues=True,
    )


def _is_about(message: UIMessage, asked: ChatRequest, brought: Brought) -> bool:
    """Return whether the request means this message, which AI SDK 3.4 and 4 do not name."""
    if message["role"] != "assistant":
        return False
    if asked.continues:
        return bool(message["id"] == asked.continues)
    return any(part.get("toolCallId") in brought.calls for part in message["parts"])


def _replied_to(
    stored: Sequence[UIMessage],
    turn: TurnHead | None,
    asked: ChatRequest,
    new_id: Callable[[str], str],
) -> "_Begin | Join | Supersede":
    """Plan for a request that ends with the user's message, or wants another answer to one."""
    posted: dict[str, Any] | None = None
    if asked.posted and asked.posted[-1]["role"] == "user":
        posted = stored_form(asked.posted[-1], fallback_id="")
    if posted is None and asked.trigger != REGENERATE:
        raise InvalidMessages(NOTHING_SAID)  # nothing but a system message
    place = find_place(stored, asked, posted)
    if turn is not None:
        # Without a trigger, the same message once more asks for another answer.
        states = ("running", "finished") if asked.trigger else ("running",)
        if turn.state in states and place.may_be_retry and _answers(turn, stored, place.keep):
            return Join(turn, whole=True)
        if turn.state == "running":
            return Supersede(turn)
    if not place.adds or posted is None:
        return _Begin(place.keep, (), stored[place.keep - 1]["id"])
    if not posted["id"] or any(one["id"] == posted["id"] for one in stored[: place.keep]):
        posted["id"] = new_id("msg")
    return _Begin(place.keep, (posted,), posted["id"])


def _answers(turn: TurnHead, stored: Sequence[UIMessage], count: int) -> bool:
    """Return whether ``turn`` answers the last of the first ``count`` messages."""
    if turn.user_message_id == stored[count - 1]["id"]:
        return True
    # It may also continue what another turn has answered.
    return count + 1 == len(stored) and stored[count]["id"] == turn.message_id

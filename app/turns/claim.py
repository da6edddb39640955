"""How a turn gets its chat from the store."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from app.chats.plan import Plan, Run
from app.store.event_log import encode
from app.store.store import (
    Batch,
    Begun,
    Busy,
    Changed,
    Chat,
    ChatId,
    Owner,
    Store,
    TurnHead,
    TurnId,
)
from app.turns.patience import PATIENCE_S, patiently
from app.turns.responsive_store import ResponsiveStore

PlanTurn: TypeAlias = Callable[[Chat | None], Awaitable[Plan]]


def head_of(turn: TurnId, owner: Owner, chat_id: ChatId, run: Run) -> TurnHead:
    """Return the head of a turn that is to run."""
    return TurnHead(
        id=turn,
        owner=owner,
        chat_id=chat_id,
        message_id=run.message_id,
        user_message_id=run.replies_to,
        live_from=len(run.earlier),
    )


def first_batch(turn: TurnId, run: Run) -> Batch | None:
    """Return the beginning of the log of a turn that continues a message."""
    if not run.earlier:
        return None
    (data,) = encode(run.earlier, max_bytes=2**31)
    return Batch(turn, 1, data)


async def claim_new(
    store: ResponsiveStore,
    turn: TurnId,
    owner: Owner,
    chat_id: ChatId,
    plan: PlanTurn,
    tried: list[Run],
    within_s: float,
) -> TurnHead | Chat | None:
    """Claim a chat that is thought to be new, in one call where `chat` and `begin` would be two.

    Returns:
        The head of the turn, which has begun, and what runs is the last of ``tried``; or the chat
        that there is; or None if the store cannot tell.

    Raises:
        StoreUnavailable: it cannot be reached. The turn may have begun all the same.
        ChatError: what ``plan`` raises.
    """
    if store.begin_new is None:
        return None
    wanted = await plan(None)
    if not isinstance(wanted, Run) or wanted.earlier:
        return None
    head = head_of(turn, owner, chat_id, wanted)
    tried.append(wanted)
    asking = store.begin_new(head, messages=wanted.messages, title=wanted.title)
    found = await patiently(asking, within_s)
    return head if isinstance(found, Begun) else found


async def claim(
    store: Store, head: TurnHead, chat: Chat | None, run: Run, *, within_s: float = PATIENCE_S
) -> Begun | Busy | Changed:
    """Claim the chat, which was read as ``chat``, for a turn.

    Raises:
        StoreUnavailable: it cannot be reached. The turn may have begun all the same.
    """
    return await patiently(
        store.begin(
            head,
            revision=0 if chat is None else chat.revision,
            keep=run.keep,
            messages=run.messages,
            title=run.title,
            first=first_batch(head.id, run),
        ),
        within_s,
    )

"""The items of a DynamoDB table that holds turns and chats.

====================  ==========================  ==================================================
``pk``                ``sk``                      holds
====================  ==========================  ==================================================
``C#owner#chat``      ``TURN``                    the chat and its last turn's id (`ChatRecord`)
``C#owner#chat``      ``M#generation#updated``    one change of its messages: how many stay, and
                                                  those that come after them
``T#turn``            ``HEAD``                    the head of a turn
``T#turn``            ``000005``                  batches from number 5, or the end of the log
``U#owner``           ``updated``                 the id of the chat that was changed then
``K#…``               ``KEY``                     a key that was used
``L#…``               ``KEY``                     what a payer has used, and what of his runs
the first two kinds   ``P#…``                     pages of what is too large for one item
====================  ==========================  ==================================================

What a chat's messages are is found by carrying out its changes in order. No item of them is ever
written again, so they can be read piece by piece while others write. A chat that is deleted and
made again has another generation, so nobody takes the remains of the old one for the new one's.

``exp`` is when DynamoDB may delete an item, in Unix seconds. It does so hours later, so whoever
reads looks at it.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from app.store.dynamodb_values import (
    Item,
    Value,
    key_part,
    number_of,
    number_value,
    optional_text_of,
    text_of,
    text_value,
    whole_of,
)
from app.store.store import ChatId, ChatSummary, Owner, TurnHead, TurnId

HEAD = "HEAD"
RECORD = "TURN"
# Six digits in a key: a turn of 900 seconds has 9,000 batches.
LAST_SEQ = 999_999
LAST_UPDATED = 9_999_999_999_999_999


class ChatRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A chat without its messages.

    Attributes:
        generation: of this chat; another one of the same id that is made later has another.
        count: how many messages it has.
        last_id: of its last message, if that has one.
        updated: when it was changed last; the last change of its messages is of then.
        turn: the last turn of the chat.
        is_running: whether that runs.
        is_gone: the chat is deleted, and its items are being deleted.
    """

    owner: Owner
    id: ChatId
    generation: str
    title: str
    created: int
    updated: int
    count: int = 0
    last_id: str | None = None
    turn: TurnId | None = None
    is_running: bool = False
    is_gone: bool = False

    def summary(self) -> ChatSummary:
        """Return it as lists have it."""
        return ChatSummary(
            id=self.id,
            title=self.title,
            created=self.created,
            updated=self.updated,
            running=self.turn if self.is_running else None,
        )


class StoredHead(msgspec.Struct, frozen=True, kw_only=True):
    """A head, and what else is known of its turn.

    Attributes:
        generation: of its chat.
        is_deleted: its chat was deleted while it ran.
        size: how many batches the log has, once the turn has ended.
        ending: what it was ended with: `ending_mark`.
        expires: when it may be deleted, in Unix seconds.
    """

    head: TurnHead
    generation: str
    is_deleted: bool = False
    size: int = 0
    ending: str | None = None
    expires: float = 0.0


def key(pk: str, sk: str) -> dict[str, Value]:
    """Return the key of an item."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def chat_pk(owner: Owner, chat: ChatId) -> str:
    """Return the partition of a chat."""
    return f"C#{key_part(owner)}#{key_part(chat)}"


def turn_pk(turn: TurnId) -> str:
    """Return the partition of a turn."""
    return f"T#{key_part(turn)}"


def list_pk(owner: Owner) -> str:
    """Return the partition of an owner's list of chats."""
    return f"U#{key_part(owner)}"


def seq_sk(seq: int) -> str:
    """Return where batches from number ``seq`` are."""
    return f"{seq:06d}"


def updated_sk(updated: int) -> str:
    """Return where the chat is that was changed at ``updated``."""
    return f"{updated:016d}"


def change_sk(generation: str, updated: int) -> str:
    """Return where a change of a chat's messages is."""
    return f"M#{generation}#{updated:016d}"


def record_item(record: ChatRecord) -> dict[str, Value]:
    """Return the item of a chat."""
    return {
        **key(chat_pk(record.owner, record.id), RECORD),
        "owner": text_value(record.owner),
        "chat": text_value(record.id),
        "generation": {"S": record.generation},
        "title": text_value(record.title),
        "created": number_value(record.created),
        "updated": number_value(record.updated),
        **changing_values(record),
    }


def changing_values(record: ChatRecord) -> dict[str, Value]:
    """Return those attributes of a chat's item that a turn changes, besides ``updated``."""
    return {
        "count": number_value(record.count),
        "last_id": {"NULL": True} if record.last_id is None else text_value(record.last_id),
        "turn": {"NULL": True} if record.turn is None else text_value(record.turn),
        "running": {"BOOL": record.is_running},
    }


def record_of(item: Item) -> ChatRecord:
    """Return what `record_item` has made ``item`` of."""
    return ChatRecord(
        owner=text_of(item["owner"]),
        id=text_of(item["chat"]),
        generation=text_of(item["generation"]),
        title=text_of(item["title"]),
        created=whole_of(item["created"]),
        updated=whole_of(item["updated"]),
        count=whole_of(item["count"]),
        last_id=_text_or_none(item["last_id"]),
        turn=_text_or_none(item["turn"]),
        is_running=item["running"]["BOOL"],
        is_gone="gone" in item,
    )


def head_item(head: TurnHead, generation: str, expires: float) -> dict[str, Value]:
    """Return the item of a turn's head."""
    item = {
        **key(turn_pk(head.id), HEAD),
        "id": text_value(head.id),
        "owner": text_value(head.owner),
        "chat": text_value(head.chat_id),
        "generation": {"S": generation},
        "message": text_value(head.message_id),
        "live_from": number_value(head.live_from),
        "state": {"S": head.state},
        "beat": number_value(head.beat),
        "exp": number_value(round(expires)),
    }
    if head.user_message_id is not None:
        item["user_message"] = text_value(head.user_message_id)
    return item


def head_of(item: Item) -> StoredHead:
    """Return what `head_item` has made ``item`` of, as it is now."""
    ended_at: Any = item.get("ended_at")
    stop: Any = optional_text_of(item.get("stop"))
    state: Any = text_of(item["state"])
    head = TurnHead(
        id=text_of(item["id"]),
        owner=text_of(item["owner"]),
        chat_id=text_of(item["chat"]),
        message_id=text_of(item["message"]),
        user_message_id=optional_text_of(item.get("user_message")),
        live_from=whole_of(item["live_from"]),
        state=state,
        stop=stop,
        beat=whole_of(item["beat"]),
        ended_at=None if ended_at is None else number_of(ended_at),
    )
    return StoredHead(
        head=head,
        generation=text_of(item["generation"]),
        is_deleted="deleted" in item,
        size=whole_of(item["size"]) if "size" in item else 0,
        ending=optional_text_of(item.get("ending")),
        expires=number_of(item["exp"]),
    )


def _text_or_none(value: Mapping[str, Any]) -> str | None:
    return None if "NULL" in value else text_of(value)

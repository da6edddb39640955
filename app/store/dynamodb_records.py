"""The chats of a DynamoDB table without their turns: records, changes and places in lists."""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.errors import StoreUnavailable
from app.store.dynamodb_calls import Calls
from app.store.dynamodb_items import (
    LAST_UPDATED,
    RECORD,
    ChatRecord,
    change_sk,
    changing_values,
    chat_pk,
    key,
    list_pk,
    record_item,
    record_of,
    updated_sk,
)
from app.store.dynamodb_logs import ABSENT
from app.store.dynamodb_pages import (
    PAGE_BYTES,
    between,
    delete_items,
    is_page,
    joined,
    keys_of,
    page_sk,
    query,
    write_pages,
)
from app.store.dynamodb_values import Item, Value, number_value, text_of, text_value, whole_of
from app.store.message_json import decoded, encoded
from app.store.store import ChatId, Owner, TurnId, UIMessage

# How often a chat is read again that is changed while it is read.
_LOOKS = 10


class Records:
    """Chats without their turns.

    Args:
        now: Unix seconds.
    """

    def __init__(self, calls: Calls, *, now: Callable[[], float]) -> None:
        self._calls = calls
        self._now = now

    async def record(self, owner: Owner, chat: ChatId) -> ChatRecord | None:
        """Return a chat's record, also of one whose deletion is not complete."""
        place = key(chat_pk(owner, chat), RECORD)
        found = await self._calls.call("GetItem", Key=place, ConsistentRead=True)
        return record_of(found["Item"]) if "Item" in found else None

    async def record_and_time(self, owner: Owner, chat: ChatId) -> tuple[ChatRecord | None, int]:
        """Return the same, and when it is changed if that is now, in microseconds.

        That is later than any change of the owner's chats, also if the clock went back.
        """
        place = between(list_pk(owner), updated_sk(0), updated_sk(LAST_UPDATED))
        record, latest = await asyncio.gather(
            self.record(owner, chat),
            self._calls.call("Query", **place, ScanIndexForward=False, Limit=1),
        )
        last = max((int(text_of(item["sk"])) for item in latest["Items"]), default=0)
        last = max(last, 0 if record is None else record.updated)
        return record, max(round(self._now() * 1e6), last + 1)

    async def change_item(
        self,
        record: ChatRecord,
        updated: int,
        *,
        keep: int,
        turn: TurnId,
        added: Sequence[UIMessage],
    ) -> Mapping[str, Value]:
        """Return the item of a change: ``keep`` messages stay, and ``added`` follow them."""
        pk = chat_pk(record.owner, record.id)
        item: dict[str, Value] = {
            **key(pk, change_sk(record.generation, updated)),
            "keep": number_value(keep),
            "turn": text_value(turn),
        }
        # JSON text has no line end in it.
        data = b"\n".join(map(encoded, added))
        if len(data) > PAGE_BYTES:
            name = f"{record.generation}#{secrets.token_hex(8)}"
            return {**item, **await write_pages(self._calls, pk, name, data, expires=None)}
        return {**item, "messages": {"S": data.decode()}}

    async def read(
        self, owner: Owner, chat: ChatId
    ) -> tuple[ChatRecord, Sequence[UIMessage]] | None:
        """Return a chat with its messages as they were at one moment."""
        for _ in range(_LOOKS):
            items = await query(self._calls, chat_pk(owner, chat))
            record = record_of(items[-1]) if items and _is(items[-1], RECORD) else None
            if record is None or record.is_gone:
                return None
            changes = _changes(items, record.generation)
            # If not, it was changed while it was read, or an earlier change that does not count any
            # more was deleted meanwhile.
            if changes and _is(changes[-1], change_sk(record.generation, record.updated)):
                return record, _carried_out(changes, items)
        raise StoreUnavailable("a chat was changed all the time")

    async def delete_overwritten(self, record: ChatRecord) -> None:
        """Delete the changes of which no message is left."""
        items = await query(self._calls, chat_pk(record.owner, record.id), last="M~")
        changes = _changes(items, record.generation)
        over: list[tuple[str, str]] = []
        least = record.count
        for item in reversed(changes):
            if keeps(item) >= least and not _is(item, change_sk(record.generation, record.updated)):
                over += await self._keys_of_change(item)
            least = min(least, keeps(item))
        await delete_items(self._calls, over)

    async def _keys_of_change(self, item: Item) -> Sequence[tuple[str, str]]:
        keys = list(keys_of([item]))
        if "page" in item:
            pages = range(whole_of(item["pages"]))
            keys += [(keys[0][0], page_sk(text_of(item["page"]), number)) for number in pages]
        return keys


def _changes(items: Sequence[Item], generation: str) -> Sequence[Item]:
    own = change_sk(generation, 0)[: -len(updated_sk(0))]
    return [item for item in items if text_of(item["sk"]).startswith(own)]


def _carried_out(changes: Sequence[Item], items: Sequence[Item]) -> Sequence[UIMessage]:
    pages = {text_of(item["sk"]): item for item in items if is_page(item)}
    messages: list[UIMessage] = []
    for item in changes:
        paged = joined(item, pages) if "page" in item else None
        messages[keeps(item) :] = messages_of(item, paged)
    return messages


def _is(item: Item, sk: str) -> bool:
    return text_of(item["sk"]) == sk


def messages_of(item: Item, paged: bytes | None) -> Sequence[UIMessage]:
    """Return the messages that a change adds; ``paged`` is what its pages hold."""
    data = item["messages"]["S"].encode() if paged is None else paged
    return [decoded(line) for line in data.split(b"\n")] if data else []


def keeps(item: Item) -> int:
    """Return how many messages a change leaves."""
    return whole_of(item["keep"])


def created(record: ChatRecord, gone: ChatRecord | None) -> Mapping[str, Any]:
    """Return the part of a transaction that makes a chat; ``gone`` is what is left of another."""
    part: dict[str, Any] = {"Item": record_item(record), "ConditionExpression": ABSENT}
    if gone is not None:
        part["ConditionExpression"] = "generation = :gone AND attribute_exists(gone)"
        part["ExpressionAttributeValues"] = {":gone": {"S": gone.generation}}
    return {"Put": part}


def changed(record: ChatRecord, was: ChatRecord) -> Mapping[str, Any]:
    """Return the part of a transaction that changes a chat which is as it was read."""
    values = {":updated": number_value(record.updated), ":was": number_value(was.updated)}
    names = {"#title": "title"}
    sets = ["updated = :updated"]
    for name, value in changing_values(record).items():
        names[f"#{name}"] = name
        values[f":{name}"] = value
        sets.append(f"#{name} = :{name}")
    del names["#title"]
    return {
        "Update": {
            "Key": key(chat_pk(record.owner, record.id), RECORD),
            "UpdateExpression": "SET " + ", ".join(sets),
            "ConditionExpression": (
                "updated = :was AND generation = :generation AND attribute_not_exists(gone)"
                " AND #turn = :was_turn AND #running = :was_running"
            ),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {
                **values,
                ":generation": {"S": was.generation},
                ":was_turn": changing_values(was)["turn"],
                ":was_running": changing_values(was)["running"],
            },
        }
    }


def moved(record: ChatRecord, was: ChatRecord | None) -> Sequence[Mapping[str, Any]]:
    """Return the parts of a transaction that put a chat at the top of its owner's list."""
    item = {**key(list_pk(record.owner), updated_sk(record.updated)), "chat": text_value(record.id)}
    parts: list[Mapping[str, Any]] = [{"Put": {"Item": item, "ConditionExpression": ABSENT}}]
    if was is not None:
        parts.append(removed(was))
    return parts


def removed(record: ChatRecord) -> Mapping[str, Any]:
    """Return the part of a transaction that takes a chat off its owner's list."""
    return {"Delete": {"Key": key(list_pk(record.owner), updated_sk(record.updated))}}

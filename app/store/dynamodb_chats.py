"""Chats in DynamoDB: read, listed, renamed and deleted."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from app.errors import StoreUnavailable
from app.store.dynamodb_calls import Calls, ConditionFailed, TransactionRefused
from app.store.dynamodb_items import (
    HEAD,
    LAST_UPDATED,
    RECORD,
    ChatRecord,
    StoredHead,
    chat_pk,
    key,
    list_pk,
    record_of,
    turn_pk,
    updated_sk,
)
from app.store.dynamodb_logs import RUNNING_S, Logs
from app.store.dynamodb_pages import between, delete_items, keys_of, query
from app.store.dynamodb_records import Records, removed
from app.store.dynamodb_values import Item, number_value, text_of, text_value
from app.store.store import Chat, ChatId, ChatSummary, Owner, TurnHead, TurnId

_LOOKS = 20
# What one `BatchGetItem` takes.
_MOST_READ = 100


class Chats:
    """Chats of a table.

    Args:
        now: Unix seconds.
        keep_s: how long a log is kept after its turn has ended, in seconds.
    """

    def __init__(
        self,
        calls: Calls,
        logs: Logs,
        records: Records,
        *,
        now: Callable[[], float],
        keep_s: float,
    ) -> None:
        self._calls = calls
        self._logs = logs
        self._records = records
        self._now = now
        self._keep_s = keep_s

    async def chat(self, owner: Owner, chat: ChatId) -> Chat | None:
        """Do what `ChatStore.chat` says."""
        for _ in range(_LOOKS):
            read = await self._records.read(owner, chat)
            if read is None:
                return None
            record, messages = read
            stored = await self._turn_of(record)
            turn = None if stored is None else stored.head
            # If not, the turn has ended since the messages were read.
            if turn is None or (turn.state == "running") == record.is_running:
                return Chat(
                    summary=record.summary(),
                    revision=record.updated,
                    messages=messages,
                    turn=turn,
                )
        raise StoreUnavailable("a chat was changed all the time")

    async def head(self, owner: Owner, chat: ChatId) -> TurnHead | None:
        """Do what `TurnStore.head` says."""
        record = await self._records.record(owner, chat)
        if record is None or record.is_gone:
            return None
        stored = await self._turn_of(record)
        return None if stored is None else stored.head

    async def turn(self, owner: Owner, turn: TurnId) -> TurnHead | None:
        """Do what `TurnStore.turn` says."""
        stored = await self._logs.head(turn)
        if stored is None or stored.is_deleted or stored.head.owner != owner:
            return None
        if stored.head.state != "running":
            # The log of an earlier turn may be there for a moment when its chat is not any more.
            record = await self._records.record(owner, stored.head.chat_id)
            if record is None or record.is_gone or record.generation != stored.generation:
                return None
        return stored.head

    async def chats(self, owner: Owner, *, before: int | None, limit: int) -> Sequence[ChatSummary]:
        """Do what `ChatStore.chats` says."""
        found: list[ChatSummary] = []
        last = LAST_UPDATED if before is None else min(before - 1, LAST_UPDATED)
        while last >= 0 and len(found) < limit:
            at_once = min(limit - len(found), _MOST_READ)
            place = between(list_pk(owner), updated_sk(0), updated_sk(last))
            page = await self._calls.call("Query", **place, ScanIndexForward=False, Limit=at_once)
            rows = {text_of(item["chat"]): int(text_of(item["sk"])) for item in page["Items"]}
            records = await self._records_of(owner, list(rows))
            found += [
                msgspec.structs.replace(record.summary(), updated=updated)
                for chat, updated in rows.items()
                if (record := records.get(chat)) is not None and not record.is_gone
            ]
            if "LastEvaluatedKey" not in page:
                break
            last = min(rows.values()) - 1
        return found

    async def owners(self) -> Sequence[Owner]:
        """Do what `ChatStore.owners` says. Reads the whole table."""
        owners: set[Owner] = set()
        async for item in scan(self._calls, RECORD):
            record = record_of(item)
            if not record.is_gone:
                owners.add(record.owner)
        return sorted(owners)

    async def rename(self, owner: Owner, chat: ChatId, title: str) -> None:
        """Do what `ChatStore.rename` says."""
        # Else there is no such chat.
        with contextlib.suppress(ConditionFailed):
            await self._calls.call(
                "UpdateItem",
                Key=key(chat_pk(owner, chat), RECORD),
                UpdateExpression="SET title = :title",
                ConditionExpression="attribute_exists(pk) AND attribute_not_exists(gone)",
                ExpressionAttributeValues={":title": text_value(title)},
            )

    async def delete(
        self, owner: Owner, chat: ChatId, *, revision: int | None = None
    ) -> TurnHead | None:
        """Do what `ChatStore.delete` says.

        One transaction hides the chat. Then its items are deleted; if that breaks off, `clear` goes
        on with it, called by the next who deletes it or by the sweep.

        Args:
            revision: delete it only if it has this one, and no turn of it runs.
        """
        for _ in range(_LOOKS):
            record = await self._records.record(owner, chat)
            if record is None:
                return None
            if record.is_gone:
                await self.clear(record)
                return None
            stored = await self._turn_of(record) if record.is_running else None
            running = stored if stored is not None and stored.head.state == "running" else None
            if revision is not None and (record.updated != revision or running is not None):
                return None
            parts = [_hidden(record), removed(record)]
            if running is not None:
                parts.append(_stopped(running, self._now(), self._logs.ended_expiry()))
            try:
                await self._calls.transact(parts)
            except TransactionRefused:
                continue
            await self.clear(record)
            if running is None:
                return None
            self._logs.forget(running.head.id)
            over = await self._logs.head(running.head.id)
            return running.head if over is None else over.head
        raise StoreUnavailable("a chat was changed all the time")

    async def clear(self, gone: ChatRecord) -> None:
        """Delete the items of a chat that is hidden, and the logs of its turns."""
        pk = chat_pk(gone.owner, gone.id)
        items = await query(self._calls, pk)
        own = [
            item
            for item in items
            if text_of(item["sk"]).startswith((f"M#{gone.generation}#", f"P#{gone.generation}#"))
        ]
        for turn in self._late_turns(own):
            stored = await self._logs.head(turn)
            # Of a turn that was running its readers find in the head that it is over.
            if stored is not None and not stored.is_deleted:
                await self.delete_log(turn)
        await delete_items(self._calls, list(keys_of(own)))
        # Else there is another chat of this id.
        with contextlib.suppress(ConditionFailed):
            await self._calls.call(
                "DeleteItem",
                Key=key(pk, RECORD),
                ConditionExpression="generation = :generation AND attribute_exists(gone)",
                ExpressionAttributeValues={":generation": {"S": gone.generation}},
            )

    async def delete_log(self, turn: TurnId) -> None:
        """Delete all items of a turn."""
        items = await query(self._calls, turn_pk(turn), keys_only=True)
        # The head last: as long as it is there, somebody finds what is left.
        keys = [pair for pair in keys_of(items) if pair[1] != HEAD]
        await delete_items(self._calls, [*keys, (turn_pk(turn), HEAD)])
        self._logs.forget(turn)

    async def _turn_of(self, record: ChatRecord) -> StoredHead | None:
        return None if record.turn is None else await self._logs.head(record.turn)

    async def _records_of(
        self, owner: Owner, chats: Sequence[ChatId]
    ) -> Mapping[ChatId, ChatRecord]:
        wanted: Mapping[str, Any] = {
            self._calls.table: {
                "Keys": [key(chat_pk(owner, chat), RECORD) for chat in chats],
                "ConsistentRead": True,
            }
        }
        found: dict[ChatId, ChatRecord] = {}
        while wanted and chats:
            answer = await self._calls.send("BatchGetItem", {"RequestItems": wanted})
            for item in answer["Responses"].get(self._calls.table, ()):
                record = record_of(item)
                found[record.id] = record
            wanted = answer.get("UnprocessedKeys", {})
        return found

    def _late_turns(self, changes: Sequence[Item]) -> Sequence[TurnId]:
        """Return the turns of these changes whose logs may still be there."""
        since = (self._now() - RUNNING_S - self._keep_s) * 1e6
        return list(
            dict.fromkeys(
                text_of(item["turn"])
                for item in changes
                if "turn" in item and int(text_of(item["sk"]).rpartition("#")[2]) > since
            )
        )


async def scan(calls: Calls, *kinds: str) -> Any:
    """Yield the items of the whole table with one of these ``sk``."""
    names = {f":{number}": {"S": kind} for number, kind in enumerate(kinds)}
    start: Mapping[str, Any] = {}
    while True:
        found = await calls.call(
            "Scan",
            FilterExpression=f"sk IN ({', '.join(names)})",
            ExpressionAttributeValues=names,
            **start,
        )
        for item in found["Items"]:
            yield item
        if "LastEvaluatedKey" not in found:
            return
        start = {"ExclusiveStartKey": found["LastEvaluatedKey"]}


def _hidden(record: ChatRecord) -> Mapping[str, Any]:
    return {
        "Update": {
            "Key": key(chat_pk(record.owner, record.id), RECORD),
            "UpdateExpression": "SET gone = :yes, #running = :no",
            "ConditionExpression": (
                "updated = :updated AND generation = :generation AND #running = :running"
                " AND attribute_not_exists(gone)"
            ),
            "ExpressionAttributeNames": {"#running": "running"},
            "ExpressionAttributeValues": {
                ":yes": {"BOOL": True},
                ":no": {"BOOL": False},
                ":updated": number_value(record.updated),
                ":generation": {"S": record.generation},
                ":running": {"BOOL": record.is_running},
            },
        }
    }


def _stopped(running: StoredHead, now: float, expires: float) -> Mapping[str, Any]:
    return {
        "Update": {
            "Key": key(turn_pk(running.head.id), HEAD),
            "UpdateExpression": (
                "SET #state = :stopped, stop = if_not_exists(stop, :deleted), ended_at = :now,"
                " deleted = :yes, exp = :exp"
            ),
            "ConditionExpression": "#state = :running",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": {
                ":running": {"S": "running"},
                ":stopped": {"S": "stopped"},
                ":deleted": {"S": "deleted"},
                ":now": number_value(now),
                ":yes": {"BOOL": True},
                ":exp": number_value(round(expires)),
            },
        }
    }

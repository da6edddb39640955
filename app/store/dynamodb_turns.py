"""Turns in DynamoDB: how they begin, beat and end.

A call reads what it has to know, and writes under the condition that it is still so. If it is not,
it looks again.
"""

import contextlib
import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Literal

import msgspec

from app.errors import StoreUnavailable
from app.store.dynamodb_calls import Calls, ConditionFailed, TransactionRefused
from app.store.dynamodb_items import HEAD, ChatRecord, StoredHead, head_item, head_of, key, turn_pk
from app.store.dynamodb_logs import ABSENT, Logs, beating, mark
from app.store.dynamodb_records import Records, changed, created, moved
from app.store.dynamodb_values import number_value, text_value
from app.store.message_json import id_of
from app.store.store import (
    Batch,
    Begun,
    Busy,
    Changed,
    State,
    StopReason,
    TurnHead,
    TurnId,
    UIMessage,
)

# How often a call looks again. Those whom it meets are others of the same chat or owner.
_LOOKS = 20


class Turns:
    """Turns of a table.

    Args:
        aside: carries out what nobody waits for.
    """

    def __init__(
        self,
        calls: Calls,
        logs: Logs,
        records: Records,
        *,
        aside: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._aside = aside
        self._calls = calls
        self._logs = logs
        self._records = records

    async def begin(
        self,
        head: TurnHead,
        *,
        revision: int,
        keep: int,
        messages: Sequence[UIMessage],
        title: str,
        first: Batch | None,
    ) -> Begun | Busy | Changed:
        """Do what `TurnStore.begin` says."""
        for _ in range(_LOOKS):
            found, updated = await self._records.record_and_time(head.owner, head.chat_id)
            was = None if found is None or found.is_gone else found
            if was is not None and was.is_running and was.turn is not None:
                stored = await self._logs.head(was.turn)
                if stored is not None and stored.head.state == "running":
                    return Busy(stored.head)
                if stored is not None:
                    continue  # it has ended since
            if revision != (0 if was is None else was.updated):
                return Changed()
            record = _begun(head, was, updated, keep, messages, title)
            if was is not None and 0 < keep < was.count and not messages:
                record = await self._with_last_id(record)
            kept = record.count - len(messages)
            change = await self._records.change_item(
                record, updated, keep=kept, turn=head.id, added=messages
            )
            item = head_item(head, record.generation, self._logs.running_expiry())
            parts: list[Mapping[str, Any]] = [
                {"Put": {"Item": item, "ConditionExpression": ABSENT}},
                created(record, found) if was is None else changed(record, was),
                {"Put": {"Item": change}},
                *moved(record, was),
            ]
            if first is not None:
                parts.append({"Put": {"Item": await self._logs.item(head.id, [first])}})
            try:
                await self._calls.transact(parts)
            except TransactionRefused as refused:
                # The chat goes first: it says whether the turn is the caller's own.
                if refused.failed == [0]:
                    raise ValueError("the id of a turn is used again") from None
                continue
            self._logs.note(head.id, 0 if first is None else first.seq)
            if was is not None and kept < was.count:
                self._aside(self._records.delete_overwritten(record))
            return Begun()
        raise StoreUnavailable("a chat was changed all the time")

    async def _with_last_id(self, record: ChatRecord) -> ChatRecord:
        """Return a record whose last message has become another without being new."""
        read = await self._records.read(record.owner, record.id)
        messages = read[1] if read is not None else ()
        is_there = record.count <= len(messages)
        last_id = id_of(messages[record.count - 1]) if is_there else None
        return msgspec.structs.replace(record, last_id=last_id)

    async def beat(self, turn: TurnId) -> StoredHead | None:
        """Renew the beat of a turn; return its head, None if it does not run."""
        try:
            found = await self._calls.call(
                "UpdateItem",
                Key=key(turn_pk(turn), HEAD),
                **beating(self._logs.running_expiry()),
            )
        except ConditionFailed:
            return None
        return head_of(found["Attributes"])

    async def append(
        self, turn: TurnId, batches: Sequence[Batch], *, is_beating: bool
    ) -> StopReason | Literal[True] | None:
        """Append to one turn; return True, why it is to stop, or None if it cannot be written."""
        if batches:
            if self._logs.known(turn) is None and await self._logs.head(turn) is None:
                return None
            if not await self._logs.append(turn, batches):
                return None
        stored = await (self.beat(turn) if is_beating else self._logs.head(turn))
        if stored is None or stored.head.state != "running":
            self._logs.forget(turn)
            return None
        return stored.head.stop or True

    async def end(
        self,
        turn: TurnId,
        state: State,
        *,
        last: Batch | None,
        message: UIMessage | None,
        ended_at: float,
        beat: int | None,
    ) -> bool:
        """Do what `TurnStore.end` says."""
        held = self._logs.known(turn)
        for _ in range(_LOOKS):
            stored = await self._logs.head(turn)
            if stored is None or stored.is_deleted:
                return False
            head = stored.head
            if head.state != "running":
                return head.state == state and stored.ending == mark(last)
            if beat is not None and beat != head.beat:
                return False
            if held is None or (last is not None and last.seq != held + 1):
                held = await self._logs.held(turn)
            if last is not None and last.seq != held + 1:
                return False
            ending = _ending(state, last, ended_at, held, beat, self._logs.ended_expiry())
            place = (
                self._logs.end_item(turn, held + 1)
                if last is None
                else await self._logs.item(turn, [last])
            )
            parts = [
                {"Put": {"Item": place, "ConditionExpression": ABSENT}},
                {"Update": {"Key": key(turn_pk(turn), HEAD), **ending}},
            ]
            change = await self._end_in_chat(head, stored.generation, message)
            if change is None:
                return False
            try:
                await self._calls.transact([*parts, *change])
            except TransactionRefused:
                held = None
                continue
            self._logs.forget(turn)
            return True
        raise StoreUnavailable("a turn was changed all the time")

    async def _end_in_chat(
        self, head: TurnHead, generation: str, message: UIMessage | None
    ) -> Sequence[Mapping[str, Any]] | None:
        """Return the parts of a transaction that free the chat; None if that is gone."""
        was, updated = await self._records.record_and_time(head.owner, head.chat_id)
        if was is None or was.is_gone or was.generation != generation:
            return None
        free = msgspec.structs.replace(was, is_running=was.is_running and was.turn != head.id)
        if message is None:
            return [changed(free, was)]
        message_id = id_of(message)
        is_same = message_id is not None and message_id == was.last_id and was.count > 0
        keep = was.count - 1 if is_same else was.count
        record = msgspec.structs.replace(free, updated=updated, count=keep + 1, last_id=message_id)
        change = await self._records.change_item(
            record, updated, keep=keep, turn=head.id, added=[message]
        )
        return [changed(record, was), {"Put": {"Item": change}}, *moved(record, was)]

    async def ask_to_stop(self, turn: TurnId, reason: StopReason) -> None:
        """Do what `TurnStore.ask_to_stop` says."""
        # Else it has ended, or is asked already.
        with contextlib.suppress(ConditionFailed):
            await self._calls.call(
                "UpdateItem",
                Key=key(turn_pk(turn), HEAD),
                UpdateExpression="SET stop = :reason",
                ConditionExpression="#state = :running AND attribute_not_exists(stop)",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues={
                    ":reason": {"S": reason},
                    ":running": {"S": "running"},
                },
            )


def _begun(
    head: TurnHead,
    was: ChatRecord | None,
    updated: int,
    keep: int,
    messages: Sequence[UIMessage],
    title: str,
) -> ChatRecord:
    """Return the record of a chat that ``head`` has claimed."""
    if was is None:
        was = ChatRecord(
            owner=head.owner,
            id=head.chat_id,
            generation=secrets.token_hex(4),
            title=title,
            created=updated,
            updated=updated,
        )
    kept = min(keep, was.count)
    last_id = was.last_id if kept == was.count else None
    return msgspec.structs.replace(
        was,
        updated=updated,
        count=kept + len(messages),
        last_id=id_of(messages[-1]) if messages else last_id,
        turn=head.id,
        is_running=True,
    )


def _ending(
    state: State,
    last: Batch | None,
    ended_at: float,
    held: int,
    beat: int | None,
    expires: float,
) -> Mapping[str, Any]:
    """Return what the end of a turn changes in its head."""
    values = {
        ":running": {"S": "running"},
        ":state": {"S": state},
        ":ended_at": number_value(ended_at),
        ":size": number_value(held if last is None else last.seq),
        ":ending": text_value(mark(last)),
        ":exp": number_value(round(expires)),
    }
    condition = "#state = :running"
    if beat is not None:
        condition += " AND beat = :beat"
        values[":beat"] = number_value(beat)
    return {
        "UpdateExpression": (
            "SET #state = :state, ended_at = :ended_at, #size = :size, ending = :ending, exp = :exp"
        ),
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {"#state": "state", "#size": "size"},
        "ExpressionAttributeValues": values,
    }

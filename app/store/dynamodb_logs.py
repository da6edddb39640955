"""The logs of turns in DynamoDB: batches under the number of the first in each item.

Who appends claims the next number of the log, under the condition that nobody has it. The end of a
turn claims it too, with the last batch or with nothing. So there is no gap and nothing behind the
end, though no item counts the batches while the turn runs: that would double what a batch costs.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.errors import StoreUnavailable
from app.store.dynamodb_calls import Calls, ConditionFailed
from app.store.dynamodb_items import (
    HEAD,
    LAST_SEQ,
    StoredHead,
    head_of,
    key,
    seq_sk,
    turn_pk,
)
from app.store.dynamodb_pages import PAGE_BYTES, between, is_page, joined, query, write_pages
from app.store.dynamodb_values import (
    Item,
    Value,
    bytes_of,
    bytes_value,
    number_value,
    text_of,
    whole_of,
)
from app.store.log_order import fit
from app.store.store import ABANDONED_S, Batch, Tail, TurnId

# Few batches in one item: a reader who stands in the middle of one has to read it again.
_MOST_IN_ITEM = 32
# How long the items of a running turn are kept after the last sign of life, in seconds. Longer than
# anybody's clock is wrong.
RUNNING_S = 4 * ABANDONED_S
# Of how many turns the length of the log is remembered.
_MOST_KNOWN = 10_000

ABSENT = "attribute_not_exists(pk)"


def mark(last: Batch | None) -> str:
    """Return by what the end of a turn is known again: the number and hash of its last batch."""
    return "" if last is None else f"{last.seq}:{hashlib.sha256(last.data).hexdigest()}"


class Logs:
    """The logs of turns.

    Args:
        keep_s: how long a log is kept after its turn has ended, in seconds.
        now: Unix seconds.
    """

    def __init__(self, calls: Calls, *, keep_s: float, now: Callable[[], float]) -> None:
        self._calls = calls
        self._keep_s = keep_s
        self._now = now
        # How many batches a log had when it was looked at: each number is the last of an item.
        self._held: dict[TurnId, int] = {}

    def running_expiry(self) -> float:
        """Return when the items of a turn that runs now may be deleted, in Unix seconds."""
        return self._now() + RUNNING_S

    def ended_expiry(self) -> float:
        """Return the same of the head of a turn that ends now."""
        return self._now() + self._keep_s

    def note(self, turn: TurnId, held: int) -> None:
        """Remember how many batches a log has."""
        self._held[turn] = max(held, self._held.get(turn, 0))
        while len(self._held) > _MOST_KNOWN:
            del self._held[next(iter(self._held))]

    def known(self, turn: TurnId) -> int | None:
        """Return how many batches a log has at least; None if it was not looked at."""
        return self._held.get(turn)

    def forget(self, turn: TurnId) -> None:
        """Forget a turn that is over."""
        self._held.pop(turn, None)

    async def held(self, turn: TurnId) -> int:
        """Return how many batches the log has. The end that is no batch counts as one."""
        place = between(turn_pk(turn), seq_sk(0), seq_sk(LAST_SEQ))
        found = await self._calls.call("Query", **place, ScanIndexForward=False, Limit=1)
        held = 0
        for item in found["Items"]:
            held = _first_seq(item) + whole_of(item["count"]) - 1
        self.note(turn, held)
        return held

    async def append(self, turn: TurnId, batches: Sequence[Batch]) -> bool:
        """Add what the log does not have yet; return False if that would leave a gap."""
        held = self.known(turn)
        if held is None or not fit(batches, held):
            held = await self.held(turn)
        if not fit(batches, held):
            return False
        while new := [batch for batch in batches if batch.seq > held]:
            part = _part(new)
            item = await self.item(turn, part, expires=self._batch_expiry())
            try:
                await self._calls.call("PutItem", Item=item, ConditionExpression=ABSENT)
            except ConditionFailed:
                # It is there from an earlier try, or the turn has ended, which its head says.
                before, held = held, await self.held(turn)
                if held <= before:
                    return False
            else:
                held = part[-1].seq
                self.note(turn, held)
        return True

    async def item(
        self, turn: TurnId, batches: Sequence[Batch], *, expires: float | None = None
    ) -> Mapping[str, Value]:
        """Return the item of batches that follow each other; what is large is written in pages."""
        pk, first = turn_pk(turn), batches[0]
        expires = self._batch_expiry() if expires is None else expires
        item: dict[str, Value] = {
            **key(pk, seq_sk(first.seq)),
            "count": number_value(len(batches)),
            "exp": number_value(round(expires)),
        }
        if len(first.data) > PAGE_BYTES:
            name = hashlib.sha256(first.data).hexdigest()[:32]
            pages = await write_pages(self._calls, pk, name, first.data, expires=expires)
            return {**item, **pages}
        return {**item, "data": {"L": [bytes_value(batch.data) for batch in batches]}}

    def end_item(self, turn: TurnId, seq: int) -> Mapping[str, Value]:
        """Return the item that closes a log at ``seq`` without a batch."""
        return {
            **key(turn_pk(turn), seq_sk(seq)),
            "count": number_value(1),
            "exp": number_value(round(self._batch_expiry())),
        }

    async def head(self, turn: TurnId) -> StoredHead | None:
        """Return a head that has not expired."""
        place = key(turn_pk(turn), HEAD)
        found = await self._calls.call("GetItem", Key=place, ConsistentRead=True)
        return self.living(found.get("Item"))

    def living(self, item: Item | None) -> StoredHead | None:
        """Return the head of ``item``, unless DynamoDB has only not deleted it yet."""
        stored = None if item is None else head_of(item)
        return stored if stored is not None and stored.expires > self._now() else None

    async def fetch(self, turn: TurnId, after: int) -> Tail | None:
        """Return batches after number ``after`` and the head, as `TurnStore.fetch` says."""
        for _ in range(3):
            items, stored = await self._read(turn, min(after, LAST_SEQ) + 1)
            if stored is None:
                return None
            if stored.is_deleted:
                return Tail(stored.head, ())
            first = _first_seq(items[0]) if items else None
            if first != after + 1 and after > 0 and after != self.known(turn):
                # Nothing is there yet, or ``after`` is in the middle of an item.
                items = [*await self._around(turn, after), *items]
            batches = _batches(turn, items, after)
            if stored.head.state != "running":
                batches = [batch for batch in batches if batch.seq <= stored.size]
                if not batches and stored.size > after:
                    continue  # it ended while it was read
            elif batches or after == 0:
                self.note(turn, batches[-1].seq if batches else 0)
            return Tail(stored.head, batches)
        raise StoreUnavailable("a batch of a log is not there")

    async def reached(self, turn: TurnId, after: int) -> int | None:
        """Look once; return the number of a batch after number ``after``, or that if there is none.

        None: the turn is over or unknown.
        """
        place = between(turn_pk(turn), seq_sk(min(after, LAST_SEQ) + 1), HEAD)
        found = await self._calls.call("Query", **place, Limit=1)
        for item in found["Items"]:
            if text_of(item["sk"]) != HEAD:
                return _first_seq(item) + whole_of(item["count"]) - 1
            stored = self.living(item)
            return after if stored is not None and stored.head.state == "running" else None
        return None

    async def _read(self, turn: TurnId, first: int) -> tuple[list[Item], StoredHead | None]:
        """Return items from number ``first``, some at least if there are any, and the head."""
        pk = turn_pk(turn)
        found = await self._calls.call("Query", **between(pk, seq_sk(first), HEAD))
        items: list[Item] = list(found["Items"])
        head = items.pop() if items and text_of(items[-1]["sk"]) == HEAD else None
        stored = self.living(head)
        if "LastEvaluatedKey" in found:  # 1 MB
            stored = await self.head(turn)
        if stored is not None and not stored.is_deleted:
            items = [await self._whole(pk, item) for item in items]
        return items, stored

    async def _around(self, turn: TurnId, after: int) -> Sequence[Item]:
        place = between(turn_pk(turn), seq_sk(0), seq_sk(min(after, LAST_SEQ)))
        found = await self._calls.call("Query", **place, ScanIndexForward=False, Limit=1)
        items: Sequence[Item] = found["Items"]
        for item in items:
            self.note(turn, _first_seq(item) + whole_of(item["count"]) - 1)
        return [await self._whole(turn_pk(turn), item) for item in items]

    async def _whole(self, pk: str, item: Item) -> Item:
        """Return ``item`` with what is in its pages."""
        if "page" not in item:
            return item
        name = f"P#{text_of(item['page'])}#"
        pages = await query(self._calls, pk, first=name, last=name + "~")
        data = joined(item, {text_of(page["sk"]): page for page in pages if is_page(page)})
        assert data is not None, "an item names pages that are not there"
        return {**item, "data": {"L": [bytes_value(data)]}}

    def _batch_expiry(self) -> float:
        return self.running_expiry() + self._keep_s


def beating(expires: float) -> Mapping[str, Any]:
    """Return the parameters of the call that renews the beat of a running turn."""
    return {
        "UpdateExpression": "SET beat = beat + :one, exp = :exp",
        "ConditionExpression": "#state = :running",
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": {
            ":one": number_value(1),
            ":exp": number_value(round(expires)),
            ":running": {"S": "running"},
        },
        "ReturnValues": "ALL_NEW",
    }


def _first_seq(item: Item) -> int:
    return int(text_of(item["sk"]))


def _part(batches: Sequence[Batch]) -> Sequence[Batch]:
    """Return the first of ``batches``, as many as fit into an item."""
    size = count = 0
    for batch in batches[:_MOST_IN_ITEM]:
        size += len(batch.data)
        if count and size > PAGE_BYTES:
            break
        count += 1
    return batches[:count]


def _batches(turn: TurnId, items: Sequence[Item], after: int) -> list[Batch]:
    """Return the batches after number ``after``, up to the first that is missing."""
    batches: list[Batch] = []
    for item in items:
        for seq, value in enumerate(item["data"]["L"] if "data" in item else (), _first_seq(item)):
            if seq == after + 1:
                after = seq
                batches.append(Batch(turn, seq, bytes_of(value)))
    return batches

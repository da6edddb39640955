"""Keys that are used once, or counted, in DynamoDB."""

import hashlib
import math
import secrets
from collections.abc import Callable
from typing import Any

from app.errors import StoreUnavailable
from app.store.dynamodb_calls import Calls, ConditionFailed
from app.store.dynamodb_items import key
from app.store.dynamodb_values import Value, number_of, number_value, whole_of

# How far apart two looks at the clock may be that mean the same moment, in seconds: another
# machine's clock, or a look that was taken before somebody else began the window.
_SKEW_S = 5.0
_LOOKS = 100
# How long an item is kept after it says nothing any more, in seconds: clocks differ.
_SPARE_S = 3600.0


class Counts:
    """The uses of keys.

    Args:
        now: Unix seconds.
    """

    def __init__(self, calls: Calls, *, now: Callable[[], float]) -> None:
        self._calls = calls
        self._now = now

    async def once(self, name: str, ttl_s: float) -> bool:
        """Do what `TurnStore.once` says."""
        now = self._now()
        # By which the first is known again whose call arrives twice.
        own = secrets.token_hex(8)
        item = {
            **_place("K", name),
            "ends": number_value(now + ttl_s),
            "by": {"S": own},
            "exp": _expiry(now + ttl_s),
        }
        try:
            await self._calls.call(
                "PutItem",
                Item=item,
                ConditionExpression="attribute_not_exists(pk) OR ends <= :now OR #by = :own",
                ExpressionAttributeNames={"#by": "by"},
                ExpressionAttributeValues={":now": number_value(now), ":own": {"S": own}},
            )
        except ConditionFailed:
            return False
        return True

    async def count(self, name: str, limit: int, window_s: float) -> float | None:
        """Do what `TurnStore.count` says.

        A use whose call arrives twice may count twice: it is never more than ``limit``.
        """
        if limit <= 0:
            return window_s
        for _ in range(_LOOKS):
            now = self._now()
            latest = now + window_s + _SKEW_S
            try:
                await self._calls.call(
                    "UpdateItem",
                    Key=_place("N", name),
                    UpdateExpression="SET uses = uses + :one",
                    # A window that ends much later than a new one would is from before the clock
                    # was put back.
                    ConditionExpression="ends > :now AND ends <= :end AND uses < :limit",
                    ExpressionAttributeValues={
                        ":one": number_value(1),
                        ":now": number_value(now),
                        ":end": number_value(latest),
                        ":limit": number_value(limit),
                    },
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
                return None
            except ConditionFailed as failed:
                item = failed.item
            until = None if item is None else number_of(item["ends"])
            if until is not None and item is not None and now < until <= latest:
                if whole_of(item["uses"]) >= limit:
                    return min(until - now, window_s)
                continue
            if await self._begin_window(name, now + window_s, was=until):
                return None
        raise StoreUnavailable("a key was counted by others all the time")

    async def _begin_window(self, name: str, until: float, *, was: float | None) -> bool:
        item = {
            **_place("N", name),
            "ends": number_value(until),
            "uses": number_value(1),
            "exp": _expiry(until),
        }
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if was is not None:
            condition = {
                "ConditionExpression": "ends = :was",
                "ExpressionAttributeValues": {":was": number_value(was)},
            }
        try:
            await self._calls.call("PutItem", Item=item, **condition)
        except ConditionFailed:
            return False
        return True


def _place(kind: str, name: str) -> dict[str, Value]:
    # A key may hold what an approval says: nobody has to read it here.
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return key(f"{kind}#{digest}", "KEY")


def _expiry(until: float) -> Value:
    return number_value(math.ceil(until + _SPARE_S))

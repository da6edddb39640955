"""Keys that are used once, in DynamoDB."""

import hashlib
import math
import secrets
from collections.abc import Callable

from app.store.dynamodb_calls import Calls, ConditionFailed
from app.store.dynamodb_items import key
from app.store.dynamodb_values import Value, number_value

# How long an item is kept after it says nothing any more, in seconds: clocks differ.
_SPARE_S = 3600.0


class Marks:
    """Keys that were used.

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
            **hashed_key("K", name),
            "ends": number_value(now + ttl_s),
            "by": {"S": own},
            "exp": expiry(now + ttl_s),
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


def hashed_key(kind: str, name: str) -> dict[str, Value]:
    """Return the key of an item, in which nobody has to read what an approval or a person is."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return key(f"{kind}#{digest}", "KEY")


def expiry(until: float) -> Value:
    """Return when an item may be deleted that says nothing any more from ``until`` on."""
    return number_value(math.ceil(until + _SPARE_S))

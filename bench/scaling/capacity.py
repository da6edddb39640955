"""What DynamoDB takes for an operation, in units that it bills. No I/O.

A write unit is 1 KiB of one item, a read unit 4 KiB of what is read consistently; each is rounded
up for every item, and a query for all that it reads. Within a transaction everything counts twice.
DynamoDBLocal says most of it itself (``ReturnConsumedCapacity``), but of transactions something
else, and of what it does not find, nothing. So these are computed here, and a test holds what can
be compared to what it says.

Sources: Amazon DynamoDB Developer Guide, "DynamoDB read and write operations" (units, what is not
there, conditions that are not met, transactions) and "DynamoDB item sizes and formats".
"""

import base64
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

_WRITE_BYTES = 1024
# As often as in a transaction.
_TWICE = 2
_CONSISTENT, _EVENTUAL = 1.0, 0.5


class Units(NamedTuple):
    """What an operation takes."""

    write: float = 0.0
    read: float = 0.0


def units(
    operation: str,
    request: Mapping[str, Any],
    response: Mapping[str, Any],
    *,
    sizes: Sequence[int] = (),
) -> Units:
    """Return what an operation that was carried out takes.

    Args:
        response: with the ``ConsumedCapacity`` of DynamoDBLocal.
        sizes: of the items that a transaction has updated or deleted, in its order, in bytes.
    """
    match operation:
        case "TransactWriteItems":
            return Units(write=_transaction(request["TransactItems"], sizes))
        case "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem":
            return Units(write=max(1.0, _said(response)))
        case "GetItem" | "Query" | "Scan":
            # What is not there is looked for all the same.
            return Units(read=max(_per_read(request), _said(response)))
        case "BatchGetItem":
            (asked,) = request["RequestItems"].values()
            (found,) = response["Responses"].values()
            missing = len(asked["Keys"]) - len(found)
            return Units(read=_said(response) + missing * _per_read(asked))
    raise ValueError(f"nobody has said what {operation} takes")


def refused_units(operation: str, request: Mapping[str, Any]) -> Units:
    """Return what an operation takes whose condition is not met, for items of up to 1 KiB."""
    parts = _parts(request["TransactItems"]) if operation == "TransactWriteItems" else ()
    return Units(write=float(_TWICE * len(list(parts)) or 1))


def item_size(item: Mapping[str, Any]) -> int:
    """Return the size of an item, in bytes: the names of its attributes count too."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def updated_keys(parts: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the keys of those parts of a transaction that do not bring their whole item."""
    return [part["Key"] for _, part in _parts(parts) if "Key" in part]


def _parts(parts: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for one in parts:
        yield from one.items()


def _transaction(parts: Sequence[Mapping[str, Any]], sizes: Sequence[int]) -> float:
    known = iter(sizes)
    total = 0
    for _, part in _parts(parts):
        size = item_size(part["Item"]) if "Item" in part else next(known)
        total += max(1, math.ceil(size / _WRITE_BYTES))
    return float(_TWICE * total)


def _said(response: Mapping[str, Any]) -> float:
    said = response.get("ConsumedCapacity", ())
    each = [said] if isinstance(said, Mapping) else said
    return float(sum(one["CapacityUnits"] for one in each))


def _per_read(request: Mapping[str, Any]) -> float:
    return _CONSISTENT if request.get("ConsistentRead") else _EVENTUAL


def _value_size(value: Mapping[str, Any]) -> int:
    ((kind, held),) = value.items()
    match kind:
        case "S":
            return len(held.encode("utf-8", "surrogatepass"))
        case "N":
            return _number_size(held)
        case "B":
            return len(base64.b64decode(held))
        case "BOOL" | "NULL":
            return 1
        case "L":
            # Three bytes for the list, and one for each of its items.
            return 3 + sum(1 + _value_size(one) for one in held)
        case "M":
            return 3 + len(held) + item_size(held)
    raise ValueError(f"items of ours hold no {kind}")


def _number_size(text: str) -> int:
    """Return the size of a number: a byte for two digits, one more, and one for its sign."""
    digits = text.lstrip("-").partition("e")[0].replace(".", "").strip("0")
    return max(1, math.ceil(len(digits) / 2)) + 1 + text.startswith("-")

"""What is too large for one item of DynamoDB is written in pages, and named by an item.

Pages are written first. Nobody sees them until the item that names them is there.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.errors import StoreUnavailable
from app.store.dynamodb_calls import Calls
from app.store.dynamodb_items import key
from app.store.dynamodb_values import (
    Item,
    Value,
    bytes_of,
    bytes_value,
    number_value,
    text_of,
    whole_of,
)

# An item has 400 KB at most, its keys and the names of its attributes included.
PAGE_BYTES = 300 * 1024
# What one `BatchWriteItem` takes.
_MOST_WRITES = 25
_WRITE_BYTES = 8 * 1024 * 1024


def page_sk(name: str, number: int) -> str:
    """Return where a page is, in the partition of the item that names it."""
    return f"P#{name}#{number:04d}"


def is_page(item: Item) -> bool:
    """Return whether ``item`` is a page."""
    return text_of(item["sk"]).startswith("P#")


async def write_pages(
    calls: Calls, pk: str, name: str, data: bytes, *, expires: float | None
) -> Mapping[str, Value]:
    """Write ``data``; return the attributes of the item that is to name it.

    Args:
        name: of these very bytes, in this partition.
        expires: when they may be deleted, in Unix seconds; None: only with what names them.
    """
    pieces = [data[start : start + PAGE_BYTES] for start in range(0, len(data), PAGE_BYTES)]
    expiry: Mapping[str, Value] = {} if expires is None else {"exp": number_value(round(expires))}
    writes = [
        {
            "PutRequest": {
                "Item": {**key(pk, page_sk(name, n)), "page": bytes_value(piece), **expiry}
            }
        }
        for n, piece in enumerate(pieces)
    ]
    at_once = _WRITE_BYTES // PAGE_BYTES
    for start in range(0, len(writes), at_once):
        await write_batch(calls, writes[start : start + at_once])
    return {"page": {"S": name}, "pages": number_value(len(pieces))}


def joined(item: Item, pages: Mapping[str, Item]) -> bytes | None:
    """Return what the pages of ``item`` hold; None if ``pages``, by their ``sk``, are not all."""
    name = text_of(item["page"])
    found = [pages.get(page_sk(name, number)) for number in range(whole_of(item["pages"]))]
    if None in found:
        return None
    return b"".join(bytes_of(page["page"]) for page in found if page is not None)


async def delete_items(calls: Calls, keys: Sequence[tuple[str, str]]) -> None:
    """Delete the items of these ``pk`` and ``sk``, as many as there are."""
    writes = [{"DeleteRequest": {"Key": key(pk, sk)}} for pk, sk in keys]
    for start in range(0, len(writes), _MOST_WRITES):
        await write_batch(calls, writes[start : start + _MOST_WRITES])


async def write_batch(calls: Calls, writes: Sequence[Mapping[str, Any]]) -> None:
    """Write up to 25 items, each by itself.

    Raises:
        StoreUnavailable: some were not written.
    """
    for pause_s in (0.05, 0.1, 0.2, 0.4, 0.8):
        if not writes:
            return
        found = await calls.send("BatchWriteItem", {"RequestItems": {calls.table: writes}})
        # What is throttled comes back, and nothing else.
        writes = found.get("UnprocessedItems", {}).get(calls.table, [])
        if writes:
            await asyncio.sleep(pause_s)
    if writes:
        raise StoreUnavailable("BatchWriteItem: throttled")


async def query(
    calls: Calls, pk: str, *, first: str = " ", last: str = "~", keys_only: bool = False
) -> Sequence[Item]:
    """Return all items of a partition whose ``sk`` is from ``first`` to ``last``, in order."""
    items: list[Item] = []
    start: Mapping[str, Any] = {}
    while True:
        found = await calls.call("Query", **between(pk, first, last, keys_only), **start)
        items += found["Items"]
        if "LastEvaluatedKey" not in found:
            return items
        start = {"ExclusiveStartKey": found["LastEvaluatedKey"]}


def between(pk: str, first: str, last: str, keys_only: bool = False) -> dict[str, Any]:
    """Return the parameters of a consistent query of a partition."""
    parameters: dict[str, Any] = {
        "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
        "ExpressionAttributeValues": {
            ":pk": {"S": pk},
            ":first": {"S": first},
            ":last": {"S": last},
        },
        "ConsistentRead": True,
    }
    if keys_only:
        parameters["ProjectionExpression"] = "pk, sk"
    return parameters


def keys_of(items: Sequence[Item]) -> Iterator[tuple[str, str]]:
    """Yield ``pk`` and ``sk`` of each."""
    for item in items:
        yield text_of(item["pk"]), text_of(item["sk"])

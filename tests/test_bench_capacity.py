"""`bench.scaling.capacity`: what DynamoDB takes for an operation, as DynamoDBLocal says it."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from bench.scaling.capacity import Units, item_size, refused_units, units, updated_keys
from tests.store.dynamodb_local import running_dynamodb
from tests.store.dynamodb_tables import REGION, make_table

_TABLE = "capacity"
_TEXTS: Sequence[str] = ("", "x", "x" * 500, "é" * 250, "漢" * 300, "😀" * 200)


def _key(name: str) -> dict[str, Any]:
    return {"pk": {"S": "p"}, "sk": {"S": name}}


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    with running_dynamodb() as url:
        asyncio.run(make_table(url, _TABLE))
        make: Any = boto3.client
        client = make(
            "dynamodb",
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        yield client
        client.close()


def _call(client: Any, operation: str, method: str, request: Mapping[str, Any]) -> Units:
    """Carry it out; return what it takes."""
    response = getattr(client, method)(**request, ReturnConsumedCapacity="TOTAL")
    return units(operation, request, response)


# Sizes


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "é漢"}, 5),
        ({"B": b"AAEC"}, 3),  # as on the wire, in base64
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"N": "0"}, 2),
        ({"N": "7"}, 2),
        ({"N": "-7"}, 3),
        ({"N": "1795287106"}, 6),
        ({"N": "1795287106.25"}, 7),
        ({"N": "100000"}, 2),
        ({"L": []}, 3),
        ({"L": [{"S": "abc"}, {"BOOL": True}]}, 3 + 4 + 2),
        ({"M": {"ab": {"S": "abc"}}}, 3 + 1 + 2 + 3),
    ],
    ids=str,
)
def test_a_value_has_the_size_that_the_guide_says(value: Mapping[str, Any], size: int) -> None:
    assert item_size({"name": value}) == 4 + size


def test_what_our_items_do_not_hold_has_no_size() -> None:
    with pytest.raises(ValueError, match="no SS"):
        item_size({"a": {"SS": ["b"]}})


@pytest.mark.parametrize("kind", ["S", "B", "L", "M"])
def test_dynamodb_counts_the_same_size(dynamodb: Any, kind: str) -> None:
    """A unit more begins at the very byte where it is expected to."""

    def item(length: int) -> dict[str, Any]:
        filler = "x" * length
        values: dict[str, dict[str, Any]] = {
            "S": {"S": filler},
            "B": {"B": filler.encode()},
            "L": {"L": [{"S": "two"}, {"S": filler}]},
            "M": {"M": {"one": {"N": "1795287106"}, "two": {"S": filler}}},
        }
        return {**_key(kind), "data": values[kind], "n": {"N": "12345"}, "flag": {"BOOL": True}}

    def size(length: int) -> int:
        # In base64, as the engine sends it and the counter sees it.
        if kind == "B":
            return item_size({**item(0), "data": {"S": "x" * length}})
        return item_size(item(length))

    full = 1024 - size(0)
    assert size(full) == 1024

    for length, expected in ((full, 1.0), (full + 1, 2.0), (full + 1024, 2.0), (full + 1025, 3.0)):
        dynamodb.delete_item(TableName=_TABLE, Key=_key(kind))
        request: dict[str, Any] = {"TableName": _TABLE, "Item": item(length)}
        assert _call(dynamodb, "PutItem", "put_item", request) == Units(write=expected)


# Operations


def test_a_read_takes_half_if_it_may_be_late_and_something_if_nothing_is_there(
    dynamodb: Any,
) -> None:
    dynamodb.put_item(TableName=_TABLE, Item={**_key("r"), "data": {"S": "x" * 5000}})

    def get(name: str, *, is_consistent: bool) -> float:
        request = {"TableName": _TABLE, "Key": _key(name), "ConsistentRead": is_consistent}
        return _call(dynamodb, "GetItem", "get_item", request).read

    assert (get("r", is_consistent=True), get("r", is_consistent=False)) == (2.0, 1.0)
    assert (get("no", is_consistent=True), get("no", is_consistent=False)) == (1.0, 0.5)


def test_a_query_takes_what_it_reads_together_and_something_if_that_is_nothing(
    dynamodb: Any,
) -> None:
    for n in range(3):
        item = {"pk": {"S": "q"}, "sk": {"S": str(n)}, "data": {"S": "x" * 1500}}
        dynamodb.put_item(TableName=_TABLE, Item=item)

    def query(pk: str) -> float:
        request = {
            "TableName": _TABLE,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": pk}},
            "ConsistentRead": True,
        }
        return _call(dynamodb, "Query", "query", request).read

    assert (query("q"), query("nobody")) == (2.0, 1.0)


def test_a_batch_of_reads_takes_something_for_what_is_not_there(dynamodb: Any) -> None:
    dynamodb.put_item(TableName=_TABLE, Item={**_key("b"), "data": {"S": "x" * 5000}})
    keys = [_key("b"), _key("none")]
    request = {"RequestItems": {_TABLE: {"Keys": keys, "ConsistentRead": True}}}

    assert _call(dynamodb, "BatchGetItem", "batch_get_item", request) == Units(read=3.0)


def test_writes_take_what_they_replace_or_delete_if_that_is_larger(dynamodb: Any) -> None:
    dynamodb.put_item(TableName=_TABLE, Item={**_key("w"), "data": {"S": "x" * 2500}})
    small = {"TableName": _TABLE, "Item": _key("w")}

    assert _call(dynamodb, "PutItem", "put_item", small) == Units(write=3.0)
    delete = {"TableName": _TABLE, "Key": _key("w")}
    assert _call(dynamodb, "DeleteItem", "delete_item", delete) == Units(write=1.0)
    assert _call(dynamodb, "DeleteItem", "delete_item", delete) == Units(write=1.0)


def test_a_transaction_takes_twice_what_each_of_its_items_would(dynamodb: Any) -> None:
    dynamodb.put_item(TableName=_TABLE, Item={**_key("t"), "data": {"S": "x" * 2000}})
    parts: list[dict[str, Any]] = [
        {"Put": {"TableName": _TABLE, "Item": {**_key("new"), "data": {"S": "x" * 1500}}}},
        {
            "Update": {
                "TableName": _TABLE,
                "Key": _key("t"),
                "UpdateExpression": "SET a = :a",
                "ExpressionAttributeValues": {":a": {"S": "b"}},
            }
        },
        {"Put": {"TableName": _TABLE, "Item": _key("small")}},
    ]
    dynamodb.transact_write_items(TransactItems=parts)

    assert updated_keys(parts) == [_key("t")]
    updated = dynamodb.get_item(TableName=_TABLE, Key=_key("t"))["Item"]
    taken = units("TransactWriteItems", {"TransactItems": parts}, {}, sizes=[item_size(updated)])
    alone = [
        _call(dynamodb, "PutItem", "put_item", {"TableName": _TABLE, "Item": item}).write
        for item in (parts[0]["Put"]["Item"], updated, parts[2]["Put"]["Item"])
    ]
    assert taken == Units(write=2 * sum(alone)) == Units(write=2 * (2 + 2 + 1))


def test_a_condition_that_is_not_met_takes_a_write_all_the_same(dynamodb: Any) -> None:
    dynamodb.put_item(TableName=_TABLE, Item=_key("c"))
    request = {
        "TableName": _TABLE,
        "Item": _key("c"),
        "ConditionExpression": "attribute_not_exists(pk)",
    }
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        dynamodb.put_item(**request)

    assert refused_units("PutItem", request) == Units(write=1.0)
    part = {"Put": request}
    refused = refused_units("TransactWriteItems", {"TransactItems": [part, part]})
    assert refused == Units(write=4.0)


def test_what_nobody_has_looked_up_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="UpdateTable"):
        units("UpdateTable", {}, {})

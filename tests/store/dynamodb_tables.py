"""Tables for the tests of the DynamoDB engine."""

import time
from collections.abc import Callable
from typing import Any

from app.aws.credentials import AwsCredentials
from app.aws.endpoint import Endpoint
from app.store.dynamodb import DynamodbStore
from app.store.dynamodb_calls import Calls

REGION = "eu-west-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example-secret-key"}


def calls(url: str, table: str, **options: Any) -> Calls:
    """Return calls of a table at ``url``, patient with a busy machine."""
    options = {"deadline_s": 30.0, "try_s": 15.0, **options}
    return Calls(Endpoint(url, REGION), table, credentials=AwsCredentials(CREDENTIALS), **options)


def dynamodb_store(
    url: str, table: str, *, now: Callable[[], float] = time.time, **options: Any
) -> DynamodbStore:
    """Return a store whose `sweep` sweeps."""
    return DynamodbStore(calls(url, table, now=now), now=now, sweep_s=0, **options)


async def make_table(url: str, table: str) -> None:
    """Make a table as docs/deploy.md says."""
    making = calls(url, table)
    try:
        await making.call(
            "CreateTable",
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        await making.call(
            "UpdateTimeToLive",
            TimeToLiveSpecification={"AttributeName": "exp", "Enabled": True},
        )
    finally:
        await making.aclose()

"""Calls of DynamoDB: what is repeated, for how long, and what is said of a failure."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from app.aws.credentials import AwsCredentials
from app.aws.endpoint import Endpoint
from app.errors import StoreUnavailable
from app.store.dynamodb_calls import Calls, ConditionFailed, TransactionRefused
from app.store.dynamodb_items import key
from tests.store.dynamodb_tables import CREDENTIALS, REGION, calls, make_table
from tests.store.fault_proxy import Fault, FaultProxy

_PLACE = key("pk", "sk")


@pytest.fixture
async def proxy(dynamodb: str) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(dynamodb).listen() as proxy:
        yield proxy


@pytest.fixture
async def table(dynamodb: str, request: pytest.FixtureRequest) -> str:
    name = f"calls-{abs(hash(request.node.name))}"
    await make_table(dynamodb, name)
    return name


@pytest.mark.parametrize(
    "fault", ["throttled", "500", "cut", "lost", "conflict", "expired", "garbage"]
)
async def test_what_passes_is_repeated(fault: Fault, proxy: FaultProxy, table: str) -> None:
    proxy.first(3, fault)

    async with aclosing(calls(proxy.url, table)) as own:
        await own.call("PutItem", Item=_PLACE)
        found = await own.call("GetItem", Key=_PLACE, ConsistentRead=True)

    assert found["Item"] == _PLACE
    assert proxy.operations == ["PutItem"] * 4 + ["GetItem"]


async def test_who_does_not_respond_is_asked_again(proxy: FaultProxy, table: str) -> None:
    proxy.first(1, "silent")

    async with aclosing(calls(proxy.url, table, try_s=0.3)) as own:
        await own.call("GetItem", Key=_PLACE)

    assert proxy.operations == ["GetItem"] * 2


async def test_nothing_is_repeated_for_ever(
    proxy: FaultProxy, table: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with aclosing(calls(proxy.url, table, deadline_s=0.5)) as own:
        for fault in ("throttled", "500", "cut", "silent"):
            proxy.always(fault)
            started = time.monotonic()
            with pytest.raises(StoreUnavailable):
                await own.call("GetItem", Key=_PLACE)
            assert time.monotonic() - started < 3

    assert len(proxy.operations) > 6
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == "DynamoDB cannot be used: GetItem: ThrottlingException (status 400)"


async def test_pauses_grow_and_differ(proxy: FaultProxy, table: str) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    proxy.first(60, "throttled")
    async with aclosing(calls(proxy.url, table, sleep=sleep)) as own:
        await own.call("GetItem", Key=_PLACE)

    assert len(pauses) == len({round(pause, 9) for pause in pauses}) == 60
    assert max(pauses[:1]) <= 0.05
    assert 0.4 < max(pauses) <= 0.8


async def test_a_transaction_that_arrives_twice_is_carried_out_once(
    proxy: FaultProxy, table: str
) -> None:
    absent = {"ConditionExpression": "attribute_not_exists(pk)"}
    proxy.first(2, "lost", "TransactWriteItems")

    async with aclosing(calls(proxy.url, table)) as own:
        await own.transact([{"Put": {"Item": _PLACE, **absent}}])
        with pytest.raises(TransactionRefused) as refused:
            await own.transact(
                [{"Put": {"Item": key("pk", "other")}}, {"Put": {"Item": _PLACE, **absent}}]
            )
        found = await own.call("GetItem", Key=key("pk", "other"), ConsistentRead=True)

    assert refused.value.failed == [1]
    assert "Item" not in found


async def test_a_condition_says_what_is_there(proxy: FaultProxy, table: str) -> None:
    async with aclosing(calls(proxy.url, table)) as own:
        await own.call("PutItem", Item={**_PLACE, "n": {"N": "1"}})

        for more, item in (
            ({}, None),
            (
                {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"},
                {**_PLACE, "n": {"N": "1"}},
            ),
        ):
            with pytest.raises(ConditionFailed) as failed:
                await own.call(
                    "PutItem",
                    Item=_PLACE,
                    ConditionExpression="attribute_not_exists(pk)",
                    **more,
                )
            assert failed.value.item == item


async def test_a_table_that_is_not_there_is_named_once_a_minute(
    dynamodb: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with aclosing(calls(dynamodb, "nowhere")) as own:
        for _ in range(3):
            with pytest.raises(StoreUnavailable) as raised:
                await own.call("GetItem", Key=_PLACE)

    assert "password" not in raised.value.public_message
    (line,) = [record.getMessage() for record in caplog.records]
    assert "there is no table nowhere in this region: make it, or correct CHAT_STORE" in line


async def test_missing_rights_are_said_at_once(
    proxy: FaultProxy, table: str, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.always("denied")
    async with aclosing(calls(proxy.url, table)) as own:
        with pytest.raises(StoreUnavailable, match="AccessDeniedException"):
            await own.call("GetItem", Key=_PLACE)

    assert proxy.operations == ["GetItem"]
    assert "docs/deploy.md has the policy" in caplog.text


async def test_without_credentials_nothing_is_sent(proxy: FaultProxy) -> None:
    class Nobody(AwsCredentials):
        async def get(self) -> None:
            return None

    own = Calls(Endpoint(proxy.url, REGION), "chats", credentials=Nobody({}))
    async with aclosing(own):
        with pytest.raises(StoreUnavailable, match="no AWS credentials"):
            await own.call("GetItem", Key=_PLACE)

    assert proxy.operations == []


async def test_credentials_that_cannot_be_got_may_come(proxy: FaultProxy, table: str) -> None:
    environ: dict[str, str] = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/"}

    async def sleep(seconds: float) -> None:
        environ.update(CREDENTIALS)

    own = Calls(
        Endpoint(proxy.url, REGION), table, credentials=AwsCredentials(environ), sleep=sleep
    )
    async with aclosing(own):
        await own.call("GetItem", Key=_PLACE)

    assert proxy.operations == ["GetItem"]


async def test_a_signature_is_that_of_the_sdk() -> None:
    """DynamoDBLocal and moto take any signature; AWS does not."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    credentials = AwsCredentials({**CREDENTIALS, "AWS_SESSION_TOKEN": "session-token"})
    own = Calls(Endpoint(url, REGION), "chats", credentials=credentials)
    async with server, aclosing(own):
        await own.call("GetItem", Key=_PLACE)

    sent = _headers(heads[0])
    body = json.dumps({"TableName": "chats", "Key": _PLACE}, separators=(",", ":")).encode()
    request = AWSRequest(
        "POST",
        f"{url}/",
        headers={name: sent[name] for name in ("content-type", "x-amz-target")},
        data=body,
    )
    request.context["timestamp"] = sent["x-amz-date"]
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    keys = BotoCredentials(CREDENTIALS[names[0]], CREDENTIALS[names[1]], "session-token")
    signer = SigV4Auth(keys, "dynamodb", REGION)
    request.headers["X-Amz-Date"] = sent["x-amz-date"]
    request.headers["X-Amz-Security-Token"] = "session-token"
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert sent["authorization"].endswith(signer.signature(text, request))
    assert sent["x-amz-security-token"] == "session-token"
    assert sent["x-amz-target"] == "DynamoDB_20120810.GetItem"


def _headers(head: bytes) -> Mapping[str, str]:
    lines = head.decode().split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines if line)


async def test_nothing_of_an_item_is_logged(
    proxy: FaultProxy, table: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with aclosing(calls(proxy.url, table, deadline_s=0.2)) as own:
        proxy.always("500")
        with pytest.raises(StoreUnavailable):
            await own.call("PutItem", Item={**_PLACE, "text": {"S": "Dear diary"}})
        proxy.always("none")
        with pytest.raises(StoreUnavailable):
            await own.call("PutItem", Item={"text": {"S": "Dear diary"}})

    assert "Dear diary" not in caplog.text

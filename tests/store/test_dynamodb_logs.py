"""Logs in DynamoDB: what is in its items, and that nothing gets behind an end."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from app.store.checks.stores import Clock, answer, batch, begun, finished, log
from app.store.dynamodb import DynamodbStore
from app.store.dynamodb_items import seq_sk, turn_pk
from app.store.dynamodb_logs import RUNNING_S
from app.store.dynamodb_pages import query
from app.store.dynamodb_values import text_of, whole_of
from app.store.store import Batch, TurnHead
from tests.store.dynamodb_tables import calls, dynamodb_store, make_table
from tests.store.fault_proxy import FaultProxy


@pytest.fixture
async def table(dynamodb: str, request: pytest.FixtureRequest) -> str:
    name = f"logs-{abs(hash(request.node.name))}"
    await make_table(dynamodb, name)
    return name


@pytest.fixture
async def store(dynamodb: str, table: str) -> AsyncIterator[DynamodbStore]:
    async with aclosing(dynamodb_store(dynamodb, table)) as store:
        yield store


async def test_batches_that_come_together_share_an_item(
    dynamodb: str, table: str, store: DynamodbStore
) -> None:
    own = await begun(store)
    await store.append([batch(own, seq) for seq in range(1, 41)], beating=[])
    await store.append([batch(own, 41)], beating=[])

    async with aclosing(calls(dynamodb, table)) as raw:
        items = await query(raw, turn_pk(own.id), last=seq_sk(999_999))

    assert [(text_of(i["sk"]), whole_of(i["count"])) for i in items] == [
        ("000001", 32),
        ("000033", 8),
        ("000041", 1),
    ]


async def test_no_item_is_too_large(dynamodb: str, table: str, store: DynamodbStore) -> None:
    own = await begun(store)
    batches = [batch(own, seq, bytes([seq]) * 200_000) for seq in range(1, 6)]
    batches += [batch(own, 6, b"x" * 2_500_000), batch(own, 7)]

    await store.append(batches, beating=[])

    async with aclosing(dynamodb_store(dynamodb, table)) as other:
        assert await log(other, own.id) == batches
        assert await log(other, own.id, after=6) == [batches[6]]
        assert await store.end(own.id, "finished", last=batch(own, 8), message=None, ended_at=1.0)
        assert len(await log(other, own.id)) == 8


async def test_an_end_may_be_larger_than_a_transaction(
    dynamodb: str, table: str, store: DynamodbStore
) -> None:
    own = await begun(store)
    text = "".join(hashlib.sha256(b"%d" % n).hexdigest() for n in range(80_000))
    last = batch(own, 1, text.encode())

    assert await store.end(own.id, "finished", last=last, message=answer("m", text), ended_at=1.0)

    async with aclosing(dynamodb_store(dynamodb, table)) as other:
        assert await log(other, own.id) == [last]
        chat = await other.chat(own.owner, own.chat_id)
        assert chat is not None
        assert chat.messages == [answer("m", text)]
        # And it is known again.
        assert await other.end(
            own.id, "finished", last=last, message=answer("m", text), ended_at=1.0
        )


async def test_a_reader_may_stand_in_the_middle_of_an_item(
    dynamodb: str, table: str, store: DynamodbStore
) -> None:
    own = await begun(store)
    batches = [batch(own, seq) for seq in range(1, 11)]
    await store.append(batches, beating=[])

    for after in range(11):
        async with aclosing(dynamodb_store(dynamodb, table)) as other:
            assert await log(other, own.id, after) == batches[after:]


async def test_what_was_written_and_not_confirmed_is_not_written_twice(
    dynamodb: str, table: str
) -> None:
    async with (
        FaultProxy(dynamodb).listen() as proxy,
        aclosing(dynamodb_store(proxy.url, table)) as store,
    ):
        own = await begun(store)
        proxy.first(1, "lost", "PutItem")
        await store.append([batch(own, 1), batch(own, 2)], beating=[])
        proxy.first(1, "lost", "PutItem")
        await store.append([batch(own, seq) for seq in (2, 3, 4)], beating=[own.id])

        assert await log(store, own.id) == [batch(own, seq) for seq in (1, 2, 3, 4)]


async def test_what_meets_an_end_is_behind_it_or_in_it(
    dynamodb: str, table: str, store: DynamodbStore
) -> None:
    """Whoever is told that a batch is written finds it in the log, whatever happens beside it."""
    async with aclosing(dynamodb_store(dynamodb, table)) as other:
        for number in range(20):
            own = await begun(store)
            await store.append([batch(own, 1)], beating=[])
            last = batch(own, 2, b"the end") if number % 2 else None
            result, has_ended = await asyncio.gather(
                store.append([batch(own, 2)], beating=[]),
                other.end(own.id, "lost", last=last, message=None, ended_at=1.0),
            )

            written = await log(other, own.id)
            if result == {}:
                assert written[:2] == [batch(own, 1), batch(own, 2)]
            elif has_ended:
                assert written == [batch(own, 1), *([last] if last else [])]


async def test_what_a_dead_writer_left_behind_the_end_is_not_seen(
    dynamodb: str, table: str, store: DynamodbStore
) -> None:
    own = await begun(store)
    async with aclosing(dynamodb_store(dynamodb, table)) as other:
        assert await other.end(
            own.id, "lost", last=batch(own, 1, b"end"), message=None, ended_at=1.0
        )

        # This store has not heard of it.
        result = await store.append([Batch(own.id, 1, b"1"), Batch(own.id, 2, b"2")], beating=[])

        assert result == {own.id: None}
        assert await log(other, own.id) == [batch(own, 1, b"end")]


async def test_what_has_expired_is_gone_before_dynamodb_deletes_it(
    dynamodb: str, table: str
) -> None:
    clock = Clock()
    async with aclosing(dynamodb_store(dynamodb, table, now=clock, keep_s=600.0)) as store:
        ended, silent, beating = [await begun(store) for _ in range(3)]
        await finished(store, ended)

        clock.move(599)
        assert await store.fetch(ended.id) is not None
        clock.move(2)
        assert await store.fetch(ended.id) is None
        assert await store.turn(ended.owner, ended.id) is None
        chat = await store.chat(ended.owner, ended.chat_id)
        assert chat is not None
        assert chat.turn is None

        clock.move(RUNNING_S - 700)
        await store.append([], beating=[beating.id])
        clock.move(200)
        assert await store.fetch(silent.id) is None
        assert await store.head(beating.owner, beating.chat_id) is not None
        assert await _begins_again(store, silent)


async def _begins_again(store: DynamodbStore, own: TurnHead) -> bool:
    again = await begun(store, owner=own.owner, chat=own.chat_id)
    return await store.head(own.owner, own.chat_id) == again

"""The DynamoDB engine: what its promises do not say."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing

import pytest

from app.errors import StoreUnavailable
from app.store.checks.stores import answer, batch, begun, finished, head, messages_of, new, user
from app.store.dynamodb import DynamodbStore
from app.store.dynamodb_items import chat_pk
from app.store.dynamodb_pages import keys_of, query
from app.store.store import Begun, Chat, TurnHead, UIMessage
from tests.store.dynamodb_tables import calls, dynamodb_store, make_table
from tests.store.fault_proxy import Fault, FaultProxy


@pytest.fixture
async def table(dynamodb: str, request: pytest.FixtureRequest) -> str:
    name = f"engine-{abs(hash(request.node.name))}"
    await make_table(dynamodb, name)
    return name


@pytest.fixture
async def proxy(dynamodb: str) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(dynamodb).listen() as proxy:
        yield proxy


@pytest.fixture
async def store(proxy: FaultProxy, table: str) -> AsyncIterator[DynamodbStore]:
    async with aclosing(dynamodb_store(proxy.url, table)) as store:
        yield store


async def _all_keys(proxy: FaultProxy, table: str) -> set[str]:
    async with aclosing(calls(proxy.url, table)) as raw:
        found = await raw.call("Scan")
    return {f"{item['pk']['S']} {item['sk']['S']}" for item in found["Items"]}


async def _said(
    store: DynamodbStore, own: TurnHead, keep: int, messages: Sequence[UIMessage]
) -> TurnHead:
    chat = await store.chat(own.owner, own.chat_id)
    assert chat is not None
    following = head(own.owner, own.chat_id)
    assert Begun() == await store.begin(
        following, revision=chat.revision, keep=keep, messages=messages
    )
    return following


async def test_nothing_is_left_of_a_deleted_chat(
    proxy: FaultProxy, table: str, store: DynamodbStore
) -> None:
    own = await begun(store, messages=[user()])
    await store.append([batch(own, 1), batch(own, 2, b"x" * 700_000)], beating=[])
    await finished(store, own, answer("m", "long" * 200_000))
    second = await _said(store, own, 2, [user()])
    await finished(store, second)
    assert len(await _all_keys(proxy, table)) > 10

    await store.delete(own.owner, own.chat_id)

    assert await _all_keys(proxy, table) == set()


async def test_a_deletion_that_broke_off_is_completed(
    proxy: FaultProxy, table: str, store: DynamodbStore
) -> None:
    async def by_deleting(own: TurnHead) -> None:
        await store.delete(own.owner, own.chat_id)

    async def by_the_sweep(own: TurnHead) -> None:
        await store.sweep(0.0, keep_s=1e9, history_s=None)

    for complete in (by_deleting, by_the_sweep):
        own = await begun(store, messages=[user()])
        await finished(store, own, answer("m"))
        proxy.first(10_000, "denied", "BatchWriteItem")
        with pytest.raises(StoreUnavailable):
            await store.delete(own.owner, own.chat_id)
        proxy.always("none")
        # Hidden at once, though it is all there.
        assert await store.chat(own.owner, own.chat_id) is None
        assert await store.turn(own.owner, own.id) is None
        assert list(await store.chats(own.owner, before=None, limit=9)) == []
        assert await store.owners() == []
        assert await _all_keys(proxy, table) != set()

        await complete(own)

        assert await _all_keys(proxy, table) == set()


async def test_a_chat_is_made_again_where_a_deletion_broke_off(
    proxy: FaultProxy, store: DynamodbStore
) -> None:
    own = await begun(store, messages=[user("Old"), user("Older")])
    await finished(store, own)
    proxy.first(10_000, "denied", "BatchWriteItem")
    with pytest.raises(StoreUnavailable):
        await store.delete(own.owner, own.chat_id)
    proxy.always("none")
    question = user("New")

    again = await begun(store, owner=own.owner, chat=own.chat_id, messages=[question])

    assert await messages_of(store, again) == [question]
    assert await store.turn(own.owner, own.id) is None


async def test_what_was_cut_off_is_deleted(
    proxy: FaultProxy, table: str, store: DynamodbStore
) -> None:
    questions = [user(text) for text in ("first", "second", "third")]
    own = await begun(store, messages=questions[:1])
    await finished(store, own, answer("m1"))
    own = await _said(store, own, 2, questions[1:2])
    await finished(store, own, answer("m2", "large" * 100_000))

    own = await _said(store, own, 1, questions[2:])
    aside = [t for t in asyncio.all_tasks() if t.get_name() == "delete what is overwritten"]
    await asyncio.gather(*aside)

    assert await messages_of(store, own) == [questions[0], questions[2]]
    async with aclosing(calls(proxy.url, table)) as raw:
        items = await query(raw, chat_pk(own.owner, own.chat_id))
    # The first question, and the change that has cut and added.
    assert [sk[:2] for _, sk in keys_of(items)] == ["M#", "M#", "TU"]


async def test_a_message_that_becomes_the_last_is_replaced_by_its_own_id(
    store: DynamodbStore,
) -> None:
    question, half = user(), answer("m", "half")
    own = await begun(store, messages=[question, half, user("cut off")])
    await finished(store, own)

    own = await _said(store, own, 2, [])
    await finished(store, own, answer("m", "whole"))

    assert await messages_of(store, own) == [question, answer("m", "whole")]


@pytest.mark.parametrize(
    "call",
    [
        lambda store, own: store.begin(
            head(own.owner, new("chat")), revision=0, keep=0, messages=[user()]
        ),
        lambda store, own: store.append([batch(own, 1)], beating=[own.id]),
        lambda store, own: store.end(
            own.id, "finished", last=batch(own, 1), message=answer("m"), ended_at=1.0
        ),
        lambda store, own: store.chat(own.owner, own.chat_id),
        lambda store, own: store.delete(own.owner, own.chat_id),
    ],
    ids=["begin", "append", "end", "chat", "delete"],
)
async def test_every_call_outlives_every_fault(
    call: Callable[[DynamodbStore, TurnHead], Awaitable[object]],
    proxy: FaultProxy,
    store: DynamodbStore,
) -> None:
    faults: tuple[Fault, ...] = ("throttled", "500", "cut", "lost")
    for fault in faults:
        own = await begun(store, messages=[user()])
        proxy.every_second(fault)
        result = await call(store, own)
        proxy.always("none")

        assert result in (Begun(), {}, True) or isinstance(result, Chat | TurnHead)


async def test_a_lost_response_changes_no_result(proxy: FaultProxy, store: DynamodbStore) -> None:
    proxy.first(1, "lost", "TransactWriteItems")
    own = await begun(store, messages=[user()])  # which says that it has begun, and not `Busy`
    proxy.first(1, "lost", "PutItem")
    assert await store.once(own.id, 60.0)
    assert not await store.once(own.id, 60.0)
    proxy.first(1, "lost", "TransactWriteItems")
    assert await store.end(own.id, "finished", last=None, message=answer("m"), ended_at=1.0)
    assert len(await messages_of(store, own)) == 2


async def test_one_process_sweeps_for_all(proxy: FaultProxy, table: str) -> None:
    stores = [DynamodbStore(calls(proxy.url, table)) for _ in range(5)]
    for _ in range(3):
        for store in stores:
            await store.sweep(1e9, keep_s=600.0, history_s=None)
    for store in stores:
        await store.aclose()

    assert proxy.operations.count("Scan") == 1
    # Each asked once.
    assert proxy.operations.count("PutItem") == 5


async def test_a_list_skips_what_is_being_deleted(proxy: FaultProxy, store: DynamodbStore) -> None:
    owner = new("owner")
    owns = [await begun(store, owner=owner) for _ in range(230)]

    found = await store.chats(owner, before=None, limit=225)

    assert [chat.id for chat in found] == [own.chat_id for own in reversed(owns)][:225]
    assert proxy.operations.count("BatchGetItem") == 3

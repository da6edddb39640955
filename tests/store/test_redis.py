"""The engine in Redis, against a real server."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from app.store.conformance import CHECKS, Check, Stores
from app.store.redis import RedisStore
from app.store.redis_url import parse_url
from tests.redis_server import RedisServer, needs_redis, redis_server

pytestmark = [needs_redis, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[RedisServer]:
    async with redis_server() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def stores(server: RedisServer) -> AsyncIterator[Stores]:
    here, there = (RedisStore(parse_url(server.url)) for _ in range(2))
    yield Stores(here=here, there=there)
    await here.aclose()
    await there.aclose()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_redis_keeps_its_promises(check: Check, stores: Stores) -> None:
    await check(stores)

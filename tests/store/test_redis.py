"""The engine in Redis, against real servers: one alone, and three that are a cluster."""

import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from app.store.conformance import CHECKS, Check, Stores
from app.store.redis import RedisStore
from app.store.redis_url import parse_url
from tests.redis_server import needs_redis, redis_cluster, redis_server

pytestmark = [needs_redis, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]


class _Pair:
    """Two stores that are opened once: a cluster tells each new client all its commands."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stores: Stores | None = None

    async def opened(self) -> Stores:
        if self._stores is None:
            here, there = (RedisStore(parse_url(self._url)) for _ in range(2))
            for store in (here, there):
                await store.head("", "")  # some checks know how late it is
            self._stores = Stores(here=here, there=there)
        return self._stores

    async def aclose(self) -> None:
        if self._stores is not None:
            await self._stores.here.aclose()
            await self._stores.there.aclose()
            self._stores = None


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["one", "cluster"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[_Pair]:
    async with contextlib.AsyncExitStack() as stack:
        if request.param == "one":
            url = (await stack.enter_async_context(redis_server())).url
        else:
            url = (await stack.enter_async_context(redis_cluster()))[0].url
        pair = _Pair(url)
        yield pair
        await pair.aclose()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_redis_keeps_its_promises(check: Check, pair: _Pair) -> None:
    await check(await pair.opened())

    if "clos" in check.__name__:
        await pair.aclose()

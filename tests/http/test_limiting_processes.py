"""Limits over three server processes that share a store, one of which may die."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest
import pytest_asyncio

from app.scripted_model.control import Control
from tests.chatting import Reader, ui_body
from tests.redis_server import needs_redis, redis_server
from tests.server_process import Running, serving
from tests.store.dynamodb_tables import CREDENTIALS, REGION, make_table

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

STALL = "scenario: stall after=2 gate=never"
LIMIT = 17
_BURST = 200


class Fleet(NamedTuple):
    servers: list[Running]
    clients: list[httpx2.AsyncClient]


@pytest_asyncio.fixture(params=["sqlite", pytest.param("redis", marks=needs_redis), "dynamodb"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Mapping[str, str]]:
    """Give the environment of servers on one store."""
    match request.param:
        case "sqlite":
            yield {"CHAT_STORE": f"sqlite:{tmp_path / 'chats.db'}"}
        case "redis":
            async with redis_server() as server:
                yield {"CHAT_STORE": server.url}
        case _:
            url = request.getfixturevalue("dynamodb")
            table = request.node.originalname
            await make_table(url, table)
            yield {
                "CHAT_STORE": f"dynamodb:{table}",
                "AWS_ENDPOINT_URL_DYNAMODB": url,
                "AWS_REGION": REGION,
                **CREDENTIALS,
            }


async def _fleet(stack: AsyncExitStack, size: int = 3, /, **environment: str) -> Fleet:
    servers = await asyncio.gather(
        *(stack.enter_async_context(serving(**environment)) for _ in range(size))
    )
    clients = [
        await stack.enter_async_context(httpx2.AsyncClient(base_url=server.url, timeout=60))
        for server in servers
    ]
    return Fleet(list(servers), clients)


def _asked(text: str, number: int) -> Any:
    body = ui_body(text)
    body["id"] = f"c{number}"
    return body


async def _limits(http: httpx2.AsyncClient) -> Mapping[str, Any]:
    """Return what the server says of the limits, as soon as the store lets it know."""
    async with asyncio.timeout(20):
        while "limits" not in (me := (await http.get("/api/me")).json()):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    limits: Mapping[str, Any] = me["limits"]
    return limits


async def _running(http: httpx2.AsyncClient) -> int:
    return int((await _limits(http))["runningTurns"]["used"])


async def _until_running(http: httpx2.AsyncClient, wanted: int, *, within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while await _running(http) != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def _used(http: httpx2.AsyncClient) -> int:
    return int((await _limits(http))["tokensPerDay"]["used"])


async def _until_used(http: httpx2.AsyncClient, tokens: int) -> None:
    async with asyncio.timeout(20):
        while await _used(http) < tokens:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_burst_over_three_processes_admits_exactly_the_limit(
    model: str, store: Mapping[str, str]
) -> None:
    limits = {"CHAT_TURNS_PER_MINUTE": str(LIMIT), "CHAT_LIMITS_FAIL": "closed"}
    async with AsyncExitStack() as stack:
        fleet = await _fleet(stack, OPENAI_BASE_URL=model, **store, **limits)
        # Of more at once DynamoDBLocal on a busy machine answers some too late.
        is_dynamodb = store["CHAT_STORE"].startswith("dynamodb:")
        at_once = asyncio.Semaphore(24 if is_dynamodb else _BURST)

        async def post(number: int) -> httpx2.Response:
            asked = _asked("scenario: say text=Hi", number)
            async with at_once:
                return await fleet.clients[number % 3].post("/api/chat", json=asked)

        responses = await asyncio.gather(*map(post, range(_BURST)))
        used = [await _limits(http) for http in fleet.clients]

    assert Counter(response.status_code for response in responses) == {
        200: LIMIT,
        429: _BURST - LIMIT,
    }
    left = [
        int(response.headers["x-ratelimit-remaining"])
        for response in responses
        if response.status_code == 200
    ]
    assert sorted(left) == list(range(LIMIT))
    assert {one["turnsPerMinute"]["used"] for one in used} == {LIMIT}


async def test_the_places_of_a_killed_process_come_back(
    model: str, store: Mapping[str, str], control: Control
) -> None:
    limits = {"CHAT_RUNNING_TURNS_PER_OWNER": "4", "CHAT_LIMITS_FAIL": "closed"}
    async with AsyncExitStack() as stack:
        fleet = await _fleet(stack, OPENAI_BASE_URL=model, **store, **limits)
        dying, *living = fleet.clients

        async def post(http: httpx2.AsyncClient, number: int) -> Reader | None:
            """Return the reader of an answer that goes on, or None if it is refused."""
            request = http.build_request("POST", "/api/chat", json=_asked(STALL, number))
            response = await http.send(request, stream=True)
            stack.push_async_callback(response.aclose)
            if response.status_code == 429:
                return None
            assert response.status_code == 200
            reader = Reader(response)
            await reader.until(b"word1")
            return reader

        held = [await post(http, number) for number, http in enumerate((dying, dying, dying))]
        assert all(held)
        more = await asyncio.gather(*(post(living[n % 2], 10 + n) for n in range(12)))
        assert len([reader for reader in more if reader is not None]) == 1
        assert await _running(living[0]) == 4

        # Longer than a lease lasts: what runs goes on to count.
        await asyncio.sleep(21)
        assert await _running(living[1]) == 4
        fleet.servers[0].process.send_signal(signal.SIGKILL)
        await _until_running(living[1], 1, within_s=40)

        again = await asyncio.gather(*(post(living[n % 2], 50 + n) for n in range(12)))
        assert len([reader for reader in again if reader is not None]) == 3


async def test_the_tokens_of_a_day_are_those_of_all_processes(
    model: str, store: Mapping[str, str]
) -> None:
    limits = {"CHAT_TOKENS_PER_DAY": "150", "CHAT_LIMITS_FAIL": "closed"}
    async with AsyncExitStack() as stack:
        fleet = await _fleet(stack, OPENAI_BASE_URL=model, **store, **limits)
        used, answered = 0, 0
        for number in range(100):
            http = fleet.clients[number % 3]
            body = {**_asked("scenario: text tokens=20", number), "stream": False}
            response = await http.post("/api/chat", json=body)
            if response.status_code == 429:
                break
            answered += 1
            used += response.json()["usage"]["totalTokens"]
            await _until_used(http, used)
        told = [await _used(http) for http in fleet.clients]

    assert response.status_code == 429
    assert used >= 150 > used - used / answered
    assert told == [used] * 3


async def test_a_server_that_is_told_to_stop_gives_its_places_back(
    model: str, store: Mapping[str, str]
) -> None:
    limits = {"CHAT_RUNNING_TURNS_PER_OWNER": "4", "CHAT_TOKENS_PER_DAY": "1000000"}
    async with AsyncExitStack() as stack:
        fleet = await _fleet(stack, 2, OPENAI_BASE_URL=model, **store, **limits)
        async with fleet.clients[0].stream("POST", "/api/chat", json=_asked(STALL, 1)) as response:
            reader = Reader(response)
            await reader.until(b"word1")
            assert await _running(fleet.clients[1]) == 1
            fleet.servers[0].process.send_signal(signal.SIGTERM)
            await reader.rest()
            await fleet.servers[0].process.wait()

        # At once, and not when its lease ends.
        assert await _running(fleet.clients[1]) == 0

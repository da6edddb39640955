"""Limits under `python -m app serve`: whose word on an address counts, and what workers share."""

import asyncio

import httpx2
import pytest

from tests.chatting import data_body
from tests.server_process import serving

pytestmark = [pytest.mark.real, pytest.mark.timeout(60)]

SAID = data_body("scenario: say text=Hi")


async def _statuses(url: str, *forwarded: str) -> list[int]:
    async with httpx2.AsyncClient(base_url=url, timeout=20) as http:
        return [
            (
                await http.post("/api/chat", json=SAID, headers={"x-forwarded-for": address})
            ).status_code
            for address in forwarded
        ]


async def test_an_address_that_a_client_sends_itself_is_not_believed(model: str) -> None:
    async with serving(
        OPENAI_BASE_URL=model, CHAT_TURNS_PER_MINUTE="1", FORWARDED_ALLOW_IPS="192.0.2.1"
    ) as server:
        assert await _statuses(server.url, "203.0.113.7", "203.0.113.8") == [200, 429]


async def test_the_address_that_a_trusted_proxy_says_is_believed(model: str) -> None:
    async with serving(
        OPENAI_BASE_URL=model, CHAT_TURNS_PER_MINUTE="1", FORWARDED_ALLOW_IPS="127.0.0.0/8,10.0.0.1"
    ) as server:
        statuses = await _statuses(
            server.url,
            "203.0.113.7",
            "203.0.113.8",
            # What stands before it is the client's own; 10.0.0.1 is another proxy.
            "198.51.100.9, 203.0.113.7",
            "203.0.113.7, 10.0.0.1",
        )

    assert statuses == [200, 200, 429, 429]


async def test_workers_share_what_they_count(model: str, tmp_path: object) -> None:
    async with (
        serving(
            "--workers",
            "2",
            OPENAI_BASE_URL=model,
            CHAT_TURNS_PER_MINUTE="5",
            CHAT_STORE=f"sqlite:{tmp_path}/chats.db",
        ) as server,
        httpx2.AsyncClient(base_url=server.url, timeout=20) as http,
    ):
        responses = await asyncio.gather(
            *(http.post("/api/completion", json={"prompt": "Hi"}) for _ in range(30))
        )

    assert sorted(one.status_code for one in responses) == [200] * 5 + [429] * 25


async def test_workers_without_a_store_that_they_share_do_not_start(model: str) -> None:
    with pytest.raises(AssertionError, match="Limits need a store with CHAT_WORKERS above 1"):
        async with serving("--workers", "2", OPENAI_BASE_URL=model, CHAT_TURNS_PER_MINUTE="5"):
            pass

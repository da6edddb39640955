"""The public port: pages on this machine may use it."""

import asyncio

import httpx2
import pytest

from tests.emulator.emulation import (
    INVOKE,
    PATIENCE_S,
    emulator,
    post,
)

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


async def test_a_page_on_this_machine_may_invoke_and_another_may_not() -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "x-a"}
    async with emulator() as running, httpx2.AsyncClient(timeout=PATIENCE_S) as client:
        local = {"origin": "http://localhost:5173"}
        allowed = await client.options(running.url + INVOKE, headers={**local, **asked})
        response = await post(running, INVOKE, {"chunks": ["x"]}, local)
        foreign = {"origin": "https://example.com"}
        refused = await client.options(running.url + INVOKE, headers={**foreign, **asked})

    assert allowed.headers["access-control-allow-origin"] == "http://localhost:5173"
    assert allowed.headers["access-control-allow-methods"] == "POST"
    assert allowed.headers["access-control-allow-headers"] == "x-a"
    assert response.headers["access-control-allow-origin"] == "http://localhost:5173"
    assert "access-control-allow-origin" not in refused.headers


async def test_a_head_of_more_than_64_kib_is_refused_before_it_is_complete() -> None:
    async with emulator() as running, asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", int(running.url.rpartition(":")[2])
        )
        writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"x" * 200 * 1024)

        status_line = await reader.readline()
        writer.transport.abort()

    assert status_line.split()[1] == b"400"

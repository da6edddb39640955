"""What runs for a client ends with its connection."""

import asyncio

import pytest
from starlette.requests import Request
from starlette.types import Message

from app.http.disconnect import ClientLeft, first_of, unless_left, watch
from app.http.own_server import OWN_SERVER


class Connection:
    """A client whose leaving the test decides."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.asked = asyncio.Event()

    async def receive(self) -> Message:
        self.asked.set()
        await self.left.wait()
        return {"type": "http.disconnect"}

    def request(self) -> Request:
        return Request({"type": "http"}, self.receive)


async def test_a_client_that_stays_gets_the_result() -> None:
    connection = Connection()

    async def work() -> int:
        await connection.asked.wait()
        return 7

    assert await unless_left(connection.request(), work()) == 7


async def test_a_client_that_leaves_cancels_the_work_and_waits_for_its_end() -> None:
    connection = Connection()
    ended = False

    async def work() -> None:
        nonlocal ended
        connection.left.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended = True

    with pytest.raises(ClientLeft):
        await unless_left(connection.request(), work())

    assert ended


async def test_what_the_work_raises_is_raised() -> None:
    async def work() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await unless_left(Connection().request(), work())


async def test_what_the_client_still_sends_is_not_its_leaving() -> None:
    messages: list[Message] = [
        {"type": "http.request", "body": b"late", "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    await watch(Request({"type": "http"}, receive))

    assert messages == []


async def test_a_server_that_tells_of_it_is_not_asked_again_and_again() -> None:
    left: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    class Server:
        def leaving(self) -> asyncio.Future[None]:
            return left

    connection = Connection()
    scope = {"type": "http", "extensions": {OWN_SERVER: Server()}}

    assert watch(Request(scope, connection.receive)) is left
    assert not connection.asked.is_set()


async def test_the_first_that_is_done_ends_the_waiting_and_the_others_go_on() -> None:
    loop = asyncio.get_running_loop()
    slow: asyncio.Future[None] = loop.create_future()
    done: asyncio.Future[None] = loop.create_future()
    done.set_result(None)

    await first_of(slow, done, timeout_s=60)

    assert not slow.done()


async def test_waiting_ends_when_the_time_is_over() -> None:
    slow: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    await first_of(slow, timeout_s=0)

    assert not slow.done()


async def test_waiting_that_is_cancelled_cancels_nothing_else() -> None:
    loop = asyncio.get_running_loop()
    slow: asyncio.Future[None] = loop.create_future()
    waiting = loop.create_task(first_of(slow))
    await asyncio.sleep(0)

    waiting.cancel()
    await asyncio.wait([waiting])
    slow.set_result(None)  # nobody is told any more

    assert waiting.cancelled()

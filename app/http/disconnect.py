"""Clients that leave: what runs for a client ends with its connection."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

T = TypeVar("T")


class ClientLeft(Exception):
    """The client left before its response was complete; there is nobody left to tell."""


def watch(request: Request) -> asyncio.Task[None]:
    """Return a task that ends when the client leaves. The request's body has been read."""

    async def left() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    return asyncio.create_task(left())


async def unless_left(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of ``work``. Cancels it, and waits for its end, if the client leaves first.

    Raises:
        ClientLeft: the client left first.
    """
    task = asyncio.create_task(work)
    leaving = watch(request)
    try:
        await asyncio.wait((task, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientLeft
        return task.result()
    finally:
        leaving.cancel()
        task.cancel()
        await asyncio.wait((task,))

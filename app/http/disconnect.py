"""Clients that leave: what runs for a client ends with its connection."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

from app.http.own_server import own_server

T = TypeVar("T")


class ClientLeft(Exception):
    """The client left before its response was complete; there is nobody left to tell."""


def watch(request: Request) -> asyncio.Future[None]:
    """Return what is done when the client leaves. The request's body has been read.

    Any server says so to who waits in `receive`, which takes a task. Ours says so by itself.
    """
    server = own_server(request.scope)
    if server is not None and (leaving := server.leaving()) is not None:
        return leaving

    async def left() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    return asyncio.create_task(left())


async def first_of(*awaited: asyncio.Future[Any], timeout_s: float | None = None) -> None:
    """Wait until one of ``awaited`` is done, or for ``timeout_s`` seconds. Cancels none of them.

    `asyncio.wait` does this too, for anything that can be awaited, in three times the time.
    """
    loop = awaited[0].get_loop()
    over: asyncio.Future[None] = loop.create_future()

    def end(_: object = None) -> None:
        if not over.done():
            over.set_result(None)

    timer = None if timeout_s is None else loop.call_later(timeout_s, end)
    for future in awaited:
        future.add_done_callback(end)
    try:
        await over
    finally:
        if timer is not None:
            timer.cancel()
        for future in awaited:
            future.remove_done_callback(end)


async def unless_left(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of ``work``. Cancels it, and waits for its end, if the client leaves first.

    Raises:
        ClientLeft: the client left first.
    """
    task = asyncio.create_task(work)
    leaving = watch(request)
    try:
        await first_of(task, leaving)
        if not task.done():
            raise ClientLeft
        return task.result()
    finally:
        leaving.cancel()
        task.cancel()
        await asyncio.wait((task,))

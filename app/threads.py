"""Runs blocking functions beside the event loop.

Each in a daemon thread of its own, not in the loop's pool: a thread cannot be stopped, and a few
hanging tools would take the pool away from DNS look-ups, and keep the process from ending.
"""

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import NoReturn, TypeVar

T = TypeVar("T")


async def run_in_thread(function: Callable[[], T], *, name: str) -> T:
    """Return what ``function`` returns, or raise what it raises.

    Cancelling stops the waiting, not the thread; what it comes to is then dropped.
    """
    loop = asyncio.get_running_loop()
    finished: asyncio.Future[Callable[[], T]] = loop.create_future()
    context = contextvars.copy_context()

    def work() -> None:
        outcome: Callable[[], T]
        try:
            value = context.run(function)
        except BaseException as error:
            outcome = _raising(error)
        else:
            outcome = lambda: value  # noqa: E731
        # The loop may be closed by now: then nobody waits any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, finished, outcome)

    threading.Thread(target=work, name=name, daemon=True).start()
    outcome = await finished
    return outcome()


def _raising(error: BaseException) -> Callable[[], NoReturn]:
    def outcome() -> NoReturn:
        raise error

    return outcome


def _settle(future: "asyncio.Future[T]", value: T) -> None:
    if not future.done():
        future.set_result(value)

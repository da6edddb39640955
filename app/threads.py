"""Runs blocking functions beside the event loop, and lets them call back into it.

Each function gets a daemon thread of its own. A thread cannot be stopped: in the loop's pool, a few
functions that hang would leave none for DNS look-ups, and would keep the process from ending.
"""

import asyncio
import contextlib
import contextvars
import heapq
import itertools
import threading
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")


async def run_in_thread(function: Callable[[], T], *, name: str) -> T:
    """Return what ``function`` returns, or raise what it raises.

    The function runs in a copy of the caller's context. Cancelling stops the waiting, not the
    thread: what the function returns or raises later is dropped.

    Args:
        function: may block.
        name: of the thread, such as ``handler`` or ``tool add``.

    Raises:
        RuntimeError: instead of a `StopIteration`, which no coroutine can raise.
    """
    loop = asyncio.get_running_loop()
    finished: asyncio.Future[Callable[[], T]] = loop.create_future()
    context = contextvars.copy_context()

    def work() -> None:
        ending: Callable[[], T]
        try:
            value = context.run(function)
        except StopIteration as error:
            replacement = RuntimeError(f"the {name} raised {error!r}")
            replacement.__cause__ = error
            ending = _raising(replacement)
        except BaseException as error:
            ending = _raising(error)
        else:
            ending = lambda: value  # noqa: E731
        # If the loop is closed by now, nobody waits any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, finished, ending)

    threading.Thread(target=work, name=name, daemon=True).start()
    ending = await finished
    return ending()


class Aside:
    """Runs what would hold up the event loop for long: one function at a time, in a thread.

    The interpreter runs one thread at a time, and lets the next one in after 5 ms. With several
    busy threads the loop would wait for all of them each time that it has written or read
    something. Of those who wait, the one with the least work is next, so that an ordinary request
    is not delayed by several huge ones.

    Args:
        name: of the threads.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_busy = False
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    async def run(self, function: Callable[[], T], *, size: int) -> T:
        """Return what ``function`` returns, or raise what it raises, once it has had its turn.

        Args:
            function: takes long, but does not block.
            size: how much work it is, in any unit; only compared.
        """
        if self._is_busy:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (size, next(self._numbers), turn))
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._let_next_in()
                raise
        self._is_busy = True
        try:
            return await run_in_thread(function, name=self._name)
        finally:
            self._let_next_in()

    async def run_if(self, is_large: bool, function: Callable[[], T], *, size: int) -> T:
        """Do as `run` does if the work is large; else call ``function`` here and now."""
        return await self.run(function, size=size) if is_large else function()

    def _let_next_in(self) -> None:
        while self._waiting:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._is_busy = False


def run_on_loop(coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> T:
    """Run ``coroutine`` on ``loop`` from another thread; return or raise what it does.

    Raises:
        RuntimeError: the loop is closed. The coroutine has not run.
    """
    try:
        running = asyncio.run_coroutine_threadsafe(coroutine, loop)
    except RuntimeError:
        coroutine.close()
        raise
    return running.result()


def _raising(error: BaseException) -> Callable[[], NoReturn]:
    def ending() -> NoReturn:
        raise error

    return ending


def _settle(future: "asyncio.Future[T]", value: T) -> None:
    if not future.done():
        future.set_result(value)

"""Runs blocking functions beside the event loop, and lets them call back into it.

Each function gets a daemon thread of its own. A thread cannot be stopped: in the loop's pool, a few
functions that hang would leave none for DNS look-ups, and would keep the process from ending.
"""

import asyncio
import contextlib
import contextvars
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

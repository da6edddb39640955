"""How long a store may take."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from functools import partial
from types import coroutine
from typing import Any, TypeVar

from app.errors import StoreUnavailable

T = TypeVar("T")

# One call. A client that resumes is told after this time that the store cannot be reached.
PATIENCE_S = 4.0


@contextlib.asynccontextmanager
async def patience(seconds: float = PATIENCE_S) -> AsyncIterator[None]:
    """Give up what is done within the block after ``seconds``.

    Raises:
        StoreUnavailable: it took longer.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise _out_of_patience() from None


@coroutine
def patiently(
    call: Awaitable[T],
    seconds: float = PATIENCE_S,
    *,
    on_wait: Callable[[], None] | None = None,
) -> Generator[Any, Any, T]:
    """Return what ``call`` returns, or give it up after ``seconds``.

    A call that has nothing to wait for, such as those of a store in memory, costs no timer.

    Args:
        on_wait: called if it has.

    Raises:
        StoreUnavailable: it took longer.
    """
    steps = call.__await__()
    try:
        waits_for = next(steps)
    except StopIteration as returned:
        result: T = returned.value
        return result
    except TimeoutError:
        raise _out_of_patience() from None
    if on_wait is not None:
        on_wait()
    # As `asyncio.timeout`, without a coroutine and two context managers for each call.
    task = asyncio.current_task()
    assert task is not None
    cancelling = task.cancelling()
    over: list[bool] = []
    timer = asyncio.get_running_loop().call_later(seconds, _end, task, over)
    try:
        return (yield from _rest(steps, waits_for))
    except TimeoutError:
        raise _out_of_patience() from None
    except asyncio.CancelledError:
        if over and task.cancelling() - 1 <= cancelling:
            raise _out_of_patience() from None
        raise
    finally:
        timer.cancel()
        if over:
            task.uncancel()


def _end(task: asyncio.Task[Any], over: list[bool]) -> None:
    over.append(True)
    task.cancel()


def _out_of_patience() -> StoreUnavailable:
    return StoreUnavailable("the store did not respond in time")


@coroutine
def _rest(steps: Generator[Any, Any, T], waits_for: Any) -> Generator[Any, Any, T]:
    """Go on with a call that has begun, and waits for something."""
    while True:
        go_on: Callable[[], Any]
        try:
            go_on = partial(steps.send, (yield waits_for))
        except GeneratorExit:
            steps.close()
            raise
        except BaseException as error:
            go_on = partial(steps.throw, error)
        try:
            waits_for = go_on()
        except StopIteration as returned:
            result: T = returned.value
            return result

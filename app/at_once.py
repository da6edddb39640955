"""Goes on with a task's work where its news arrives, until the work has to wait for something else.

A task that waits for each read pays for a future, a callback and one more round of the event loop,
in which the loop asks the kernel for news once more. Here the task sleeps, and the callback that
brings the news goes on with the work itself. Work that gets to its next wait for news has cost a
function call. If it has to wait for anything else, such as a client that reads slowly, it is the
task that goes on with it.

The work cannot tell the difference: `asyncio.current_task` is the task, and cancelling the task
cancels what the work waits for. Only a context variable that the work sets may be unset later.

Source: CPython, Doc/library/asyncio-extending.rst, "Task lifetime support"; Lib/asyncio/tasks.py.
"""

import asyncio
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable, Coroutine, Generator
from contextvars import copy_context
from types import coroutine
from typing import Any, NamedTuple

_NEWS = object()
# How all work ends that ends well. The exception that says so would hold, by its traceback, the
# frame in which it is held: a cycle, which only the garbage collector could end.
_WELL = StopIteration()


@coroutine
def news() -> Generator[Any, None, None]:
    """Wait for news, in work that an `AtOnce` runs. There may be none after all."""
    yield _NEWS


class _Step(NamedTuple):
    """How far the work has got: what it waits for, or how it ended (`_WELL`, or an error)."""

    waits_for: Any
    end: BaseException | None


class AtOnce:
    """Runs the work of the task that makes this; `on_news` goes on with it from elsewhere."""

    __slots__ = ("_in_context", "_left", "_loop", "_send", "_task", "_wake")

    def __init__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._loop = task.get_loop()
        self._in_context = copy_context().run
        # Goes on with the work; None unless it waits for news.
        self._send: Callable[[None], Any] | None = None
        self._wake: asyncio.Future[None] = self._loop.create_future()
        # How far the work got elsewhere, if it is for the task now.
        self._left: _Step | None = None

    @coroutine
    def run(self, work: Coroutine[Any, Any, None]) -> Generator[Any, Any, None]:
        """Run ``work`` to its end; raises what it raises."""
        step = _advance(work.send, None)
        while step.end is None:
            go_on: Callable[[Any], Any] = work.send
            value = None
            try:
                if step.waits_for is _NEWS:
                    self._wake = self._loop.create_future()
                    self._send = work.send
                    yield from self._wake
                else:
                    value = yield step.waits_for
            except GeneratorExit:
                work.close()
                raise
            except BaseException as error:
                go_on, value = work.throw, error
            self._send = None
            left, self._left = self._left, None
            if left is None or (value is not None and left.end is None):
                step = _advance(go_on, value)
            elif value is None:
                step = left
            else:
                raise value  # the work is over, and the task is to end as well
        if step.end is not _WELL:
            raise step.end

    def on_news(self) -> None:
        """Go on with the work if it waits for news; if it does not, it will see them."""
        send = self._send
        if send is None or self._wake.done():
            return
        if asyncio.current_task(self._loop) is not None:
            self._wake.set_result(None)  # a task has brought the news: this is no place to work
            return
        self._send = None
        _enter_task(self._loop, self._task)
        try:
            waits_for = self._in_context(send, None)
        except StopIteration:
            self._left = _Step(None, _WELL)
        except BaseException as error:
            self._left = _Step(None, error)
        else:
            if waits_for is _NEWS:
                self._send = send
                return
            self._left = _Step(waits_for, None)
        finally:
            _leave_task(self._loop, self._task)
        if not self._wake.done():  # or the work has cancelled its own task
            self._wake.set_result(None)


def _advance(go_on: Callable[[Any], Any], value: Any) -> _Step:
    try:
        return _Step(go_on(value), None)
    except StopIteration:
        return _Step(None, _WELL)
    except BaseException as error:
        return _Step(None, error)

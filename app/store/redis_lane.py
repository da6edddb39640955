"""Questions to a Redis that go out together: one write after another, each with all that waits."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from app.cancelling import cancel
from app.errors import StoreUnavailable
from app.store.redis_reasons import refused
from app.store.redis_wire import Command

_MOST_AT_ONCE = 1000  # questions in one write

_Asked: TypeAlias = tuple[Sequence[Command], asyncio.Future[Sequence[Any]]]
Run: TypeAlias = Callable[[Sequence[Command]], Awaitable[Sequence[Any]]]


class Lane:
    """Asks one row at a time, in a task that lives as long as somebody waits.

    Args:
        run: sends commands in one go and returns what they bring, errors among it.
    """

    def __init__(self, run: Run) -> None:
        self._run_commands = run
        self._waiting: list[_Asked] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, commands: Sequence[Command]) -> Sequence[Any]:
        if not commands:
            return ()
        results = await self.put(commands)
        for found in results:
            if isinstance(found, Exception):
                raise refused(found)
        return results

    def put(self, commands: Sequence[Command]) -> asyncio.Future[Sequence[Any]]:
        answer: asyncio.Future[Sequence[Any]] = asyncio.get_running_loop().create_future()
        self._waiting.append((commands, answer))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work(), name="redis")
        return answer

    async def aclose(self) -> None:
        await cancel([self._task])

    async def _work(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
            # Who was cancelled does not want to know any more.
            asked = [(commands, answer) for commands, answer in asked if not answer.done()]
            if not asked:
                continue
            try:
                results = await self._run_commands([c for commands, _ in asked for c in commands])
            except asyncio.CancelledError:
                _fail(asked + self._waiting, StoreUnavailable("the store is closed"))
                raise
            except Exception as error:
                _fail(asked, error)
                continue
            start = 0
            for commands, answer in asked:
                if not answer.done():
                    answer.set_result(results[start : start + len(commands)])
                start += len(commands)


def _fail(asked: Sequence[_Asked], error: Exception) -> None:
    for _, answer in asked:
        if not answer.done():
            # One for each: a traceback is written into it.
            is_known = isinstance(error, StoreUnavailable)
            answer.set_exception(StoreUnavailable(str(error)) if is_known else error)

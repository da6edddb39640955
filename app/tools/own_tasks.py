"""Tasks that a tool starts itself.

asyncio ends its loop, and so the server, with a task that raises `SystemExit` or
`KeyboardInterrupt`. A tool's own call is caught by `app.tools.execution`; a task that the tool
starts beside it is wrapped here, and fails like any other task.
"""

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar
from types import TracebackType
from typing import Any

# The tool in whose context code runs. Tasks and threads inherit it from whoever starts them.
_tool: ContextVar[str | None] = ContextVar("tool", default=None)


def enter(tool_name: str) -> None:
    """Say that from here on the current task is the tool's."""
    _tool.set(tool_name)


def guard_tasks_of_tools(loop: asyncio.AbstractEventLoop) -> None:
    """Wrap the tasks that tools start on ``loop``. Other tasks are made as always."""

    def make(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        tool_name = _tool.get()
        if tool_name is not None:
            coroutine = _Guarded(coroutine, tool_name)
        return asyncio.Task(coroutine, loop=loop, **options)

    loop.set_task_factory(make)


class _Guarded(Coroutine[Any, Any, Any]):
    """A coroutine that raises `RuntimeError` where the wrapped one would end the loop.

    No ``async def``: one that is cancelled before its first step would never await the other.
    """

    def __init__(self, wrapped: Coroutine[Any, Any, Any], tool_name: str) -> None:
        self._wrapped = wrapped
        self._tool_name = tool_name

    def send(self, value: Any) -> Any:
        try:
            return self._wrapped.send(value)
        except (SystemExit, KeyboardInterrupt) as error:
            raise self._instead_of(error) from error

    def throw(
        self,
        kind: Any,
        value: Any = None,
        traceback: TracebackType | None = None,
        /,
    ) -> Any:
        try:
            return self._wrapped.throw(kind if value is None else value)
        except (SystemExit, KeyboardInterrupt) as error:
            raise self._instead_of(error) from error

    def close(self) -> None:
        self._wrapped.close()

    def __await__(self) -> Any:
        return self._wrapped.__await__()

    def _instead_of(self, error: BaseException) -> RuntimeError:
        return RuntimeError(f"a task of the tool {self._tool_name} raised {type(error).__name__}")

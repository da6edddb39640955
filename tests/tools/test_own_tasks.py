"""Tasks that a tool starts itself: no way out of them ends the server."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from app.tools import tool
from app.tools.context import Scene
from app.tools.execution import run_call
from app.tools.own_tasks import enter, guard_tasks_of_tools
from app.tools.valid_call import validate


@pytest.fixture(autouse=True)
async def guarded() -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    guard_tasks_of_tools(loop)
    yield
    loop.set_task_factory(None)


async def _raises(error: BaseException) -> None:
    await asyncio.sleep(0)
    raise error


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt()])
async def test_a_task_of_a_tool_that_would_end_the_loop_fails_instead(error: BaseException) -> None:
    left: list[asyncio.Task[None]] = []

    @tool
    async def starts() -> str:
        """Start a task and leave it behind."""
        left.append(asyncio.create_task(_raises(error)))
        return "done"

    await run_call(
        validate(starts, "c1", {}), scene=Scene(), on_status=lambda _: None, on_preliminary=_ignore
    )
    await asyncio.wait(left)

    failure = left[0].exception()
    assert isinstance(failure, RuntimeError)
    assert failure.__cause__ is error
    assert "starts" in str(failure)


async def test_a_guarded_task_works_like_any_other() -> None:
    async def within() -> str:
        enter("x")

        async def answer() -> str:
            await asyncio.sleep(0)
            return "done"

        at_once = asyncio.create_task(answer(), name="named")
        never_begun = asyncio.create_task(answer())
        waiting = asyncio.create_task(asyncio.Event().wait())
        never_begun.cancel()  # before its first step: no coroutine may be left unawaited
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({never_begun, waiting})
        assert never_begun.cancelled()
        assert waiting.cancelled()
        assert at_once.get_name() == "named"
        return await at_once

    assert await asyncio.create_task(within()) == "done"


async def test_a_task_that_exits_when_it_is_cancelled_fails_too() -> None:
    async def exits() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise SystemExit from None

    async def within() -> asyncio.Task[None]:
        enter("x")
        return asyncio.create_task(exits())

    task = await asyncio.create_task(within())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})

    assert isinstance(task.exception(), RuntimeError)


async def test_other_tasks_are_not_wrapped() -> None:
    async def plain() -> None:
        pass

    coroutine = plain()
    task = asyncio.create_task(coroutine)
    await task

    assert task.get_coro() is coroutine


async def _ignore(_: object) -> None:
    pass


SERVER = """
import asyncio, sys
from app.commands.chat_server import serve_chat
from app.settings import Settings
from app.tools import tool
import app.main as main

@tool
async def starts() -> str:
    "Start a task that exits."
    async def leave(): raise SystemExit(3)
    asyncio.create_task(leave())
    return "done"

lean = main.create_lean_app
main.create_lean_app = lambda settings, **options: lean(settings, tools=[starts], **options)
import threading, urllib.request

def ask(url):
    def work():
        for _ in range(3):
            request = urllib.request.Request(url + "/invoke", data=b'{"args":{}}', method="POST")
            print(urllib.request.urlopen(request).status, flush=True)
        import os, signal
        os.kill(os.getpid(), signal.SIGTERM)
    threading.Thread(target=work, daemon=True).start()

sys.exit(serve_chat(Settings(), host="127.0.0.1", port=0, announce=ask))
"""


@pytest.mark.real
@pytest.mark.timeout(120)
def test_a_server_outlives_a_task_of_a_tool_that_exits() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SERVER], capture_output=True, text=True, check=False, timeout=100
    )

    assert ended.stdout.split() == ["200"] * 3
    assert ended.returncode == 0
    assert "a task of the tool starts raised SystemExit" in ended.stderr

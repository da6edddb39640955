"""`app.cancelling`."""

import asyncio

from app.cancelling import cancel


async def test_tasks_have_ended_afterwards_however_long_that_takes() -> None:
    ended: list[str] = []

    async def work(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(name)

    async def nothing() -> None:
        pass

    over = asyncio.create_task(nothing())
    tasks = [asyncio.create_task(work("a")), asyncio.create_task(work("b"))]
    await asyncio.sleep(0)

    await cancel([tasks[0], None, over, tasks[1]])

    assert ended == ["a", "b"]
    assert all(task.cancelled() for task in tasks)
    assert not over.cancelled()


async def test_no_tasks_are_ended_at_once() -> None:
    await cancel([])
    await cancel([None])

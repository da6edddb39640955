"""Tasks that wait for a condition wake when it comes true, and only then."""

import asyncio

from app.emulator.changes import Changes


async def test_a_condition_that_is_true_is_not_waited_for() -> None:
    await Changes().until(lambda: True)


async def test_every_waiting_task_checks_its_own_condition() -> None:
    changes = Changes()
    state = 0
    reached: list[int] = []

    async def wait_for(number: int) -> None:
        await changes.until(lambda: state >= number)
        reached.append(number)

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        for number in (1, 2):
            tasks.create_task(wait_for(number))
        await asyncio.sleep(0)
        state = 1
        changes.notify()
        for _ in range(5):
            await asyncio.sleep(0)
        assert reached == [1]
        state = 2
        changes.notify()

    assert reached == [1, 2]


async def test_a_change_that_is_taken_back_before_the_task_runs_wakes_nobody() -> None:
    changes = Changes()
    state = False
    waiting = asyncio.create_task(changes.until(lambda: state))
    await asyncio.sleep(0)

    state = True
    changes.notify()
    state = False
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()

    state = True
    changes.notify()
    async with asyncio.timeout(5):
        await waiting

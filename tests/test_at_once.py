"""`app.at_once`: work goes on where its news arrives, and cannot tell that from its own task."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

import pytest

from app.at_once import AtOnce, news

who: ContextVar[str] = ContextVar("who", default="nobody")


class Reader:
    """Work that collects what `bring` brings, in a task of its own, until ``None`` comes.

    Attributes:
        seen: what came.
        tasks: the current task at each of them.
    """

    def __init__(self, on_item: Callable[[object], Awaitable[None]] | None = None) -> None:
        self.seen: list[object] = []
        self.tasks: list[asyncio.Task[object] | None] = []
        self._items: list[object] = []
        self._on_item = on_item
        self._at_once: AtOnce | None = None
        self.task = asyncio.create_task(self._run())

    async def asleep(self) -> "Reader":
        await rounds()
        assert self._at_once is not None
        return self

    def bring(self, *items: object) -> None:
        """Bring news in a callback of the loop, where no task runs; wait for that with `rounds`."""
        asyncio.get_running_loop().call_soon(self.bring_here, *items)

    def bring_here(self, *items: object) -> None:
        assert self._at_once is not None
        self._items += items
        self._at_once.on_news()

    async def _run(self) -> str:
        self._at_once = AtOnce()
        await self._at_once.run(self._work())
        return "done"

    async def _work(self) -> None:
        while True:
            if not self._items:
                await news()
                continue
            item = self._items.pop(0)
            self.seen.append(item)
            self.tasks.append(asyncio.current_task())
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            if self._on_item is not None:
                await self._on_item(item)


async def rounds(count: int = 3) -> None:
    """Let the event loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)


def in_callback(run: Callable[[], None]) -> asyncio.Future[None]:
    """Run something where no task runs; done with it."""
    done = asyncio.get_running_loop().create_future()

    def call() -> None:
        run()
        done.set_result(None)

    asyncio.get_running_loop().call_soon(call)
    return done


async def test_work_is_done_in_the_callback_that_brings_the_news() -> None:
    reader = await Reader().asleep()
    seen_there: list[list[object]] = []

    def call() -> None:
        reader.bring_here("a", "b")
        seen_there.append(list(reader.seen))
        reader.bring_here("c")
        seen_there.append(list(reader.seen))

    await in_callback(call)

    assert seen_there == [["a", "b"], ["a", "b", "c"]]
    assert reader.tasks == [reader.task] * 3
    assert asyncio.current_task() is not reader.task
    reader.bring(None)
    assert await reader.task == "done"


async def test_news_that_a_task_brings_wake_the_task() -> None:
    reader = await Reader().asleep()

    reader.bring_here("a")

    assert reader.seen == []
    await rounds()
    assert reader.seen == ["a"]
    reader.task.cancel()


async def test_what_has_come_before_is_seen_without_news() -> None:
    reader = Reader()
    reader._items += ["a", None]

    assert await reader.task == "done"
    assert reader.seen == ["a", None]


async def test_work_that_has_to_wait_is_gone_on_with_by_its_task() -> None:
    gates: list[asyncio.Future[str]] = []
    told: list[str] = []

    async def wait(_: object) -> None:
        gates.append(asyncio.get_running_loop().create_future())
        told.append(await gates[-1])
        await asyncio.sleep(0)

    reader = await Reader(wait).asleep()
    reader.bring("a")
    await rounds()
    reader.bring("b")  # while it waits: seen when it gets there
    await rounds()

    assert reader.seen == ["a"]
    gates[0].set_result("first")
    await rounds(5)
    assert reader.seen == ["a", "b"]
    gates[1].set_result("second")
    await rounds(5)
    assert told == ["first", "second"]
    reader.bring(None)
    assert await reader.task == "done"
    assert reader.tasks == [reader.task] * 3


async def test_an_error_of_the_work_is_the_tasks() -> None:
    reader = await Reader().asleep()

    reader.bring(KeyError("broken"))

    with pytest.raises(KeyError, match="broken"):
        await reader.task


async def test_an_error_that_the_work_waits_for_is_the_tasks() -> None:
    gate = asyncio.get_running_loop().create_future()

    async def wait(_: object) -> None:
        await gate

    reader = await Reader(wait).asleep()
    reader.bring("a")
    await rounds()
    gate.set_exception(ValueError("lost"))

    with pytest.raises(ValueError, match="lost"):
        await reader.task


async def test_a_sleeping_task_can_be_cancelled() -> None:
    reader = await Reader().asleep()

    reader.task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await reader.task
    reader.bring_here("too late")
    assert reader.seen == []


async def test_cancelling_the_task_cancels_what_the_work_waits_for() -> None:
    cancelled: list[object] = []

    async def wait(item: object) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            cancelled.append(item)
            raise

    reader = await Reader(wait).asleep()
    reader.bring("a")
    await rounds()
    reader.task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await reader.task
    assert cancelled == ["a"]


@pytest.mark.parametrize("waits", [False, True])
async def test_work_may_cancel_its_own_task(waits: bool) -> None:
    ends: list[str] = []

    async def cancel(_: object) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        if waits:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                ends.append("waiting")
                raise

    reader = await Reader(cancel).asleep()
    reader.bring("a")

    with pytest.raises(asyncio.CancelledError):
        await reader.task
    assert ends == ["waiting"] * waits


async def test_a_task_that_is_cancelled_in_the_moment_it_ought_to_wake_is_cancelled() -> None:
    cancelled: list[object] = []

    async def wait(item: object) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            cancelled.append(item)
            raise

    reader = await Reader(wait).asleep()

    def bring_and_cancel() -> None:
        reader.bring_here("a")
        reader.task.cancel()

    await in_callback(bring_and_cancel)
    with pytest.raises(asyncio.CancelledError):
        await reader.task
    assert cancelled == ["a"]


async def test_a_task_that_is_cancelled_when_its_work_is_done_is_cancelled() -> None:
    reader = await Reader().asleep()

    def end_and_cancel() -> None:
        reader.bring_here(None)
        reader.task.cancel()

    await in_callback(end_and_cancel)
    with pytest.raises(asyncio.CancelledError):
        await reader.task
    assert reader.seen == [None]


async def test_a_time_limit_around_and_inside_the_work_holds() -> None:
    limits: list[str] = []

    async def wait(_: object) -> None:
        try:
            async with asyncio.timeout(0):
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            limits.append("inside")

    reader = await Reader(wait).asleep()
    reader.bring("a")
    await rounds(6)
    assert limits == ["inside"]
    reader.bring(None)
    assert await reader.task == "done"

    async def limited() -> None:
        async with asyncio.timeout(0):
            at_once = AtOnce()

            async def never() -> None:
                while True:
                    await news()

            await at_once.run(never())

    with pytest.raises(TimeoutError):
        await limited()


async def test_the_work_has_the_context_of_its_task() -> None:
    names: list[str] = []

    async def name(_: object) -> None:
        names.append(who.get())

    token = who.set("the task")
    reader = await Reader(name).asleep()
    who.reset(token)
    reader.bring("a")
    await rounds()

    assert names == ["the task"]
    assert who.get() == "nobody"
    reader.task.cancel()


async def test_work_that_brings_itself_news_sees_them() -> None:
    async def bring(item: object) -> None:
        if item == "a":
            reader.bring_here("b")

    reader = await Reader(bring).asleep()
    reader.bring("a")
    await rounds()

    assert reader.seen == ["a", "b"]
    reader.task.cancel()


def test_a_loop_that_ends_closes_the_work() -> None:
    closed: list[bool] = []

    async def wait(_: object) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            closed.append(True)

    async def begin() -> Reader:
        reader = await Reader(wait).asleep()
        reader.bring("a")
        await rounds()
        return reader

    loop = asyncio.new_event_loop()
    reader = loop.run_until_complete(begin())
    coroutine = reader.task.get_coro()
    assert coroutine is not None
    coroutine.close()
    loop.run_until_complete(asyncio.sleep(0))
    reader.task.cancel()
    loop.close()

    assert closed == [True]

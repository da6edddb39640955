"""`app.tools.tool_threads`: only so many threads, and those that hang."""

import asyncio
import contextvars
import threading
from collections.abc import Iterator

import pytest

from app.events import ToolOutputAvailable, ToolOutputError
from app.tools import Scene, tool
from app.tools.execution import run_calls
from app.tools.tool_threads import ToolThreads
from app.tools.valid_call import validate
from tests.tools.sink import Sink


class Gate:
    """A function that blocks until the gate is opened, and says where it runs."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered = threading.Semaphore(0)
        self.threads: list[threading.Thread] = []

    def __call__(self) -> None:
        self.threads.append(threading.current_thread())
        self.entered.release()
        self.opened.wait()

    async def wait_until_entered(self, times: int = 1) -> None:
        for _ in range(times):
            await asyncio.to_thread(self.entered.acquire)

    async def open(self) -> None:
        """Open the gate and wait for the threads behind it."""
        self.opened.set()
        for thread in self.threads:
            await asyncio.to_thread(thread.join)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


async def cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_a_thousand_calls_of_one_step_take_no_more_threads_than_allowed() -> None:
    lock = threading.Lock()
    at_once: list[int] = [0]
    running = 0

    @tool
    def work(n: int) -> int:
        nonlocal running
        with lock:
            running += 1
            at_once.append(running)
        with lock:
            running -= 1
        return n

    calls = [validate(work, f"c{n}", {"n": n}) for n in range(1000)]

    parts = await run_calls(calls, emit=Sink().emit, scene=Scene(threads=ToolThreads(3)))

    assert [part.output for part in parts] == list(range(1000))
    assert max(at_once) <= 3


async def test_those_that_wait_get_a_place_in_the_order_in_which_they_came(gate: Gate) -> None:
    threads, order = ToolThreads(1), []
    first = asyncio.create_task(threads.run(gate, name="first"))
    await gate.wait_until_entered()
    others = [
        asyncio.create_task(threads.run(lambda n=n: order.append(n), name=f"{n}"))  # type: ignore[misc]
        for n in range(5)
    ]

    await gate.open()
    await asyncio.gather(first, *others)

    assert order == [0, 1, 2, 3, 4]
    assert threads.hung == 0


async def test_a_call_that_gets_no_place_in_its_time_has_timed_out(gate: Gate) -> None:
    @tool
    def hang() -> None:
        gate()

    @tool(timeout_s=0.02)
    def late() -> str:
        ran.append("late")
        return "late"

    @tool
    def work() -> str:
        ran.append("work")
        return "work"

    ran: list[str] = []
    sink, scene = Sink(), Scene(threads=ToolThreads(1))
    hanging = asyncio.create_task(
        run_calls([validate(hang, "c1", {})], emit=Sink().emit, scene=scene)
    )
    await gate.wait_until_entered()

    await run_calls([validate(late, "c2", {})], emit=sink.emit, scene=scene)
    await gate.open()
    await hanging
    again = Sink()
    await run_calls([validate(work, "c3", {})], emit=again.emit, scene=scene)

    assert sink.events == [ToolOutputError("c2", "late did not finish within 0.02 s.")]
    assert again.events == [ToolOutputAvailable("c3", "work")]
    assert ran == ["work"]


async def test_a_thread_whose_call_is_over_keeps_its_place_and_is_counted(gate: Gate) -> None:
    threads = ToolThreads(1)
    left = asyncio.create_task(threads.run(gate, name="left"))
    await gate.wait_until_entered()

    await cancelled(left)
    waiting = asyncio.create_task(threads.run(lambda: "got it", name="waiting"))
    await asyncio.sleep(0)
    hung, waits = threads.hung, not waiting.done()
    await gate.open()

    assert (hung, waits) == (1, True)
    assert await waiting == "got it"
    assert threads.hung == 0


async def test_who_stops_waiting_takes_no_place(gate: Gate) -> None:
    threads = ToolThreads(1)
    first = asyncio.create_task(threads.run(gate, name="first"))
    await gate.wait_until_entered()
    gone = asyncio.create_task(threads.run(lambda: None, name="gone"))
    await asyncio.sleep(0)

    await cancelled(gone)
    await gate.open()
    await first

    assert await threads.run(lambda: "free", name="next") == "free"


async def test_a_place_given_to_somebody_who_stops_at_that_moment_goes_to_the_next(
    gate: Gate,
) -> None:
    threads = ToolThreads(1)
    first = asyncio.create_task(threads.run(gate, name="first"))
    await gate.wait_until_entered()
    gone = asyncio.create_task(threads.run(lambda: None, name="gone"))
    await asyncio.sleep(0)
    gate.opened.set()
    gate.threads[0].join()  # the place is given now; the loop has not run since

    await cancelled(gone)
    await first

    assert await threads.run(lambda: "free", name="next") == "free"


async def test_where_the_system_gives_no_thread_the_place_is_free_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads = ToolThreads(1)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            await threads.run(lambda: None, name="one")

    assert await threads.run(lambda: "free", name="next") == "free"
    assert threads.hung == 0


@pytest.mark.parametrize("error", [ValueError, SystemExit, asyncio.CancelledError])
async def test_a_function_that_raises_leaves_its_place(error: type[BaseException]) -> None:
    threads = ToolThreads(1)

    def fail() -> None:
        raise error

    for _ in range(2):
        with pytest.raises(error):
            await threads.run(fail, name="fails")
    assert threads.hung == 0


def test_a_place_outlives_the_loop_in_which_it_was_taken(gate: Gate) -> None:
    threads = ToolThreads(1)

    async def leave_two() -> None:
        tasks = [asyncio.create_task(threads.run(gate, name=name)) for name in ("a", "b")]
        await gate.wait_until_entered()
        loop = asyncio.get_running_loop()
        for task in tasks:
            loop.call_soon(task.cancel)
        await asyncio.wait(tasks)

    asyncio.run(leave_two())
    hung = threads.hung
    gate.opened.set()
    gate.threads[0].join()

    assert hung == 1
    assert asyncio.run(threads.run(lambda: "free", name="next")) == "free"


async def test_a_thread_has_the_callers_context() -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name")
    name.set("Ann")

    assert await ToolThreads(1).run(name.get, name="one") == "Ann"

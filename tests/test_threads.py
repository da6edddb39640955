"""`app.threads`: what a blocking function gives, and what becomes of it when nobody waits."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from functools import partial

import pytest

from app.threads import Aside, run_in_thread, run_on_loop

_WAIT_S = 5.0
_language: contextvars.ContextVar[str] = contextvars.ContextVar("_language", default="none")


async def test_a_function_returns_its_value() -> None:
    assert await run_in_thread(lambda: 42, name="sum") == 42


@pytest.mark.parametrize(
    "error", [LookupError("no"), SystemExit(3), asyncio.CancelledError(), KeyboardInterrupt()]
)
async def test_a_function_raises_what_it_raises(error: BaseException) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        await run_in_thread(fail, name="sum")

    assert raised.value is error


async def test_a_stop_iteration_becomes_an_error_that_a_coroutine_can_raise() -> None:
    empty = iter(())

    with pytest.raises(RuntimeError, match=r"^the sum raised StopIteration\(\)$") as raised:
        await run_in_thread(lambda: next(empty), name="sum")

    assert isinstance(raised.value.__cause__, StopIteration)


async def test_each_call_has_a_named_daemon_thread_of_its_own() -> None:
    first = await run_in_thread(threading.current_thread, name="tool add")
    second = await run_in_thread(threading.current_thread, name="tool add")

    assert first is not second
    assert threading.current_thread() not in (first, second)
    assert (first.name, first.daemon) == ("tool add", True)


async def test_a_function_sees_the_callers_context_and_cannot_change_it() -> None:
    _language.set("Norwegian")

    def change() -> str:
        seen = _language.get()
        _language.set("Danish")
        return seen

    assert await run_in_thread(change, name="sum") == "Norwegian"
    assert _language.get() == "Norwegian"


async def test_more_functions_may_hang_than_a_pool_has_threads() -> None:
    gate, count = threading.Event(), 100
    hanging = [
        asyncio.ensure_future(run_in_thread(lambda: gate.wait(_WAIT_S), name="hanging"))
        for _ in range(count)
    ]

    assert await run_in_thread(lambda: 42, name="sum") == 42

    gate.set()
    assert await asyncio.gather(*hanging) == [True] * count


class _Gated:
    """A function that blocks until it is released, then ends as it is told."""

    def __init__(self, ending: Callable[[], object]) -> None:
        self._ending = ending
        self.started = threading.Event()
        self.release = threading.Event()
        self.thread: threading.Thread | None = None

    def __call__(self) -> object:
        self.thread = threading.current_thread()
        self.started.set()
        assert self.release.wait(_WAIT_S)
        return self._ending()

    def end(self) -> bool:
        """Let the function end; return whether its thread has."""
        assert self.thread is not None
        self.release.set()
        self.thread.join(_WAIT_S)
        return not self.thread.is_alive()


async def _abandon(function: _Gated) -> None:
    """Cancel the waiting for a function that is running."""
    waiting = asyncio.ensure_future(run_in_thread(function, name="abandoned"))
    assert await asyncio.to_thread(function.started.wait, _WAIT_S)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


def _fail() -> None:
    raise LookupError("nobody hears this")


@pytest.mark.parametrize("ending", [lambda: 42, _fail])
async def test_cancelling_stops_the_waiting_and_drops_the_ending(
    ending: Callable[[], object],
) -> None:
    function = _Gated(ending)
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: complaints.append(about))

    await _abandon(function)

    assert await asyncio.to_thread(function.end)
    await run_in_thread(lambda: None, name="later")  # its hand-over comes after the dropped one
    assert complaints == []


@pytest.mark.parametrize("ending", [lambda: 42, _fail])
def test_a_thread_that_outlives_the_loop_ends_quietly(ending: Callable[[], object]) -> None:
    function = _Gated(ending)
    asyncio.run(_abandon(function))

    assert function.end()  # an exception in the thread would be a warning, which fails the test


async def test_a_thread_may_run_a_coroutine_on_the_loop() -> None:
    loop = asyncio.get_running_loop()

    async def where(value: int) -> tuple[int, bool]:
        return value, asyncio.get_running_loop() is loop

    assert await run_in_thread(lambda: run_on_loop(where(42), loop), name="sum") == (42, True)


async def test_a_thread_gets_what_a_coroutine_on_the_loop_raises() -> None:
    loop = asyncio.get_running_loop()

    async def fail() -> None:
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        await run_in_thread(lambda: run_on_loop(fail(), loop), name="sum")


def test_a_coroutine_for_a_closed_loop_is_closed_and_refused() -> None:
    loop = asyncio.new_event_loop()
    loop.close()

    async def never() -> None:
        raise AssertionError("this must not run")

    with pytest.raises(RuntimeError, match="closed"):
        run_on_loop(never(), loop)  # left open, it would warn that nobody awaited it


async def test_aside_runs_one_function_at_a_time_and_the_smallest_next() -> None:
    aside = Aside("reading")
    gate = threading.Event()
    order: list[str] = []

    def first() -> None:
        gate.wait(_WAIT_S)
        order.append("first")

    waiting = [asyncio.ensure_future(aside.run(first, size=9))]
    for name, size in [("large", 3), ("small", 1), ("small too", 1), ("middle", 2)]:
        waiting.append(asyncio.ensure_future(aside.run(partial(order.append, name), size=size)))
    await asyncio.sleep(0)  # all of them have asked
    gate.set()
    await asyncio.gather(*waiting)

    assert order == ["first", "small", "small too", "middle", "large"]


async def test_aside_returns_and_raises_what_the_function_does_in_a_thread_of_its_name() -> None:
    aside = Aside("reading")

    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match=r"^no$"):
        await aside.run(fail, size=1)
    assert (await aside.run(threading.current_thread, size=1)).name == "reading"


async def test_aside_goes_on_when_one_who_waits_is_cancelled() -> None:
    aside = Aside("reading")
    gate = threading.Event()
    running = asyncio.ensure_future(aside.run(lambda: gate.wait(_WAIT_S), size=1))
    given_up = asyncio.ensure_future(aside.run(lambda: None, size=1))
    last = asyncio.ensure_future(aside.run(lambda: 42, size=2))
    await asyncio.sleep(0)

    given_up.cancel()
    gate.set()

    assert await last == 42
    assert await running
    assert given_up.cancelled()


async def test_aside_goes_on_when_one_is_cancelled_as_his_turn_comes() -> None:
    aside = Aside("reading")
    gate = threading.Event()
    running = asyncio.ensure_future(aside.run(lambda: gate.wait(_WAIT_S), size=1))
    given_up = asyncio.ensure_future(aside.run(lambda: None, size=1))
    last = asyncio.ensure_future(aside.run(lambda: 42, size=2))
    await asyncio.sleep(0)

    running.add_done_callback(lambda _: given_up.cancel())  # its turn has been given to it by then
    gate.set()

    assert await last == 42
    assert given_up.cancelled()

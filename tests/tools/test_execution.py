"""`app.tools.execution`: calls that run side by side, and the ways in which a call ends."""

import asyncio
import datetime
import enum
import logging
import threading
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pytest
from pydantic import BaseModel

from app.events import Event, Status, ToolOutputAvailable, ToolOutputError
from app.messages import ToolOutputPart
from app.tools import DataObject, Scene, Tool, ToolContext, ToolError, ToolResult, tool
from app.tools.definition import InvalidToolInput
from app.tools.execution import run_call, run_calls
from app.tools.result import CallResult, Failure, OutputLimits, Success
from app.tools.valid_call import ValidCall, validate
from tests.tools.sink import Sink

MASKED = "An error occurred."


def call(one: Tool, call_id: str = "c1", **tool_input: Any) -> ValidCall:
    return validate(one, call_id, tool_input)


async def run(*calls: ValidCall, **options: Any) -> tuple[list[Event], Sequence[ToolOutputPart]]:
    sink = Sink()
    parts = await run_calls(calls, emit=sink.emit, **options)
    return sink.events, parts


async def run_alone(one: Tool, **options: Any) -> CallResult:
    async def ignore(output: object) -> None: ...

    return await run_call(
        call(one), scene=Scene(), on_status=lambda _: None, on_preliminary=ignore, **options
    )


async def test_statuses_come_before_the_output_and_in_order() -> None:
    @tool
    async def work(ctx: ToolContext) -> str:
        assert ctx.send_status("one")
        await asyncio.sleep(0)
        assert ctx.send_status("two")
        return "done"

    events, parts = await run(call(work))

    assert events == [Status("one", "c1"), Status("two", "c1"), ToolOutputAvailable("c1", "done")]
    assert parts == [ToolOutputPart("c1", "work", "done")]


async def test_a_status_leaves_while_the_tool_still_works() -> None:
    gate = asyncio.Event()

    @tool
    async def work(ctx: ToolContext) -> None:
        ctx.send_status("waiting")
        await gate.wait()

    sink = Sink()
    running = asyncio.create_task(run_calls([call(work)], emit=sink.emit))
    await sink.until(Status("waiting", "c1"))
    assert not running.done()
    gate.set()

    await running
    assert sink.events[-1] == ToolOutputAvailable("c1", None)


async def test_two_calls_of_one_step_overlap() -> None:
    arrived = {"a": asyncio.Event(), "b": asyncio.Event()}

    @tool
    async def meet(me: str, other: str, ctx: ToolContext) -> str:
        ctx.send_status(f"{me} is here")
        arrived[me].set()
        await arrived[other].wait()
        return me

    calls = [call(meet, "c1", me="a", other="b"), call(meet, "c2", me="b", other="a")]
    events, parts = await run(*calls)

    assert events[:2] == [Status("a is here", "c1"), Status("b is here", "c2")]
    assert [part.output for part in parts] == ["a", "b"]


async def test_two_sync_tools_of_one_step_overlap_and_leave_the_loop_free() -> None:
    barrier = threading.Barrier(2, timeout=10)
    loop_thread = threading.get_ident()

    @tool
    def meet(ctx: ToolContext) -> str:
        assert threading.get_ident() != loop_thread
        assert ctx.send_status("here")
        barrier.wait()
        return ctx.tool_call_id

    events, parts = await run(call(meet, "c1"), call(meet, "c2"))

    assert {Status("here", "c1"), Status("here", "c2")} == set(events[:2])
    assert [part.output for part in parts] == ["c1", "c2"]


async def test_outputs_leave_as_they_come_and_return_in_the_order_of_the_calls() -> None:
    second_is_done = asyncio.Event()

    @tool
    async def first() -> str:
        await second_is_done.wait()
        return "1"

    @tool
    async def second() -> str:
        second_is_done.set()
        return "2"

    events, parts = await run(call(first, "c1"), call(second, "c2"))

    assert events == [ToolOutputAvailable("c2", "2"), ToolOutputAvailable("c1", "1")]
    assert [part.tool_call_id for part in parts] == ["c1", "c2"]


async def test_one_tool_that_fails_does_not_end_another(caplog: pytest.LogCaptureFixture) -> None:
    has_failed = asyncio.Event()

    @tool
    async def fails() -> None:
        has_failed.set()
        raise RuntimeError("password 1234")

    @tool
    async def works() -> str:
        await has_failed.wait()
        return "fine"

    with caplog.at_level(logging.ERROR):
        events, parts = await run(call(fails, "c1"), call(works, "c2"))

    assert events == [ToolOutputError("c1", MASKED), ToolOutputAvailable("c2", "fine")]
    assert parts[0] == ToolOutputPart("c1", "fails", MASKED, is_error=True)
    assert "password 1234" in caplog.text


async def test_a_tool_error_is_for_the_user_to_read() -> None:
    @tool
    def look_up() -> None:
        raise ToolError("There is no such city.")

    events, parts = await run(call(look_up))

    assert events == [ToolOutputError("c1", "There is no such city.")]
    assert parts == [ToolOutputPart("c1", "look_up", "There is no such city.", is_error=True)]


@pytest.mark.parametrize("exception", [SystemExit(3), StopIteration(), asyncio.CancelledError()])
@pytest.mark.parametrize("is_async", [True, False])
async def test_whatever_a_tool_raises_is_only_its_own_failure(
    exception: BaseException, is_async: bool
) -> None:
    async def raise_here() -> None:
        raise exception

    def raise_in_thread() -> None:
        raise exception

    function = raise_here if is_async else raise_in_thread

    events, _ = await run(call(tool(name="fails")(function)))

    assert events == [ToolOutputError("c1", MASKED)]


async def test_a_tool_that_cancels_itself_has_failed() -> None:
    @tool
    async def gives_up() -> None:
        current = asyncio.current_task()
        assert current is not None
        current.cancel()
        await asyncio.sleep(0)

    events, _ = await run(call(gives_up))

    assert events == [ToolOutputError("c1", MASKED)]


async def test_a_generator_shows_each_output_until_the_last_is_final() -> None:
    shown: list[int] = []
    sink = Sink()

    @tool
    async def search(ctx: ToolContext) -> AsyncIterator[list[str]]:
        yield ["a"]
        shown.append(len(sink.events))
        ctx.send_status("more")
        yield ["a", "b"]
        shown.append(len(sink.events))

    parts = await run_calls([call(search)], emit=sink.emit)

    assert sink.events == [
        ToolOutputAvailable("c1", ["a"], preliminary=True),
        Status("more", "c1"),
        ToolOutputAvailable("c1", ["a", "b"], preliminary=True),
        ToolOutputAvailable("c1", ["a", "b"]),
    ]
    assert shown == [1, 3]  # the generator goes on only when its output has left
    assert parts[0].output == ["a", "b"]


async def test_a_generator_that_yields_nothing_has_no_output() -> None:
    @tool
    async def nothing() -> AsyncIterator[int]:
        for item in list[int]():
            yield item

    events, _ = await run(call(nothing))

    assert events == [ToolOutputAvailable("c1", None)]


async def test_a_generator_is_closed_when_an_output_is_refused() -> None:
    is_closed = asyncio.Event()

    @tool
    async def search() -> AsyncIterator[object]:
        try:
            yield object()
        finally:
            is_closed.set()

    events, _ = await run(call(search))

    assert events == [ToolOutputError("c1", "search returned a value that has no JSON form.")]
    assert is_closed.is_set()


async def test_a_failure_is_not_shown_as_a_preliminary_output() -> None:
    @tool
    async def search() -> AsyncIterator[ToolResult]:
        yield ToolResult.partial("half")
        yield ToolResult.error("It broke.")

    events, _ = await run(call(search))

    half = {"status": "partial", "message": "half"}
    assert events == [
        ToolOutputAvailable("c1", half, preliminary=True),
        ToolOutputError("c1", "It broke."),
    ]


class Model(BaseModel):
    day: datetime.date


@dataclass
class Plain:
    ok: bool


class Color(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("returned", "output"),
    [
        ({"a": [1, None, "x"]}, {"a": [1, None, "x"]}),
        ({1: {"b"}}, {"1": ["b"]}),
        (Model(day=datetime.date(2026, 1, 2)), {"day": "2026-01-02"}),
        ([Plain(True), Color.RED, b"hi"], [{"ok": True}, "red", "aGk="]),
        ({"lone": "\ud800"}, {"lone": "\ud800"}),
        (2**80, 2**80),
        (ToolResult.ok("Done"), {"status": "success", "message": "Done"}),
        (
            ToolResult.partial(
                "Some", {"n": Plain(False)}, [DataObject(name="f.bin", content=b"hi")]
            ),
            {
                "status": "partial",
                "message": "Some",
                "data": {"n": {"ok": False}},
                "data_objects": [
                    {
                        "name": "f.bin",
                        "content": "aGk=",
                        "is_binary": True,
                        "mime_type": "application/octet-stream",
                        "disposition": "auto",
                        "description": None,
                        "preview": None,
                        "metadata": None,
                    }
                ],
            },
        ),
    ],
)
async def test_what_a_tool_returns_becomes_json(returned: Any, output: Any) -> None:
    @tool
    async def give() -> Any:
        return returned

    events, parts = await run(call(give))

    assert events == [ToolOutputAvailable("c1", output)]
    assert parts[0].output == output


async def test_data_of_a_result_that_is_no_object_is_wrapped() -> None:
    listed: Any = [1]

    @tool
    async def give() -> ToolResult:
        return ToolResult.ok("", listed)

    events, _ = await run(call(give))

    shown = {"status": "success", "message": "", "data": {"result": [1]}}
    assert events == [ToolOutputAvailable("c1", shown)]


async def test_the_tool_cannot_change_an_output_that_it_has_given() -> None:
    kept: list[int] = []

    @tool
    async def give() -> list[int]:
        return kept

    events, _ = await run(call(give))
    kept.append(1)

    assert events == [ToolOutputAvailable("c1", [])]


def _circle() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


@pytest.mark.parametrize("value", [object(), {"a": print}, {(1, 2): 3}, _circle()])
async def test_an_output_without_a_json_form_is_a_clear_error(value: Any) -> None:
    @tool
    async def give() -> Any:
        return value

    events, _ = await run(call(give))

    assert events == [ToolOutputError("c1", "give returned a value that has no JSON form.")]


async def test_an_output_of_just_the_limit_passes_and_a_larger_one_does_not() -> None:
    @tool
    async def give(length: int) -> str:
        return "é" * length

    fits, _ = await run(call(give, length=4), scene=Scene(limits=OutputLimits(10)))
    fails, _ = await run(call(give, length=5), scene=Scene(limits=OutputLimits(10)))

    assert fits == [ToolOutputAvailable("c1", "éééé")]
    message = "give returned 12 bytes of JSON, more than the 10 allowed."
    assert fails == [ToolOutputError("c1", message)]


async def test_the_files_of_a_result_count_for_its_size() -> None:
    @tool
    async def give() -> ToolResult:
        return ToolResult.ok("Two", None, [DataObject(name="f", content="x" * 1000)])

    events, _ = await run(call(give), scene=Scene(limits=OutputLimits(1000)))

    said = "Two (f is left out: it has 1000 characters, and files may have 964 bytes.)"
    assert events == [ToolOutputAvailable("c1", {"status": "success", "message": said})]


async def test_a_result_that_says_error_is_a_failure_with_its_message() -> None:
    @tool
    async def give(message: str) -> ToolResult:
        return ToolResult.error(message)

    told, _ = await run(call(give, message="No seats left."))
    silent, _ = await run(call(give, message=""))

    assert told == [ToolOutputError("c1", "No seats left.")]
    assert silent == [ToolOutputError("c1", MASKED)]


async def test_a_tool_that_takes_too_long_is_cancelled() -> None:
    is_cancelled = asyncio.Event()

    @tool(timeout_s=0.01)
    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            is_cancelled.set()

    events, _ = await run(call(hang))

    assert events == [ToolOutputError("c1", "hang did not finish within 0.01 s.")]
    assert is_cancelled.is_set()


async def test_a_time_out_of_the_tools_own_is_not_ours() -> None:
    @tool
    async def ask() -> None:
        raise TimeoutError("the database is away")

    events, _ = await run(call(ask))

    assert events == [ToolOutputError("c1", MASKED)]


async def test_a_thread_that_takes_too_long_is_told_by_its_next_status() -> None:
    is_over = threading.Event()
    told: list[bool] = []
    has_told = threading.Event()

    @tool(timeout_s=0.01)
    def hang(ctx: ToolContext) -> None:
        is_over.wait(10)
        told.append(ctx.send_status("too late"))
        has_told.set()

    events, _ = await run(call(hang))
    is_over.set()

    assert await asyncio.to_thread(has_told.wait, 10)
    assert told == [False]
    assert events == [ToolOutputError("c1", "hang did not finish within 0.01 s.")]


async def test_cancelling_cancels_every_call_and_waits_for_their_clean_up() -> None:
    has_started = [asyncio.Event(), asyncio.Event()]
    cleaned_up: list[int] = []

    @tool
    async def hang(number: int) -> None:
        has_started[number].set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned_up.append(number)

    sink = Sink()
    calls = [call(hang, "c1", number=0), call(hang, "c2", number=1)]
    running = asyncio.create_task(run_calls(calls, emit=sink.emit))
    for event in has_started:
        await event.wait()
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert sorted(cleaned_up) == [0, 1]
    assert sink.events == []


async def test_a_cancelled_thread_is_told_by_its_next_status() -> None:
    has_started, is_over, has_told = (threading.Event() for _ in range(3))
    told: list[bool] = []

    @tool
    def hang(ctx: ToolContext) -> None:
        has_started.set()
        is_over.wait(10)
        told.append(ctx.send_status("too late"))
        has_told.set()

    sink = Sink()
    running = asyncio.create_task(run_calls([call(hang)], emit=sink.emit))
    assert await asyncio.to_thread(has_started.wait, 10)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    is_over.set()

    assert await asyncio.to_thread(has_told.wait, 10)
    assert told == [False]


async def test_cancelling_ends_a_generator_whose_client_does_not_read() -> None:
    is_closed, has_begun = asyncio.Event(), asyncio.Event()

    @tool
    async def search() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            is_closed.set()

    async def emit(events: Sequence[Event]) -> None:
        has_begun.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(run_calls([call(search)], emit=emit))
    await has_begun.wait()
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert is_closed.is_set()


async def test_a_client_that_cannot_be_written_to_cancels_the_calls() -> None:
    is_cancelled = asyncio.Event()

    @tool
    async def work(ctx: ToolContext) -> None:
        ctx.send_status("hello")
        try:
            await asyncio.Event().wait()
        finally:
            is_cancelled.set()

    async def emit(events: Sequence[Event]) -> None:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        await run_calls([call(work)], emit=emit)
    assert is_cancelled.is_set()


async def test_statuses_beyond_what_a_slow_client_takes_are_dropped() -> None:
    taken: list[bool] = []

    @tool
    async def chatter(ctx: ToolContext) -> None:
        taken.extend(ctx.send_status(str(number)) for number in range(1500))

    events, _ = await run(call(chatter))

    assert taken == [True] * 1500  # a slow client is no reason to give up
    assert len(events) == 1001


async def test_what_the_context_says_comes_from_the_scene() -> None:
    seen: dict[str, Any] = {}

    @tool(timeout_s=30)
    async def look(context: Any) -> None:
        seen.update(
            ids=(context.tool_call_id, context.chat_id, context.session_id, context.user_id),
            approval_id=context.approval_id,
            config=(context.get_config("unit"), context.get_config("other", 7)),
            deadline=context.deadline,
        )
        context.state["count"] = context.state.get("count", 0) + 1

    scene = Scene(
        chat_id="chat",
        session_id="s",
        user_id="u",
        config={"unit": "C"},
        deadline=time.monotonic() + 5,
        approval_ids={"c2": "approved"},
    )
    await run(call(look, "c1"), call(look, "c2"), scene=scene)

    assert seen["ids"] == ("c2", "chat", "s", "u")
    assert seen["approval_id"] == "approved"
    assert seen["config"] == ("C", 7)
    assert 0 < seen["deadline"] <= 5
    assert scene.state == {"count": 2}


async def test_a_call_whose_turn_is_out_of_time_does_not_run_on() -> None:
    @tool
    async def hang() -> None:
        await asyncio.Event().wait()

    events, _ = await run(call(hang), scene=Scene(deadline=time.monotonic() - 1))

    assert events == [ToolOutputError("c1", "hang did not finish within 0 s.")]


async def test_no_calls_have_no_outputs() -> None:
    sink = Sink()

    assert await run_calls([], emit=sink.emit) == []
    assert sink.events == []


async def test_a_tool_that_ignores_its_cancellation_is_left_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate, has_ended = asyncio.Event(), asyncio.Event()

    @tool(timeout_s=0.01)
    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await gate.wait()
            has_ended.set()

    result = await run_alone(stubborn, cancel_grace_s=0.01)

    assert result == Failure("stubborn did not finish within 0.01 s.", "TIMEOUT")
    assert "stubborn ignores that it was cancelled" in caplog.text
    gate.set()
    await has_ended.wait()


async def test_a_tool_that_fails_while_it_is_cancelled_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @tool(timeout_s=0.01)
    async def clumsy() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise RuntimeError("could not clean up")

    with caplog.at_level(logging.WARNING):
        result = await run_alone(clumsy)

    assert isinstance(result, Failure)
    assert result.code == "TIMEOUT"
    assert "could not clean up" in caplog.text


async def test_a_generator_is_closed_when_its_call_is_over_time() -> None:
    is_closed = asyncio.Event()

    @tool(timeout_s=0.01)
    async def search() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            is_closed.set()

    await run_alone(search)

    assert is_closed.is_set()


async def test_a_tool_that_finds_its_input_invalid_itself_says_so() -> None:
    @tool
    def reject() -> None:
        raise InvalidToolInput("The city is not on the map.")

    result = await run_alone(reject)

    assert result == Failure("The city is not on the map.", "INVALID_ARGUMENTS")


async def test_a_view_of_a_dict_is_json_too() -> None:
    @tool
    def give() -> Any:
        return MappingProxyType({"a": 1})

    assert await run_alone(give) == Success({"a": 1})

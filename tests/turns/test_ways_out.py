"""Every way out of a tool ends its call: through the chat, a single run and the terminal.

A panic of a Rust extension, `SystemExit` and the like are no `Exception`. asyncio ends its loop
with some of them, and a turn that does not see them waits for ever.
"""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import httpx2
import pytest
from pydantic import AfterValidator, BaseModel, Field

from app.cli import main
from app.tools import Tool, ToolContext, ToolError, tool
from tests.chatting import Reader, chatting, ui_body
from tests.server_process import serving

MASKED = "An error occurred."


class Panic(BaseException):
    """What pyo3 makes of a panic in Rust: derived from `BaseException`."""

    def __str__(self) -> str:
        raise Panic  # its text cannot be read either


class Unreadable(ToolError):
    def __getattribute__(self, name: str) -> Any:
        if name == "message":
            raise KeyboardInterrupt
        return super().__getattribute__(name)


WAYS_OUT: list[Callable[[], BaseException]] = [
    Panic,
    KeyboardInterrupt,
    lambda: SystemExit(3),
    GeneratorExit,
    asyncio.CancelledError,
    lambda: BaseExceptionGroup("both", [Panic(), SystemExit()]),
    StopIteration,
    StopAsyncIteration,
]


def tools_that_leave_by(way_out: Callable[[], BaseException]) -> list[Tool]:
    """Return tools that leave by ``way_out``, each from another place."""

    def leave() -> Any:
        raise way_out()

    checks = AfterValidator(lambda value: leave())
    Checked = Annotated[int, checks, Field(validate_default=True)]

    @tool
    async def in_a_task() -> None:
        await asyncio.sleep(0)
        leave()

    @tool
    def in_a_thread() -> None:
        leave()

    @tool
    def behind_a_thread() -> Any:
        return in_a_task.function()  # type: ignore[misc]

    @tool
    async def in_a_generator() -> AsyncIterator[int]:
        yield 1
        leave()

    class Output(BaseModel):
        def model_dump(self, **_: Any) -> dict[str, Any]:
            raise way_out()

    class Text:
        def __str__(self) -> str:
            raise way_out()

    @tool
    async def in_its_output() -> Output:
        return Output()

    @tool
    async def in_a_preliminary_output() -> AsyncIterator[Any]:
        yield Output()
        yield "never"

    @tool
    async def in_a_status(ctx: ToolContext) -> None:
        ctx.send_status(Text())  # type: ignore[arg-type]

    @tool
    async def in_a_validator(value: Checked = 1) -> None: ...

    return [
        *(in_a_task, in_a_thread, behind_a_thread, in_a_generator),
        *(in_its_output, in_a_preliminary_output, in_a_status, in_a_validator),
    ]


def call(name: str) -> dict[str, Any]:
    return ui_body(f"scenario: call tool={name} arguments='{{}}'")


@tool
async def well() -> str:
    """Work."""
    return "well"


@pytest.mark.parametrize("way_out", WAYS_OUT)
async def test_a_turn_goes_on_after_every_way_out_of_a_tool(
    way_out: Callable[[], BaseException], model: str
) -> None:
    tools = tools_that_leave_by(way_out)
    async with chatting(model, *tools, well) as chat:
        for one in tools:
            answer = (await chat.post(call(one.name))).text
            assert f'"errorText":"{MASKED}"' in answer, one.name
            assert '"type":"finish"' in answer, one.name
            assert answer.endswith("data: [DONE]\n\n"), one.name

        assert '"output":"well"' in (await chat.post(call("well"))).text


@pytest.mark.parametrize("stream", ["true", "false"])
@pytest.mark.parametrize("way_out", WAYS_OUT)
async def test_a_single_run_ends_after_every_way_out_of_its_tool(
    way_out: Callable[[], BaseException], stream: str, model: str
) -> None:
    tools = tools_that_leave_by(way_out)
    async with chatting(model, *tools, well) as chat:
        for one in tools:
            if one.name == "in_a_preliminary_output":
                continue  # a single run has no place for one, and does not look at it
            run = await chat.post({"args": {}}, f"/api/tools/{one.name}/invoke?stream={stream}")
            last = json.loads(run.text.splitlines()[-1])
            assert run.status_code == 200, one.name
            assert MASKED in json.dumps(last), one.name

        after = await chat.post({"args": {}}, "/api/tools/well/invoke?stream=false")
    assert after.json()["data"] == {"result": "well"}


@pytest.mark.parametrize("way_out", WAYS_OUT)
async def test_a_predicate_that_leaves_asks_the_user(
    way_out: Callable[[], BaseException], model: str
) -> None:
    def predicate(_: object) -> bool:
        raise way_out()

    async with chatting(model, tool(name="act", needs_approval=predicate)(lambda: None)) as chat:
        answer = await chat.post(call("act"))
        run = await chat.post({"args": {}}, "/api/tools/act/invoke")

    assert '"type":"tool-approval-request"' in answer.text
    assert '"type":"tool-output-available"' not in answer.text
    assert run.status_code == 403


async def test_an_error_whose_text_cannot_be_read_is_masked(model: str) -> None:
    @tool
    async def act() -> None:
        raise Unreadable("secret")

    async with chatting(model, act) as chat:
        run = await chat.post({"args": {}}, "/api/tools/act/invoke?stream=false")

    assert run.json()["error"] == MASKED


async def test_a_tool_that_is_cancelled_may_leave_as_it_likes(model: str) -> None:
    @tool(timeout_s=0.01)
    async def act() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise SystemExit

    async with chatting(model, act, well) as chat:
        answer = await chat.post(call("act"))
        after = await chat.post(call("well"))

    assert "act did not finish within 0.01 s." in answer.text
    assert '"output":"well"' in after.text


# What the terminal runs.


@tool
async def exits() -> None:
    """Exit."""
    raise SystemExit(7)


@tool
def panics() -> None:
    """Panic."""
    raise Panic


@tool
async def interrupts() -> None:
    """Interrupt."""
    raise KeyboardInterrupt


@tool
def hangs(ctx: ToolContext) -> None:
    """Work for as long as somebody listens."""
    while ctx.send_status("working"):
        pass


@pytest.mark.parametrize("name", ["exits", "panics", "interrupts"])
def test_the_terminal_is_told_of_the_failure(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_TOOL_MODULES", __name__)

    status = main(["tool", name])

    assert status == 1
    assert json.loads(capsys.readouterr().out)["message"] == MASKED


@pytest.mark.real
@pytest.mark.timeout(60)
async def test_a_real_interrupt_still_stops_the_server_where_tools_raise_them() -> None:
    async with (
        serving(CHAT_TOOL_MODULES=__name__, CHAT_TOOLS="") as server,
        httpx2.AsyncClient(base_url=server.url, timeout=30) as http,
    ):
        run = await http.post("/api/tools/interrupts/invoke?stream=false", json={"args": {}})
        assert (run.status_code, run.json()["error"]) == (200, MASKED)
        async with http.stream("POST", "/api/tools/hangs/invoke", json={"args": {}}) as working:
            await Reader(working).until(b"working")
            assert server.process.returncode is None
            server.process.send_signal(signal.SIGINT)
        status, _ = await server.ended()

    assert status == 130

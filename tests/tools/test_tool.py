"""`app.tools.tool`: Python functions as tools."""

import asyncio
import contextvars
import datetime
import functools
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from app.messages import ToolSpec
from app.tools import Tool, ToolContext, ToolDefinitionError, client_tool, tool
from app.tools.definition import InvalidToolInput


async def run(one: Tool, **tool_input: Any) -> Any:
    async def ignore(output: object) -> None: ...

    assert one.run is not None
    return await one.run(one.parse(tool_input), ToolContext("c1"), ignore)


def test_name_description_and_schema_come_from_the_function() -> None:
    @tool
    def get_weather(city: str, days: int) -> str:
        """Look up the weather.

        Args:
            city: name of the city
        """
        return f"{city} {days}"

    assert get_weather.spec() == ToolSpec(
        name="get_weather",
        description="Look up the weather.",
        parameters={
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "name of the city"},
                "days": {"type": "integer"},
            },
            "required": ["city", "days"],
            "additionalProperties": False,
        },
        strict=True,
    )
    assert repr(get_weather) == "<Tool get_weather>"


def test_the_decorator_may_say_otherwise() -> None:
    @tool(name="weather", description="Ask me.", timeout_s=5, strict=False)
    def get_weather(city: str) -> str:
        """Look up the weather."""
        return city

    assert get_weather.spec().name == "weather"
    assert get_weather.spec().description == "Ask me."
    assert not get_weather.strict
    assert get_weather.timeout_s == 5
    assert get_weather.function is not None
    assert get_weather.function("Oslo") == "Oslo"


def test_a_tool_without_parameters_has_an_empty_schema() -> None:
    @tool
    def now() -> str:
        return "now"

    assert now.parameters == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }
    assert now.strict


async def test_a_sync_function_sees_the_context_variables_of_its_caller() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("seen")

    @tool
    def look() -> Any:
        return variable.get(), threading.current_thread().name, threading.current_thread().daemon

    assert await run(look) == ("seen", "tool look", True)


async def test_an_async_function_behind_a_plain_decorator_is_awaited() -> None:
    def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(**arguments: Any) -> Any:
            return function(**arguments)

        return wrapper

    @tool
    @decorated
    async def look(n: int) -> int:
        await asyncio.sleep(0)
        return n

    assert await run(look, n=3) == 3


async def test_a_method_can_be_a_tool() -> None:
    class Shop:
        def price(self, item: str) -> str:
            """Look up a price."""
            return f"{item}: 1"

    assert await run(tool(Shop().price), item="pen") == "pen: 1"


def _yields() -> Any:
    yield 1


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (_yields, "_yields yields; make it an `async def`"),
        (functools.partial(print), "is no function; wrap it in one."),
    ],
)
def test_a_function_that_cannot_be_a_tool_is_refused(
    function: Callable[..., Any], message: str
) -> None:
    with pytest.raises(ToolDefinitionError) as caught:
        tool(function)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "get weather", "é", "a.b", "x" * 65, "a\n"])
def test_a_name_that_openai_refuses_is_refused(name: str) -> None:
    with pytest.raises(ToolDefinitionError, match="cannot be a tool's name"):
        client_tool(name, "")


def test_a_time_out_must_be_more_than_nothing() -> None:
    with pytest.raises(ToolDefinitionError, match="more than 0 seconds"):
        tool(timeout_s=0)(lambda: None)


def test_strict_mode_can_be_demanded() -> None:
    def fits(a: int) -> None: ...

    def does_not(a: int = 1) -> None: ...

    assert tool(strict=True)(fits).strict
    with pytest.raises(ToolDefinitionError, match="strict mode cannot express"):
        tool(strict=True)(does_not)


def test_a_call_asks_for_approval_always_never_or_as_the_input_says() -> None:
    def expensive(tool_input: Mapping[str, Any]) -> bool:
        return bool(tool_input["euros"] > 100)

    def pay(euros: int) -> None: ...

    assert not tool(pay).asks_approval({"euros": 1})
    assert tool(needs_approval=True)(pay).asks_approval({"euros": 1})
    assert not tool(needs_approval=expensive)(pay).asks_approval({"euros": 100})
    assert tool(needs_approval=expensive)(pay).asks_approval({"euros": 101})


def test_in_doubt_the_user_is_asked(caplog: pytest.LogCaptureFixture) -> None:
    def broken(tool_input: Mapping[str, Any]) -> bool:
        raise KeyError("euros")

    def pay() -> None: ...

    assert tool(needs_approval=broken)(pay).asks_approval({})
    assert "the approval predicate of pay failed" in caplog.text


def test_a_client_tool_has_a_schema_and_no_function() -> None:
    schema = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}

    ask = client_tool("ask", "Ask the user.", schema)

    assert ask.run is None
    assert ask.strict
    assert ask.parameters["additionalProperties"] is False
    assert ask.parse({"q": "Sure?"}) == {"q": "Sure?"}
    with pytest.raises(InvalidToolInput, match="q is missing"):
        ask.parse({})
    with pytest.raises(InvalidToolInput, match="must be an object"):
        ask.parse([])


def test_a_client_tool_may_be_described_by_a_signature() -> None:
    def signature(day: datetime.date) -> None: ...

    ask = client_tool("ask", "Ask the user.", signature=signature)

    assert ask.parameters["properties"] == {"day": {"type": "string", "format": "date"}}
    assert ask.parse({"day": "2026-01-01"}) == {"day": "2026-01-01"}  # JSON, as it will leave
    with pytest.raises(InvalidToolInput, match="day: Input should be a valid date"):
        ask.parse({"day": "x"})


def test_a_client_tool_cannot_have_two_schemas_or_a_wrong_one() -> None:
    with pytest.raises(ToolDefinitionError, match="give one"):
        client_tool("ask", "", {"type": "object"}, signature=lambda: None)
    with pytest.raises(ToolDefinitionError, match="type object"):
        client_tool("ask", "", {"type": "string"})


def test_tools_cost_a_cold_start_nothing_until_there_are_some() -> None:
    code = (
        "import sys, app.tools, app.tools.toolbox, app.tools.standalone, app.tools.remote;"
        "assert not {'pydantic', 'aiohttp', 'botocore'} & set(sys.modules), sys.modules.keys()"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


async def test_an_async_function_runs_on_the_loop() -> None:
    loop_thread = threading.get_ident()

    @tool
    async def look() -> bool:
        await asyncio.sleep(0)
        return threading.get_ident() == loop_thread

    assert await run(look) is True


async def test_each_value_of_a_generator_is_shown_and_the_last_is_the_output() -> None:
    shown: list[int] = []

    @tool
    async def search(ctx: ToolContext) -> AsyncIterator[int]:
        yield 1
        yield 2

    async def show(output: int) -> None:
        shown.append(output)

    assert search.run is not None
    output = await search.run(search.parse({}), ToolContext("c1"), show)

    assert output == 2
    assert shown == [1, 2]

"""`app.tools.loading`: which tools are on."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.tools import tool
from app.tools.loading import EXAMPLES, ToolLoadError, load_tools

Write = Callable[[str, str], None]

WEATHER = """
from app.tools import tool

@tool
def forecast(city: str) -> str:
    return "rain"

@tool(name="now")
def current(city: str) -> str:
    return "sun"
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a module that can be imported in this test only."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def module(name: str, source: str) -> None:
        (tmp_path / f"{name}.py").write_text(source)
        for known in set(sys.modules) - before:
            monkeypatch.delitem(sys.modules, known)

    return module


@tool
def local_one() -> None: ...


def test_nothing_is_on_unless_asked_for() -> None:
    assert load_tools() == {}


def test_all_tools_of_a_module_are_on(write: Write) -> None:
    write("loading_weather", WEATHER)

    assert list(load_tools(modules=["loading_weather"])) == ["forecast", "now"]


def test_tools_of_the_program_are_on() -> None:
    assert load_tools(given=[local_one]) == {"local_one": local_one}


def test_names_pick_and_order_the_tools(write: Write) -> None:
    write("loading_picked", WEATHER)

    tools = load_tools(["now", "slow_process"], modules=["loading_picked"], given=[local_one])

    assert list(tools) == ["now", "slow_process"]


def test_the_examples_are_there_to_be_named() -> None:
    assert list(load_tools(list(EXAMPLES))) == list(EXAMPLES)


def test_a_tool_of_ones_own_may_have_the_name_of_an_example(write: Write) -> None:
    write("loading_own", WEATHER.replace("forecast", "get_weather"))

    tools = load_tools(["get_weather"], modules=["loading_own"])

    assert tools["get_weather"].parameters["required"] == ["city"]
    assert tools["get_weather"].description == ""


def test_a_tool_that_is_imported_twice_is_one_tool(write: Write) -> None:
    write("loading_first", WEATHER)
    write("loading_second", "from loading_first import forecast\n")

    assert list(load_tools(modules=["loading_first", "loading_second"])) == ["forecast", "now"]


def test_two_tools_of_one_name_are_refused(write: Write) -> None:
    write("loading_one", WEATHER)
    write("loading_other", WEATHER)

    with pytest.raises(ToolLoadError) as caught:
        load_tools(modules=["loading_one", "loading_other"])

    message = "Two tools are called forecast: one in loading_one, one in loading_other."
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "cannot be imported: ModuleNotFoundError: No module named 'loading_broken'"),
        ("import no_such_thing", "cannot be imported: ModuleNotFoundError: No module named"),
        ("1/0", "cannot be imported: ZeroDivisionError: division by zero"),
        ("def (", "cannot be imported: SyntaxError"),
        (WEATHER.replace("city: str", "*cities"), "cannot be imported: ToolDefinitionError"),
        ("x = 1", "has no tools in it."),
    ],
)
def test_a_module_that_cannot_be_used_is_named(
    write: Write, source: str | None, message: str
) -> None:
    if source is not None:
        write("loading_broken", source)

    with pytest.raises(ToolLoadError) as caught:
        load_tools(modules=["loading_broken"])

    assert str(caught.value).startswith("The module loading_broken of CHAT_TOOL_MODULES ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_without_a_tool_is_refused_with_a_hint() -> None:
    with pytest.raises(ToolLoadError, match="did you mean get_weather"):
        load_tools(["get_wether"])
    with pytest.raises(ToolLoadError, match="there are: get_location, get_weather"):
        load_tools(["zzz"])

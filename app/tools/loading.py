"""Which tools are on: those of `CHAT_TOOL_MODULES` and `create_app`, selected by `CHAT_TOOLS`."""

import importlib
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType

from app.tools.tool import Tool

# `CHAT_TOOLS` can always name these; they are on only if it does.
EXAMPLES: Mapping[str, str] = {
    name: f"app.examples.{name}"
    for name in ("get_weather", "slow_process", "get_location", "send_email")
}


class ToolLoadError(Exception):
    """The tools cannot be loaded; the message is one sentence that says what to change."""


def load_tools(
    names: Sequence[str] = (),
    *,
    modules: Sequence[str] = (),
    given: Iterable[Tool] = (),
) -> Mapping[str, Tool]:
    """Return the tools that are on, by name.

    Args:
        names: `CHAT_TOOLS`. If not empty, only the tools with these names are on, in this order;
            otherwise all tools of ``modules`` and ``given``.
        modules: `CHAT_TOOL_MODULES`; each `Tool` at the top level of a module is one of its tools.
        given: tools that the program passes itself.

    Raises:
        ToolLoadError: a module cannot be imported or has no tools, two tools have the same name, or
            no tool has one of ``names``.
    """
    found: dict[str, tuple[Tool, str]] = {}
    for tool in given:
        _add(found, tool, "the program")
    for module in modules:
        for tool in _tools_of(module):
            _add(found, tool, module)
    if not names:
        return {name: tool for name, (tool, _) in found.items()}
    for name in names:
        if name not in found and name in EXAMPLES:
            for tool in _tools_of(EXAMPLES[name]):
                _add(found, tool, EXAMPLES[name])
    return {name: _named(name, found) for name in names}


def _add(found: dict[str, tuple[Tool, str]], tool: Tool, place: str) -> None:
    known, known_place = found.setdefault(tool.name, (tool, place))
    # A tool that a module only imports from another module is the same object.
    if known is not tool:
        raise ToolLoadError(
            f"Two tools are called {tool.name}: one in {known_place}, one in {place}."
        )


def _tools_of(name: str) -> Sequence[Tool]:
    module = _imported(name)
    tools = [value for value in vars(module).values() if isinstance(value, Tool)]
    if not tools:
        raise ToolLoadError(f"The module {name} of CHAT_TOOL_MODULES has no tools in it.")
    return tools


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        # A module may raise anything while it is imported; the reader has to mend the module.
        raise ToolLoadError(
            f"The module {name} of CHAT_TOOL_MODULES cannot be imported: "
            f"{type(error).__name__}: {error}"
        ) from error


def _named(name: str, found: Mapping[str, tuple[Tool, str]]) -> Tool:
    if name in found:
        return found[name][0]
    known = sorted({*found, *EXAMPLES})
    import difflib  # which only a mistake needs

    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}."
    raise ToolLoadError(f"CHAT_TOOLS names {name}, which is no tool; {hint}")

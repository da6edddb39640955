"""Tools that are the same all the time."""

from app.tools import tool
from app.tools.tool_set import FixedTools


@tool
def look() -> None:
    """Look."""


async def test_fixed_tools_are_there_for_everybody_at_once() -> None:
    tools = FixedTools({"look": look})

    assert tools.of("ann") == tools.of("") == {"look": look}
    assert tools.is_settled("ann")
    await tools.settle("ann")

"""Tools that the examples have no use for: one that fails, one that declines, one that counts."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from app.examples.get_location import get_location
from app.examples.get_weather import get_weather
from app.examples.send_email import send_email
from app.tools import Tool, ToolError, tool

# Between two outputs: long enough for a client to render each.
_PAUSE_S = 0.2


@tool
def fail() -> None:
    """Fail for a reason that is nobody's business."""
    raise RuntimeError("secret: the database password is wrong")


@tool
def decline() -> None:
    """Fail for a reason that the user may know."""
    raise ToolError("The shop is closed.")


@tool
async def count_up() -> AsyncIterator[dict[str, int]]:
    """Count to three and show each number."""
    for count in (1, 2, 3):
        yield {"count": count}
        await asyncio.sleep(_PAUSE_S)


TOOLS: Sequence[Tool] = (get_weather, get_location, send_email, fail, decline, count_up)

"""Tools that the examples have no use for: one that fails, one that declines, one that counts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from app.examples.get_location import get_location
from app.examples.send_email import send_email
from app.tools import Tool, ToolContext, ToolError, tool

# Between two reports: long enough for a client to render each.
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
def quote(page: dict[str, Any]) -> dict[str, Any]:
    """Return what a page says."""
    return {"page": page}


@tool(needs_approval=True)
def release(
    env: Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True)],
    notes: dict[str, Any],
    force: bool = False,
) -> dict[str, Any]:
    """Release the software."""
    return {"env": env, "force": force, "keys": list(notes)}


def tools(pause: Callable[[float], Awaitable[object]] = asyncio.sleep) -> Sequence[Tool]:
    """Return the tools of the flows, which ``pause`` between two reports."""

    @tool
    async def count_up() -> AsyncIterator[dict[str, int]]:
        """Count to three and show each number."""
        for count in (1, 2, 3):
            yield {"count": count}
            await pause(_PAUSE_S)

    # As the example of this name, whose pauses nobody can lengthen.
    @tool
    async def get_weather(
        city: Annotated[str, Field(description="Name of a city, such as Oslo")], ctx: ToolContext
    ) -> dict[str, Any]:
        """Look up the current weather in a city."""
        name = city.strip()
        if not name:
            raise ToolError("Tell me which city.")
        ctx.send_status(f"Looking up {name}")
        await pause(_PAUSE_S)
        ctx.send_status(f"Reading the thermometer in {name}")
        await pause(_PAUSE_S)
        return {"city": name, "temperature_celsius": 20, "conditions": "partly cloudy"}

    return (get_weather, get_location, send_email, fail, decline, quote, release, count_up)

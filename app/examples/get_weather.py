"""An example of a server tool that reports while it works. Its weather is made up."""

import asyncio
from typing import Annotated, Any

from pydantic import Field

from app.tools import ToolContext, ToolError, tool

_WEATHER = {
    "bergen": (12, "rain"),
    "oslo": (9, "cloudy"),
    "paris": (21, "sunny"),
    "london": (15, "drizzle"),
    "tokyo": (24, "clear"),
    "new york": (18, "windy"),
}
_ELSEWHERE = (20, "partly cloudy")


@tool
async def get_weather(
    city: Annotated[str, Field(description="Name of a city, such as Oslo")], ctx: ToolContext
) -> dict[str, Any]:
    """Look up the current weather in a city."""
    name = city.strip()
    if not name:
        raise ToolError("Tell me which city.")
    pause_s = ctx.get_config("pause_s", 0.3)
    ctx.send_status(f"Looking up {name}")
    await asyncio.sleep(pause_s)
    temperature, sky = _WEATHER.get(name.lower(), _ELSEWHERE)
    ctx.send_status(f"Reading the thermometer in {name}")
    await asyncio.sleep(pause_s)
    return {"city": name, "temperature_celsius": temperature, "conditions": sky}

"""Calls the example tools without waiting for them."""

from typing import Any

from app.events import Event
from app.tools import Scene, Tool
from app.tools.execution import run_calls
from app.tools.valid_call import validate
from tests.tools.sink import Sink

AT_ONCE = Scene(config={"pause_s": 0, "seconds_per_step": 0})


async def called(tool: Tool, **tool_input: Any) -> list[Event]:
    """Run one call with the id ``c1`` and return its events."""
    sink = Sink()
    await run_calls([validate(tool, "c1", tool_input)], emit=sink.emit, scene=AT_ONCE)
    return sink.events

"""Tools: Python functions that the model may call.

from app.tools import ToolContext, tool

@tool
def get_weather(city: str, ctx: ToolContext) -> dict[str, str]:
    \"\"\"Look up the weather in a city.\"\"\"
    ctx.send_status(f"Looking up {city}")
    return {"city": city, "sky": "clear"}
"""

from app.protocols.artifact import Artifact
from app.protocols.tool_result import DataObject, ToolResult
from app.tools.context import Scene, ToolContext
from app.tools.tool import Tool, ToolDefinitionError, ToolError, client_tool, tool

__all__ = [
    "Artifact",
    "DataObject",
    "Scene",
    "Tool",
    "ToolContext",
    "ToolDefinitionError",
    "ToolError",
    "ToolResult",
    "client_tool",
    "tool",
]

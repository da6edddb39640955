"""The official Python package's server: with a tool that adds another, and one that is hostile.

`python -m tests.mcp.growing_server` speaks through its pipes, with a port over HTTP. It speaks
the protocol of 2026-07-28, in which a client subscribes to changes.
"""

import sys
from pathlib import Path
from typing import Any

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp.types import CallToolResult, TextContent, ToolAnnotations

server = MCPServer("growing")


def more() -> str:
    """There is more."""
    return "more"


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
async def grow(ctx: Context) -> str:
    """Add a tool."""
    server.add_tool(more)
    await ctx.notify_tools_changed()
    return "grown"


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
async def headers(ctx: Context, name: str) -> str:
    """Return a header of the request."""
    request: Any = ctx.request_context.request
    return str(request.headers.get(name))


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
async def traced(ctx: Context) -> str:
    """Return the trace that the call says it belongs to."""
    meta: Any = ctx.request_context.meta or {}
    return str(meta.get("traceparent"))


@server.tool()
async def wait(path: str) -> str:
    """Work until the call is cancelled, and write that down."""
    write = Path(path).write_text
    write("working")
    try:
        await anyio.sleep_forever()
    finally:
        write("cancelled")
    return ""


@server.tool()
def huge(count: int) -> CallToolResult:
    """Return a text of so many characters."""
    return CallToolResult(content=[TextContent(text="x" * count)])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", port=int(sys.argv[1]))
    else:
        server.run("stdio")

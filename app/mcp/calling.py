"""What a server is asked for: its list of tools, a call; and what may go wrong in it."""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from app.mcp.cleaning import clean_text
from app.tools.definition import ToolError
from app.tracing import trace_headers

if TYPE_CHECKING:
    from mcp.client.client import Client
    from mcp.shared.dispatcher import ProgressFnT
    from mcp.shared.exceptions import MCPError
    from mcp_types import Tool as RemoteDescription

# OpenAI takes no more in a request.
MOST_TOOLS = 128
# Of a list of tools, to which a server may add pages for ever.
_MOST_PAGES = 20

_REASONS: Mapping[int, str] = {
    401: "wants other credentials",
    403: "does not allow this server to call it",
    404: "is not at its address",
    429: "is called too often",
}


class Failed:
    """The status with which a call was refused, 0 if it was not."""

    status = 0


# Of the call in whose context a request is sent: the package sends it in a task of its own, with
# the context of whoever asked.
FAILED: ContextVar[Failed | None] = ContextVar("failed", default=None)


async def listed(client: "Client") -> "Sequence[RemoteDescription]":
    """Return how the server describes its tools; as many as a model takes."""
    tools: list[RemoteDescription] = []
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        cursor = page.next_cursor
        if cursor is None:
            break
    return tools


async def called(
    client: "Client",
    tool: str,
    shown_name: str,
    arguments: Mapping[str, Any],
    on_progress: "ProgressFnT",
) -> Mapping[str, Any]:
    """Call a tool and return the result as it was in JSON.

    Raises:
        MCPError: the server, or the way to it, has failed.
        ToolError: the result is not as the protocol has it.
    """
    from mcp.client._input_required import InputRequiredRoundsExceededError
    from pydantic import ValidationError

    try:
        result = await client.call_tool(
            tool,
            dict(arguments),
            progress_callback=on_progress,
            # The trace that the call belongs to; over pipes there are no headers.
            meta=dict(trace_headers()) or None,  # type: ignore[arg-type]
        )
    except (ValidationError, RuntimeError, InputRequiredRoundsExceededError) as error:
        raise ToolError(f"What {shown_name} gave cannot be read.", code="INVALID_OUTPUT") from error
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


def is_modern(client: "Client") -> bool:
    """Return whether the server speaks a protocol without sessions, that of 2026-07-28 or later."""
    from mcp_types.version import MODERN_PROTOCOL_VERSIONS

    return client.protocol_version in MODERN_PROTOCOL_VERSIONS


def is_broken_off(error: "MCPError") -> bool:
    """Return whether the way to the server has ended in the middle of a call."""
    from mcp_types import CONNECTION_CLOSED

    return error.code == CONNECTION_CLOSED


def failure(error: "MCPError", shown_name: str, server: str, status: int) -> ToolError:
    """Return what the user and the model are told.

    Args:
        shown_name: the tool's.
        server: its name.
        status: the last status that was an error, 0 if there was none.
    """
    from mcp_types import INTERNAL_ERROR, URL_ELICITATION_REQUIRED

    is_closed = is_broken_off(error)
    if status in _REASONS or (status and (is_closed or error.code == INTERNAL_ERROR)):
        return unreachable(server, status)
    if is_closed:
        return ToolError(
            f"The MCP server {server} broke off before {shown_name} had a result.",
            code="NO_RESULT",
        )
    if error.code == URL_ELICITATION_REQUIRED:
        return ToolError(
            f"{shown_name} wants its user to open a page first, which cannot be done here.",
            code="NEEDS_USER",
        )
    said = clean_text(error.message) or "it does not say why"
    return ToolError(f"{shown_name} was refused: {said}", code="REFUSED")


def unreachable(server: str, status: int) -> ToolError:
    """Return the error of a call that no server has taken."""
    if status in _REASONS:
        return ToolError(f"The MCP server {server} {_REASONS[status]}.", code=f"HTTP_{status}")
    return ToolError(f"The MCP server {server} cannot be reached.", code="UNREACHABLE")


def first_of(error: BaseException) -> BaseException:
    """Return an exception for the log: of a group, which says nothing, its first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error

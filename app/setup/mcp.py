"""The MCP servers that the program and `CHAT_MCP_SERVERS` name."""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.known_secrets import remember
from app.mcp.served_tools import SETTLE_S, ServedTools
from app.mcp.server import MCPServer
from app.mcp.servers_file import ServersRefused, check_names, read_servers
from app.mcp.sessions import Sessions
from app.settings import Settings, SettingsError
from app.tools.tool import Tool


def make_servers(settings: Settings, given: Sequence[MCPServer]) -> Sequence[MCPServer]:
    """Return the servers that are on.

    Args:
        given: made by the program itself.

    Raises:
        SettingsError: the file cannot be used, a server cannot be reached from here in the way it
            is described, or the package is not installed.
    """
    servers = [*given, *_of_file(settings)]
    try:
        check_names(servers)
    except ServersRefused as error:
        raise SettingsError(f"This app {error}.") from None
    if not servers:
        return ()
    if importlib.util.find_spec("mcp") is None:
        raise SettingsError("MCP servers need the package mcp: pip install '.[mcp]'.")
    for server in servers:
        if settings.is_on_lambda and server.address.kind != "http":
            raise SettingsError(
                f"The MCP server {server.name} cannot be used on Lambda, which stops everything "
                "between two requests: only streamable HTTP works there; give it a url."
            )
        remember(*server.secrets)
    return servers


def serve_tools(
    tools: Mapping[str, Tool], servers: Sequence[MCPServer], *, settle_s: float = SETTLE_S
) -> ServedTools:
    """Return the tools of the program together with those of servers."""
    return ServedTools(tools, [Sessions(server) for server in servers], settle_s=settle_s)


def _of_file(settings: Settings) -> Sequence[MCPServer]:
    if settings.mcp_servers is None:
        return ()
    try:
        text = Path(settings.mcp_servers).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"CHAT_MCP_SERVERS names {settings.mcp_servers}, which cannot be read: {error}"
        ) from None
    try:
        return read_servers(text, settings.environment)
    except ServersRefused as error:
        raise SettingsError(f"The file of CHAT_MCP_SERVERS {error}") from None

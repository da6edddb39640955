"""The tools that the settings turn on, and the secret that signs approval requests."""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from app.errors import RequestError
from app.setting_kinds import secret_text
from app.settings import Settings, SettingsError
from app.tools.loading import ToolLoadError, load_tools
from app.tools.standalone import choose_tool
from app.tools.tool import Tool
from app.tools.tool_set import FixedTools, ToolSet

if TYPE_CHECKING:
    from app.mcp.server import MCPServer


class ToolSetup(NamedTuple):
    """The tools of an app.

    Attributes:
        fixed: those that are there all the time, by name.
        tools: all of them.
        asking_servers: the names of the MCP servers whose tools may need approval.
        opening: called when the app starts, in its event loop.
        closing: awaited when it ends.
    """

    fixed: Mapping[str, Tool]
    tools: ToolSet
    asking_servers: Sequence[str] = ()
    opening: Sequence[Callable[[], None]] = ()
    closing: Sequence[Callable[[], Awaitable[None]]] = ()


def set_up_tools(settings: Settings, given: "Sequence[Tool | MCPServer]") -> ToolSetup:
    """Return the tools that are on.

    Args:
        given: made by the program itself.

    Raises:
        SettingsError: a tool or a server cannot be used.
    """
    own = [each for each in given if isinstance(each, Tool)]
    given_servers = [each for each in given if not isinstance(each, Tool)]
    if settings.mcp_servers is None and not given_servers:
        tools = make_tools(settings, own)
        return ToolSetup(tools, FixedTools(tools))
    from app.setup.mcp import make_servers, serve_tools  # by those who have some, for the start

    servers = make_servers(settings, given_servers)
    tools = make_tools(settings, own, has_servers=bool(servers))
    served = serve_tools(tools, servers)
    asking = [server.name for server in servers if server.may_ask]
    return ToolSetup(tools, served, asking, (served.start,), (served.aclose,))


def make_tools(
    settings: Settings, given: Sequence[Tool], *, has_servers: bool = False
) -> Mapping[str, Tool]:
    """Return the tools that are on, by name.

    Args:
        given: tools made by the program itself.
        has_servers: whether there may be more later, of MCP servers.

    Raises:
        SettingsError: a tool cannot be loaded, or the default tool is none of them.
    """
    try:
        tools = load_tools(settings.tools, modules=settings.tool_modules, given=given)
        is_known = settings.default_tool in tools
        if settings.default_tool is not None and (is_known or not has_servers):
            choose_tool(tools, settings.default_tool, default=None)
    except ToolLoadError as error:
        raise SettingsError(str(error)) from error
    except RequestError as error:
        raise SettingsError(f"CHAT_DEFAULT_TOOL has a bad value: {error}") from error
    return tools


def approval_secret(
    settings: Settings, tools: Mapping[str, Tool], *, asking_servers: Sequence[str] = ()
) -> bytes:
    """Return the secret for approvals: the one that is set, else a random one of this process.

    Args:
        asking_servers: the names of MCP servers whose tools may ask.

    Raises:
        SettingsError: a random one will not do, since on Lambda another process may get the reply.
    """
    secret = secret_text(settings.approval_secret)
    if secret is not None:
        return secret.encode()
    asking = [f"the tool {tool.name}" for tool in tools.values() if tool.needs_approval]
    asking += [f"the MCP server {name}" for name in asking_servers]
    if asking and settings.is_on_lambda:
        raise SettingsError(
            f"CHAT_APPROVAL_SECRET is missing: {asking[0]} asks for approval, and on "
            "Lambda another process may get the answer."
        )
    return secrets.token_bytes(32)

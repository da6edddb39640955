"""The tools that the settings turn on, and the secret that signs approval requests."""

import secrets
from collections.abc import Mapping, Sequence

from app.errors import RequestError
from app.setting_kinds import secret_text
from app.settings import Settings, SettingsError
from app.tools.loading import ToolLoadError, load_tools
from app.tools.standalone import choose_tool
from app.tools.tool import Tool


def make_tools(settings: Settings, given: Sequence[Tool]) -> Mapping[str, Tool]:
    """Return the tools that are on, by name.

    Args:
        given: tools made by the program itself.

    Raises:
        SettingsError: a tool cannot be loaded, or the default tool is none of them.
    """
    try:
        tools = load_tools(settings.tools, modules=settings.tool_modules, given=given)
        if settings.default_tool is not None:
            choose_tool(tools, settings.default_tool, default=None)
    except ToolLoadError as error:
        raise SettingsError(str(error)) from error
    except RequestError as error:
        raise SettingsError(f"CHAT_DEFAULT_TOOL has a bad value: {error}") from error
    return tools


def approval_secret(settings: Settings, tools: Mapping[str, Tool]) -> bytes:
    """Return the secret for approvals: the one that is set, else a random one of this process.

    Raises:
        SettingsError: a random one will not do, since on Lambda another process may get the reply.
    """
    secret = secret_text(settings.approval_secret)
    if secret is not None:
        return secret.encode()
    asking = [tool.name for tool in tools.values() if tool.needs_approval]
    if asking and settings.is_on_lambda:
        raise SettingsError(
            f"CHAT_APPROVAL_SECRET is missing: the tool {asking[0]} asks for approval, and on "
            "Lambda another process may get the answer."
        )
    return secrets.token_bytes(32)

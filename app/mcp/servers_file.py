"""Reads the file that `CHAT_MCP_SERVERS` names: MCP servers in the shape that many programs share.

    {"mcpServers": {
       "files":  {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "."]},
       "issues": {"type": "http", "url": "https://mcp.example.com/mcp",
                  "headers": {"Authorization": "Bearer ${ISSUES_TOKEN}"},
                  "allow": ["search"], "needsApproval": {"search": false}, "timeout": 30}}}

``allow``, ``needsApproval`` and ``timeout`` (seconds) are ours. A key that nobody knows is refused:
what is misspelt would silently allow more. ``${NAME}`` in a text is a variable of the environment,
``${NAME:-text}`` with a default.

Source of the shape: the settings of Claude Desktop, Claude Code and VS Code (2026).
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.mcp.names import mixed_up
from app.mcp.server import MCPServer
from app.tools.definition import ToolDefinitionError
from app.tools.tool import DEFAULT_TIMEOUT_S

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
# What the field calls the two transports with a URL.
_TRANSPORTS: Mapping[str, str] = {
    **dict.fromkeys(("http", "streamable-http", "streamable_http", "streamableHttp"), "http"),
    "sse": "sse",
}
_KEYS = (
    *("type", "transport", "command", "args", "env", "cwd", "url", "headers"),
    *("allow", "needsApproval", "timeout", "disabled"),
    # Of other programs, and of no consequence here.
    *("description", "name", "icon", "version"),
)


class ServersRefused(ValueError):
    """The file cannot be used; the message is the rest of a sentence that begins with its name."""


def read_servers(text: str, environment: Mapping[str, str]) -> Sequence[MCPServer]:
    """Return the servers of a file.

    Args:
        text: of the file.
        environment: what ``${NAME}`` is looked up in.

    Raises:
        ServersRefused: something in it cannot be used.
    """
    try:
        whole = json.loads(text)
    except ValueError as error:
        raise ServersRefused(f"is not JSON: {error}") from None
    described = whole.get("mcpServers") if isinstance(whole, dict) else None
    if not isinstance(described, dict):
        raise ServersRefused('must be {"mcpServers": {"name": {…}}}')
    servers = []
    for name, entry in described.items():
        if not isinstance(entry, dict):
            raise ServersRefused(f"must have an object for {name}")
        if entry.get("disabled") is True:
            continue
        try:
            servers.append(_server(name, _expanded(entry, environment)))
        except (ServersRefused, ToolDefinitionError) as error:
            raise ServersRefused(f"describes {name} as cannot be used: {error}") from None
    check_names(servers)
    return servers


def check_names(servers: Sequence[MCPServer]) -> None:
    """Refuse servers whose tools could get the same name.

    Raises:
        ServersRefused: two could.
    """
    names = mixed_up(server.name for server in servers)
    if names is not None:
        raise ServersRefused(
            f"has servers {names[0]} and {names[1]}, whose tools could get the same name; "
            "give one of them another name"
        )


def _server(name: str, entry: Mapping[str, Any]) -> MCPServer:
    unknown = sorted(set(entry) - set(_KEYS))
    if unknown:
        raise ServersRefused(f"{unknown[0]} is not one of {', '.join(_KEYS[:12])}.")
    kind = _text(entry, "type") or _text(entry, "transport")
    url, command = _text(entry, "url"), _text(entry, "command")
    if kind is not None and kind != "stdio" and kind not in _TRANSPORTS:
        raise ServersRefused(f"type must be stdio, http or sse, not {kind!r}.")
    if (kind == "stdio" and command is None) or (kind in _TRANSPORTS and url is None):
        raise ServersRefused(f"type {kind} needs a {'command' if kind == 'stdio' else 'url'}.")
    timeout_s = entry.get("timeout", DEFAULT_TIMEOUT_S)
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float):
        raise ServersRefused("timeout must be a number of seconds.")
    return MCPServer(
        url,
        command=command,
        args=_texts(entry, "args") or (),
        env=_names(entry, "env"),
        cwd=_text(entry, "cwd"),
        name=name,
        transport="sse" if kind == "sse" else "http",
        headers=_names(entry, "headers"),
        allow=_texts(entry, "allow"),
        needs_approval=_approval(entry.get("needsApproval")),
        timeout_s=timeout_s,
    )


def _approval(value: Any) -> bool | Mapping[str, bool] | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, dict) and all(isinstance(each, bool) for each in value.values()):
        return value
    raise ServersRefused('needsApproval must be true, false, or {"tool": true}.')


def _text(entry: Mapping[str, Any], key: str) -> str | None:
    value = entry.get(key)
    if value is None or isinstance(value, str):
        return value
    raise ServersRefused(f"{key} must be a text.")


def _texts(entry: Mapping[str, Any], key: str) -> Sequence[str] | None:
    value = entry.get(key)
    if value is None:
        return None
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    raise ServersRefused(f"{key} must be a list of texts.")


def _names(entry: Mapping[str, Any], key: str) -> Mapping[str, str] | None:
    value = entry.get(key)
    if value is None:
        return None
    if isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
        return value
    raise ServersRefused(f"{key} must be an object of texts.")


def _expanded(value: Any, environment: Mapping[str, str]) -> Any:
    """Return ``value`` with the variables in its texts replaced."""
    if isinstance(value, dict):
        return {key: _expanded(item, environment) for key, item in value.items()}
    if isinstance(value, list):
        return [_expanded(item, environment) for item in value]
    if not isinstance(value, str):
        return value

    def found(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        text = environment.get(name, default)
        if text is None:
            raise ServersRefused(f"the variable {name} is not set.")
        return text

    return _VARIABLE.sub(found, value)

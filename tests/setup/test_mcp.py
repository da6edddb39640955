"""The MCP servers of the program and of CHAT_MCP_SERVERS."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from app.known_secrets import mask
from app.mcp.server import MCPServer
from app.settings import Settings, SettingsError
from app.setup.mcp import make_servers
from app.setup.tools import approval_secret, set_up_tools
from app.tools import tool

pytest.importorskip("mcp")


@tool
def look() -> None:
    """Look."""


def written(folder: Path, servers: Any) -> Settings:
    file = folder / "servers.json"
    file.write_text(json.dumps({"mcpServers": servers}))
    return Settings(mcp_servers=str(file))


def test_those_of_the_file_come_after_the_programs(tmp_path: Path) -> None:
    settings = written(tmp_path, {"files": {"command": "npx"}})

    servers = make_servers(settings, [MCPServer("https://a", name="own")])

    assert [server.name for server in servers] == ["own", "files"]


def test_a_variable_of_the_environment_is_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISSUES_TOKEN", "t0ken-of-issues")
    headers = {"Authorization": "Bearer ${ISSUES_TOKEN}"}

    make_servers(written(tmp_path, {"a": {"url": "https://a", "headers": headers}}), [])

    assert mask("it said t0ken-of-issues") == "it said [secret]"


def test_a_file_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"CHAT_MCP_SERVERS names .*which cannot be read"):
        make_servers(Settings(mcp_servers=str(tmp_path / "none")), [])
    with pytest.raises(SettingsError, match="The file of CHAT_MCP_SERVERS describes a as cannot"):
        make_servers(written(tmp_path, {"a": {}}), [])


def test_two_servers_of_one_name_stop_the_start(tmp_path: Path) -> None:
    settings = written(tmp_path, {"own": {"command": "npx"}})

    with pytest.raises(SettingsError, match="This app has servers own and own"):
        make_servers(settings, [MCPServer("https://a", name="own")])


def test_without_the_package_the_start_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(SettingsError, match=r"pip install '.\[mcp\]'"):
        make_servers(Settings(), [MCPServer("https://a")])


@pytest.mark.parametrize(
    "server",
    [MCPServer(command="npx"), MCPServer("https://a", transport="sse")],
    ids=["stdio", "sse"],
)
def test_on_lambda_only_streamable_http_will_do(
    server: MCPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "chat")

    with pytest.raises(SettingsError, match=r"cannot be used on Lambda.*only streamable HTTP"):
        make_servers(Settings(), [server])
    assert make_servers(Settings(), [MCPServer("https://a")])


def test_on_lambda_a_server_that_may_ask_needs_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "chat")
    asking = set_up_tools(Settings(), [look, MCPServer("https://a", name="a")])
    never = set_up_tools(Settings(), [MCPServer("https://a", name="a", needs_approval=False)])

    with pytest.raises(SettingsError, match="is missing: the MCP server a asks for approval"):
        approval_secret(Settings(), asking.fixed, asking_servers=asking.asking_servers)
    assert never.asking_servers == []


def test_a_default_tool_may_be_a_servers() -> None:
    settings = Settings(default_tool="a_search")

    assert set_up_tools(settings, [look, MCPServer("https://a", name="a")]).fixed == {"look": look}
    with pytest.raises(SettingsError, match="CHAT_DEFAULT_TOOL has a bad value"):
        set_up_tools(settings, [look])

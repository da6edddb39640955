"""How a server is described."""

from typing import Any

import pytest

from app.mcp.server import MCPServer
from app.tools import ToolDefinitionError


@pytest.mark.parametrize(
    ("server", "name"),
    [
        (MCPServer("https://mcp.example.com/mcp"), "mcp_example_com"),
        (MCPServer(command="/usr/bin/uvx", args=["mcp-server-time"]), "uvx"),
        (MCPServer(command="npx", name="my files"), "my_files"),
    ],
)
def test_a_server_has_a_name(server: MCPServer, name: str) -> None:
    assert server.name == name
    assert repr(server) == f"<MCPServer {name}>"


@pytest.mark.parametrize(
    ("described", "reason"),
    [
        ({}, "a url or a command"),
        ({"url": "https://a", "command": "b"}, "a url or a command"),
        ({"url": "a.example.com"}, r"an http\(s\) address"),
        ({"command": "a", "headers": {"x": "y"}}, "has no headers; give it env"),
        ({"command": "a", "allow": "search"}, "must be a list"),
        ({"command": "a", "timeout_s": 0}, "more than 0 seconds"),
        ({"command": "a", "name": "?"}, "cannot be called"),
    ],
    ids=str,
)
def test_a_server_that_cannot_be_is_refused(described: dict[str, Any], reason: str) -> None:
    with pytest.raises(ToolDefinitionError, match=reason):
        MCPServer(**described)


def test_the_user_is_asked_unless_the_server_says_that_a_tool_only_reads() -> None:
    server = MCPServer("https://a")

    assert server.needs_approval("search", only_reads=True) is False
    assert server.needs_approval("delete", only_reads=False) is True
    assert server.may_ask


def test_who_is_asked_can_be_said_for_all_tools_or_for_each() -> None:
    always, never = (
        MCPServer("https://a", needs_approval=True),
        MCPServer("https://a", needs_approval=False),
    )
    each = MCPServer("https://a", needs_approval={"search": True, "delete": False})

    assert always.needs_approval("search", only_reads=True) is True
    assert never.needs_approval("delete", only_reads=False) is False
    assert not never.may_ask
    assert each.needs_approval("search", only_reads=True) is True
    assert each.needs_approval("delete", only_reads=False) is False
    assert each.needs_approval("other", only_reads=False) is True


async def test_headers_may_be_an_owners() -> None:
    async def later(owner: str) -> dict[str, str]:
        return {"authorization": f"Bearer {owner}"}

    fixed = MCPServer("https://a", headers={"x": "y"})
    now = MCPServer("https://a", headers=lambda owner: {"x-user": owner})

    assert await fixed.headers_for("ann") == {"x": "y"}
    assert await now.headers_for("ann") == {"x-user": "ann"}
    assert await MCPServer("https://a", headers=later).headers_for("ann") == {
        "authorization": "Bearer ann"
    }
    assert await MCPServer("https://a").headers_for("ann") == {}
    assert (fixed.is_by_owner, now.is_by_owner) == (False, True)


def test_what_a_server_is_given_is_secret() -> None:
    headers = {"Authorization": "Bearer abcdefgh1"}
    program = MCPServer(command="a", env={"API_KEY": "abcdefgh2", "LEVEL": "high"})

    assert set(MCPServer("https://a", headers=headers).secrets) >= {"abcdefgh1"}
    assert list(program.secrets) == ["abcdefgh2"]
    assert "pa55word" in MCPServer("https://u:pa55word@a").secrets

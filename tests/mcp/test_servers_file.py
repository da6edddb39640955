"""The file of CHAT_MCP_SERVERS."""

import json
from typing import Any

import pytest

from app.mcp.server import MCPServer
from app.mcp.servers_file import ServersRefused, check_names, read_servers


def read(servers: Any, **environment: str) -> list[MCPServer]:
    return list(read_servers(json.dumps({"mcpServers": servers}), environment))


def test_programs_and_addresses_are_servers() -> None:
    files, issues, old = read(
        {
            "files": {
                "command": "npx",
                "args": ["-y", "server"],
                "env": {"LEVEL": "1"},
                "cwd": "/srv",
            },
            "issues": {
                "type": "streamable-http",
                "url": "https://mcp.example.com/mcp",
                "headers": {"Authorization": "Bearer ${TOKEN}"},
                "allow": ["search"],
                "needsApproval": {"search": False},
                "timeout": 30,
                "description": "Other programs read this.",
            },
            "old": {"transport": "sse", "url": "http://127.0.0.1:1/sse", "needsApproval": True},
            "gone": {"disabled": True, "nonsense": 1},
        },
        TOKEN="t0ken",
    )

    assert (files.name, files.address.kind) == ("files", "stdio")
    assert files.address.command == ("npx", "-y", "server")
    assert files.address.env == {"LEVEL": "1"}
    assert files.address.cwd == "/srv"
    assert issues.address.kind == "http"
    assert issues.secrets == ["Bearer t0ken", "t0ken"]
    assert issues.allows("search")
    assert not issues.allows("delete")
    assert issues.needs_approval("search", only_reads=False) is False
    assert issues.timeout_s == 30
    assert old.address.kind == "sse"
    assert old.needs_approval("x", only_reads=True) is True


def test_variables_may_have_a_default() -> None:
    entry = {"x": {"command": "${HOME_OF_IT:-/opt}/bin", "args": ["${EMPTY:-}", "$PLAIN", "${A}"]}}

    (server,) = read(entry, A="a")

    assert server.address.command == ("/opt/bin", "", "$PLAIN", "a")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is not JSON"),
        ("[]", 'must be {"mcpServers"'),
        ('{"servers": {}}', 'must be {"mcpServers"'),
    ],
)
def test_another_file_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ServersRefused, match=reason):
        read_servers(text, {})


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("npx", "must have an object for x"),
        ({}, "Give an MCPServer a url or a command"),
        ({"command": "a", "url": "http://a"}, "Give an MCPServer a url or a command"),
        ({"command": "a", "alow": ["b"]}, "alow is not one of type, transport, command"),
        ({"command": "a", "type": "pipe"}, "type must be stdio, http or sse, not 'pipe'"),
        ({"command": "a", "type": "http"}, "type http needs a url"),
        ({"url": "http://a", "type": "stdio"}, "type stdio needs a command"),
        ({"command": 1}, "command must be a text"),
        ({"command": "a", "args": "b"}, "args must be a list of texts"),
        ({"command": "a", "env": {"B": 1}}, "env must be an object of texts"),
        ({"command": "a", "allow": [1]}, "allow must be a list of texts"),
        ({"command": "a", "timeout": True}, "timeout must be a number of seconds"),
        ({"command": "a", "timeout": 0}, "more than 0 seconds"),
        ({"command": "a", "needsApproval": ["b"]}, "needsApproval must be true, false, or"),
        ({"command": "a", "needsApproval": {"b": 1}}, "needsApproval must be true, false, or"),
        ({"command": "${NOWHERE}"}, "the variable NOWHERE is not set"),
        ({"url": "ftp://a"}, r"must be an http\(s\) address"),
    ],
    ids=str,
)
def test_what_is_misspelt_is_refused_in_a_sentence(entry: Any, reason: str) -> None:
    with pytest.raises(ServersRefused, match=reason):
        read({"x": entry})


def test_servers_that_could_be_mixed_up_are_refused() -> None:
    with pytest.raises(ServersRefused, match="has servers git and git_hub, whose tools could"):
        read({"git_hub": {"command": "a"}, "git": {"command": "b"}})
    check_names([])

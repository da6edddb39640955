"""`/mcp` on Lambda: the official client uses the tools of a function, through our runtime."""

from pathlib import Path

import httpx2
import pytest

from tests.emulator.emulation import OURS, PATIENCE_S, emulator

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

_VARIABLES = {
    "_HANDLER": "app.main.create_lean_app",
    "CHAT_TOOL_MODULES": "tests.emulator.functions.tools",
    "CHAT_AUTH_TOKEN": "t0ken-of-mcp",
    "CHAT_APPROVAL_SECRET": "of-the-function",
}
_SIGNED_IN = {"authorization": "Bearer t0ken-of-mcp"}


@pytest.mark.parametrize("path", ["/mcp", "/api/mcp"])
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_official_client_uses_the_tools_of_a_function(
    mode: str, path: str, tmp_path: Path
) -> None:
    pytest.importorskip("mcp")
    from mcp import Client, MCPError
    from mcp.client.streamable_http import streamable_http_client

    shown: list[str | None] = []
    gate = tmp_path / "gate"

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        # The tool ends only after this: it could not, if what it says came with its result.
        shown.append(message)
        gate.touch()

    async with (
        emulator(OURS, variables=_VARIABLES) as running,
        httpx2.AsyncClient(headers=_SIGNED_IN, timeout=PATIENCE_S) as http,
        Client(streamable_http_client(running.url + path, http_client=http), mode=mode) as client,
    ):
        listed = await client.list_tools()
        added = await client.call_tool("add", {"a": 1, "b": 2})
        failed = await client.call_tool("fail", {})
        waited = await client.call_tool("wait", {"path": str(gate)}, progress_callback=on_progress)
        with pytest.raises(MCPError, match="Unknown tool: pay"):
            await client.call_tool("pay", {})

    assert sorted(tool.name for tool in listed.tools) == ["add", "fail", "wait"]
    assert added.structured_content == {"sum": 3}
    assert failed.is_error
    assert "The shop is closed." in str(failed.content)
    assert "done" in str(waited.content)
    assert shown == ["Waiting"]


async def test_a_function_asks_agents_for_the_token_too() -> None:
    ask = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    async with (
        emulator(OURS, variables=_VARIABLES) as running,
        httpx2.AsyncClient(base_url=running.url, timeout=PATIENCE_S) as http,
    ):
        refused = await http.post("/mcp", json=ask)
        listed = await http.post("/mcp", json=ask, headers=_SIGNED_IN)

    assert refused.status_code == 401
    assert [tool["name"] for tool in listed.json()["result"]["tools"]] == ["add", "wait", "fail"]

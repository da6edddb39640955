"""The tools of the program together with those of servers."""

import asyncio
import time
from typing import Any

import pytest

from app.mcp.calling import MOST_TOOLS
from app.mcp.served_tools import ServedTools
from app.mcp.server import MCPServer
from app.mcp.sessions import Sessions
from app.tools import Tool, tool
from tests.mcp import real


@tool
def every_echo() -> str:
    """Our own."""
    return "ours"


def tools(*names: str) -> dict[str, Tool]:
    return {name: Tool(name, description="", parameters={}, parse=dict, run=None) for name in names}


class Listed(Sessions):
    """A server that says at once what it has."""

    def __init__(self, *names: str) -> None:
        super().__init__(MCPServer("http://127.0.0.1:9"))
        self._listed = tools(*names)

    def tools_of(self, owner: str) -> dict[str, Tool]:
        return self._listed


def test_the_programs_own_tools_stay_what_they_are() -> None:
    served = ServedTools({"every_echo": every_echo}, [Listed("every_echo", "every_more")])

    assert served.of("")["every_echo"] is every_echo
    assert list(served.of("")) == ["every_echo", "every_more"]


def test_a_model_is_offered_no_more_than_it_takes(caplog: pytest.LogCaptureFixture) -> None:
    many = Listed(*(f"a_{number}" for number in range(MOST_TOOLS)))

    few = ServedTools({"every_echo": every_echo}, [many])
    own = ServedTools(tools(*(f"b_{number}" for number in range(200))), [many])

    assert len(few.of("")) == MOST_TOOLS
    assert "every_echo" in few.of("")
    assert len(own.of("")) == 200
    assert "there are 129 tools" in caplog.text


async def test_a_dead_server_holds_up_nobody_for_long() -> None:
    dead = MCPServer("http://127.0.0.1:9/mcp", name="dead")
    served = ServedTools({"every_echo": every_echo}, [Sessions(dead)], settle_s=real.PATIENCE_S)
    served.start()

    assert list(served.of("")) == ["every_echo"]
    assert not served.is_settled("")
    await served.settle("")  # the first attempt is over: nobody waits any more

    assert served.is_settled("")
    await served.aclose()


async def test_a_silent_server_is_waited_for_once() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: Any) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        server = MCPServer(f"http://127.0.0.1:{port}/mcp", name="silent")
        served = ServedTools({}, [Sessions(server)], settle_s=0.05)
        began = time.monotonic()

        await served.settle("")

        assert time.monotonic() - began < real.PATIENCE_S
        assert served.is_settled("")
        await served.aclose()

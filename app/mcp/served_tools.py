"""The tools of the program together with those that MCP servers have at the moment."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence

from app.mcp.calling import MOST_TOOLS
from app.mcp.sessions import Sessions
from app.seldom_warning import SeldomWarning
from app.tools.tool import Tool

logger = logging.getLogger("deltaline.mcp")

# How long a turn waits for servers that are asked for the first time, in seconds: the first chat
# after a start has tools, and a server that is dead does not hold it up for long.
SETTLE_S = 5.0


class ServedTools:
    """A `ToolSet` with MCP servers.

    Args:
        tools: those of the program, by name. No server can take the place of one.
        servers: in the order of their tools.
        settle_s: how long a turn waits at most.
    """

    def __init__(
        self, tools: Mapping[str, Tool], servers: Sequence[Sessions], *, settle_s: float = SETTLE_S
    ) -> None:
        self._tools = tools
        self._servers = servers
        self._settle_s = settle_s
        self._warn = SeldomWarning(
            logger, "there are %d tools, more than a model takes; those beyond %d are left out"
        )

    def start(self) -> None:
        """Open the sessions, and wait for nothing."""
        for sessions in self._servers:
            sessions.start()

    async def aclose(self) -> None:
        """Close the sessions."""
        await asyncio.gather(*(sessions.aclose() for sessions in self._servers))

    def of(self, owner: str) -> Mapping[str, Tool]:
        all_tools = dict(self._tools)
        for sessions in self._servers:
            for name, tool in sessions.tools_of(owner).items():
                all_tools.setdefault(name, tool)
        if len(all_tools) <= MOST_TOOLS or len(self._tools) == len(all_tools):
            return all_tools
        self._warn(time.monotonic(), len(all_tools), MOST_TOOLS)
        most = max(MOST_TOOLS, len(self._tools))
        return dict(list(all_tools.items())[:most])

    def is_settled(self, owner: str) -> bool:
        return all(sessions.is_settled(owner) for sessions in self._servers)

    async def settle(self, owner: str) -> None:
        await asyncio.gather(*(each.settled(owner, self._settle_s) for each in self._servers))

"""The sessions with one MCP server, and its tools: one for all owners, or one for each."""

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.mcp.calling import MOST_TOOLS
from app.mcp.cleaning import clean_schema, clean_text
from app.mcp.connection import Connection
from app.mcp.names import tool_names
from app.mcp.server import MCPServer
from app.tools.context import ToolContext
from app.tools.tool import OnPreliminary, Tool, describe_input

if TYPE_CHECKING:
    from mcp_types import Tool as RemoteDescription

logger = logging.getLogger("deltaline.mcp")

# Sessions of owners who are not here any more are closed, in seconds after their last call.
IDLE_S = 600.0
MOST_OWNERS = 1000


class Sessions:
    """The sessions with one server.

    Args:
        server: where it is and what is used of it.
        now: seconds, monotonic.
    """

    def __init__(
        self,
        server: MCPServer,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.server = server
        self._now = now
        self._connections: dict[str, Connection] = {}
        self._tools: dict[str, Mapping[str, Tool]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def tools_of(self, owner: str) -> Mapping[str, Tool]:
        """Return the tools that an owner may use, by our names, as they were listed last."""
        return self._tools.get(self._key(owner), {})

    def is_settled(self, owner: str) -> bool:
        """Return whether it is known by now what tools there are, or that there are none."""
        connection = self._connections.get(self._key(owner))
        return connection is not None and connection.is_settled

    def start(self) -> None:
        """Open the session that all owners share, if there is one, and wait for nothing."""
        if not self.server.is_by_owner:
            self.connection("").start()

    async def settled(self, owner: str, wait_s: float) -> None:
        """Wait until the first attempt to open the owner's session is over, or the time is."""
        await self.connection(owner).settled(wait_s)

    def connection(self, owner: str) -> Connection:
        """Return the session of an owner, which may have to be opened first."""
        key = self._key(owner)
        known = self._connections.get(key)
        if known is None:
            self._make_room()
            known = self._connections[key] = Connection(
                self.server.name,
                self.server.address,
                functools.partial(self.server.headers_for, key),
                functools.partial(self._take, key),
                now=self._now,
            )
        known.used = self._now()
        return known

    async def aclose(self) -> None:
        """Close all sessions."""
        connections = list(self._connections.values())
        await asyncio.gather(*(each.aclose() for each in connections), *self._closing)

    def _key(self, owner: str) -> str:
        return owner if self.server.is_by_owner else ""

    def _make_room(self) -> None:
        unused = sorted(
            ((each.used, key) for key, each in self._connections.items() if not each.is_in_use)
        )
        least = self._now() - IDLE_S
        too_many = len(self._connections) + 1 - MOST_OWNERS
        for number, (used, key) in enumerate(unused):
            if used < least or number < too_many:
                self._tools.pop(key, None)
                task = asyncio.create_task(self._connections.pop(key).aclose())
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)

    def _take(self, key: str, listed: "Sequence[RemoteDescription]") -> None:
        """Make tools of what the server says that it has."""
        allowed = [each for each in listed if self.server.allows(each.name)]
        names = tool_names(self.server.name, (each.name for each in allowed))
        tools = {}
        for each in allowed[:MOST_TOOLS]:
            tool = self._tool(each, names[each.name])
            if tool is None:
                logger.warning(
                    "the tool %s of MCP server %s is left out: its input cannot be described",
                    names[each.name],
                    self.server.name,
                )
            else:
                tools[tool.name] = tool
        if self._connections.get(key) is not None:
            self._tools[key] = tools

    def _tool(self, described: "RemoteDescription", name: str) -> Tool | None:
        schema = clean_schema(described.input_schema)
        if schema is None or not _is_valid(schema) or _is_a_task(described):
            return None
        parameters, parse, plain_form = describe_input(name, schema, None)
        notes = described.annotations
        return Tool(
            name,
            description=clean_text(described.description or described.title or ""),
            parameters=parameters,
            parse=parse,
            run=functools.partial(self._call, described.name, name),
            needs_approval=self.server.needs_approval(
                described.name, only_reads=notes is not None and notes.read_only_hint is True
            ),
            plain_form=plain_form,
            timeout_s=self.server.timeout_s,
        )

    async def _call(
        self,
        tool: str,
        shown_name: str,
        arguments: Mapping[str, Any],
        context: ToolContext,
        on_preliminary: OnPreliminary,
    ) -> Any:
        connection = self.connection(context.owner)
        return await connection.call(tool, shown_name, arguments, context)


def _is_valid(schema: Mapping[str, Any]) -> bool:
    from jsonschema import Draft202012Validator, SchemaError  # brought by the package

    try:
        Draft202012Validator.check_schema(schema)
    except (SchemaError, RecursionError):
        return False
    return True


def _is_a_task(described: "RemoteDescription") -> bool:
    """Return whether the tool can only be called as a task, which we cannot do."""
    execution = getattr(described, "execution", None)
    return execution is not None and execution.task_support == "required"

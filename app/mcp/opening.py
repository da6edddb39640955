"""Opens a session with an MCP server, through the package's client.

Everything of the package is imported here and in what this module calls, when the first server is
asked for: it takes more than a second.
"""

import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from app import __version__
from app.mcp.calling import is_modern
from app.mcp.stdio import stdio

if TYPE_CHECKING:
    import httpx2
    from mcp.client.client import Client
    from mcp.client.session import ElicitationFnT, IncomingMessage, SamplingFnT

# What they log holds ids of sessions and what servers send; what matters is in our own lines.
_PACKAGES = ("mcp", "client", "httpx2")

TransportKind: TypeAlias = Literal["stdio", "http", "sse"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where a server is, and what it may ask of us.

    Attributes:
        url: of ``http`` and ``sse``.
        command: of ``stdio``, with its arguments.
        env: what the program gets besides what every program needs.
        auth: signs requests, as `mcp.client.auth` does.
        on_elicitation, on_sampling: answer the server's questions; `None`: it may not ask.
    """

    kind: TransportKind
    url: str = ""
    command: tuple[str, ...] = ()
    env: Mapping[str, str]
    cwd: str | None = None
    auth: "httpx2.Auth | None" = None
    on_elicitation: "ElicitationFnT | None" = None
    on_sampling: "SamplingFnT | None" = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Listener:
    """Who hears of a session.

    Attributes:
        on_end: called when the server can be reached no more. May be called often.
        on_status: called with the status of each response that is an error.
        on_change: called when the server has other tools.
        on_log: called with level and data of a log message.
    """

    on_end: Callable[[], None]
    on_status: Callable[[int], None]
    on_change: Callable[[], None]
    on_log: Callable[[str, Any], None]


@contextlib.asynccontextmanager
async def session(
    name: str, address: Address, headers: Mapping[str, str], listener: Listener
) -> "AsyncIterator[Client]":
    """Give a client that is connected; close it with the block.

    Args:
        name: of the server, for the log.
        headers: of all requests to it.

    Raises:
        Exception: whatever the server, its program or the way to it gave rise to.
    """
    from mcp.client.client import Client
    from mcp_types import Implementation, LoggingMessageNotificationParams
    from mcp_types import ToolListChangedNotification as ToolsChanged

    for package in _PACKAGES:
        logging.getLogger(package).setLevel(logging.CRITICAL)

    async def on_message(message: "IncomingMessage") -> None:
        if isinstance(message, ToolsChanged):
            listener.on_change()

    async def on_log(params: LoggingMessageNotificationParams) -> None:
        listener.on_log(params.level, params.data)

    async with _transport(name, address, headers, listener) as transport:
        client = Client(
            transport,
            mode="legacy" if address.kind == "sse" else "auto",
            client_info=Implementation(name="deltaline", version=__version__),
            message_handler=on_message,
            logging_callback=on_log,
            log_level="info",
            elicitation_callback=address.on_elicitation,
            sampling_callback=address.on_sampling,
            cache=None,
        )
        async with client:
            # The package checks structured content with the patterns that the server gave, in
            # this event loop; one such as (a+)+$ takes years.
            client.session.validate_tool_result = _unchecked  # type: ignore[method-assign]
            yield client


@contextlib.asynccontextmanager
async def _transport(
    name: str, address: Address, headers: Mapping[str, str], listener: Listener
) -> AsyncIterator[Any]:
    if address.kind == "stdio":
        yield stdio(
            name,
            address.command[0],
            address.command[1:],
            env=address.env,
            cwd=address.cwd,
            on_end=listener.on_end,
        )
        return
    from app.mcp.http_peer import MOST_EVENT_BYTES, PeerClient

    own_headers = headers

    # The parameters are those that the package asks for; it has nothing to say in them.
    def peer(headers: Any = None, timeout: Any = None, auth: Any = None) -> PeerClient:
        return PeerClient(
            own_headers,
            auth=address.auth,
            on_failure=listener.on_end,
            on_status=listener.on_status,
        )

    if address.kind == "sse":
        from mcp.client.sse import sse_client

        yield sse_client(address.url, httpx_client_factory=peer)
        return
    from mcp.client.streamable_http import streamable_http_client

    async with peer() as http:
        yield streamable_http_client(
            address.url, http_client=http, max_sse_event_size=MOST_EVENT_BYTES
        )


async def _unchecked(name: str, result: object) -> None:
    """Take structured content as it is. A schema is what a server says of itself."""


async def follow_changes(client: "Client", on_change: Callable[[], None]) -> None:
    """Call ``on_change`` whenever a server of the newest protocol has other tools.

    Servers of earlier ones say so unasked.
    """
    tools = client.server_capabilities.tools
    if not is_modern(client) or not (tools and tools.list_changed):
        return
    async with client.listen(tools_list_changed=True) as changes:
        on_change()  # what has happened before it could be heard
        async for _ in changes:
            on_change()


async def ask_for_log(client: "Client") -> None:
    """Ask a server of an earlier protocol for log messages that a user may be shown."""
    from mcp_types import EmptyResult, SetLevelRequest, SetLevelRequestParams

    if is_modern(client) or not client.server_capabilities.logging:
        return
    request = SetLevelRequest(params=SetLevelRequestParams(level="info"))
    await client.session.send_request(request, EmptyResult)

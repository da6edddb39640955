"""One session with an MCP server, kept open for all turns, and opened again when it is lost.

A task of its own holds the session, since the package's streams are closed by who opened them. The
calls of turns go through it side by side.
"""

import asyncio
import contextlib
import contextvars
import importlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.causes import described
from app.known_secrets import remember
from app.mcp.calling import (
    FAILED,
    Failed,
    called,
    failure,
    first_of,
    is_broken_off,
    is_modern,
    listed,
    unreachable,
)
from app.mcp.opening import Address, Listener, ask_for_log, follow_changes, session
from app.mcp.progress import Trickle, log_line, progress_line
from app.mcp.results import result_of
from app.threads import run_in_thread
from app.tools.context import ToolContext

if TYPE_CHECKING:
    from mcp.client.client import Client
    from mcp_types import Tool as RemoteDescription

logger = logging.getLogger("deltaline.mcp")

# In seconds. A program may have to be installed by its own command (npx, uvx).
CONNECT_S = 60.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
# A list is read again that often, since the news of a change may get lost; it is a sign of life.
LIST_AGAIN_S = 300.0
# How long a call waits for a session that is being opened again.
CALL_WAITS_S = 5.0
_CLOSE_S = 8.0


class Connection:
    """A session that is opened when `start` is called first, and then kept.

    Args:
        name: of the server.
        address: where it is.
        headers: gives the headers of its requests, anew for each session.
        on_tools: called with the server's own description of its tools, whenever they were read.
        now: seconds, monotonic.

    Attributes:
        used: when it was last asked for, on the clock of ``now``.
    """

    def __init__(
        self,
        name: str,
        address: Address,
        headers: Callable[[], Awaitable[Mapping[str, str]]],
        on_tools: "Callable[[Sequence[RemoteDescription]], None]",
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._address = address
        self._headers = headers
        self._on_tools = on_tools
        self._now = now
        self._task: asyncio.Task[None] | None = None
        self._client: Client | None = None
        self._status = 0
        self._connected = asyncio.Event()  # there is a session
        self._tried = asyncio.Event()  # the first attempt is over
        self._news = asyncio.Event()  # the list may have changed, or the session be lost
        self._wanted = asyncio.Event()  # somebody waits for a session
        self._is_lost = False
        self._is_closed = False
        self._has_tried_patience = False
        self._contexts: dict[object, ToolContext] = {}
        self.used = now()

    @property
    def is_settled(self) -> bool:
        """Whether the first attempt to open a session is over, or was waited for long enough."""
        return self._tried.is_set() or self._has_tried_patience

    @property
    def is_in_use(self) -> bool:
        """Whether a call is running."""
        return bool(self._contexts)

    def start(self) -> None:
        """Begin to open the session, unless that has been done."""
        self.used = self._now()
        if self._is_closed:
            return
        if self._task is None or self._task.done():
            # Not in the context of whoever asks first: the task outlives him.
            context = contextvars.Context()
            self._task = asyncio.create_task(self._keep(), name=self._name, context=context)

    async def settled(self, wait_s: float) -> None:
        """Wait until the first attempt is over, but no longer than ``wait_s`` seconds."""
        self.start()
        try:
            async with asyncio.timeout(wait_s):
                await self._tried.wait()
        except TimeoutError:
            self._has_tried_patience = True

    async def aclose(self) -> None:
        """Close the session; end the server's program."""
        self._is_closed = True
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait({self._task}, timeout=_CLOSE_S)

    async def call(
        self, tool: str, shown_name: str, arguments: Mapping[str, Any], context: ToolContext
    ) -> Any:
        """Call a tool and return its output. Cancelling cancels the call there.

        Args:
            tool: the server's name of it.
            shown_name: ours.

        Raises:
            ToolError: there is no output; says why.
        """
        key = object()
        self._contexts[key] = context
        try:
            return await self._called(tool, shown_name, arguments, context)
        finally:
            del self._contexts[key]
            self.used = self._now()

    async def _called(
        self, tool: str, shown_name: str, arguments: Mapping[str, Any], context: ToolContext
    ) -> Any:
        from mcp.shared.exceptions import MCPError

        trickle = Trickle(self._now)

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            if trickle.lets_through():
                context.send_status(progress_line(progress, total, message))

        for is_last in (False, True):
            client = await self._session()
            failed = Failed()
            FAILED.set(failed)
            try:
                value = await called(client, tool, shown_name, arguments, on_progress)
            except MCPError as error:
                if failed.status == 404 and not is_last and not is_modern(client):
                    # It knows the session no more, and so has not run the call.
                    self._lose(client)
                    continue
                if is_broken_off(error) or failed.status:
                    self._doubt(client)
                raise failure(error, shown_name, self._name, failed.status) from error
            return result_of(value, tool_name=shown_name)
        raise AssertionError("the second attempt returns or raises")

    async def _session(self) -> "Client":
        """Return the client of a session, waiting for it if it is being opened."""
        self.start()
        if not self._connected.is_set():
            self._wanted.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CALL_WAITS_S):
                    await self._connected.wait()
        if self._client is None:
            raise unreachable(self._name, self._status)
        return self._client

    def _lose(self, client: "Client") -> None:
        """Note that a session is no good any more; the task opens another."""
        if client is self._client:
            self._connected.clear()
            self._client = None
            self._is_lost = True
            self._news.set()

    def _doubt(self, client: "Client | None" = None) -> None:
        """Note that a session may be no good any more.

        Over HTTP the failure of one request says little of the others; whether the server is there
        shows when its list of tools is read.
        """
        client = client or self._client
        if client is not None and self._address.kind != "http":
            self._lose(client)
        self._news.set()

    async def _keep(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            began = self._now()
            try:
                await self._hold()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                status = f" (status {self._status})" if self._status else ""
                cause = described(first_of(error))
                logger.warning("MCP server %s cannot be used: %s%s", self._name, cause, status)
            finally:
                self._connected.clear()
                self._client = None
                self._tried.set()
            if self._now() - began > LONGEST_PAUSE_S:
                pause_s = FIRST_PAUSE_S
            await asyncio.sleep(FIRST_PAUSE_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s - FIRST_PAUSE_S):
                    await self._wanted.wait()
            self._wanted.clear()
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _hold(self) -> None:
        """Open a session and hold it until it is lost."""
        await run_in_thread(lambda: importlib.import_module("mcp.client.client"), name="import mcp")
        headers = await self._headers()
        remember(*headers.values(), *(value.rpartition(" ")[2] for value in headers.values()))
        self._is_lost = False
        self._news.clear()
        listener = Listener(
            on_end=self._doubt,
            on_status=self._on_status,
            on_change=self._news.set,
            on_log=self._log,
        )
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.timeout(CONNECT_S):
                client = await stack.enter_async_context(
                    session(self._name, self._address, headers, listener)
                )
                await ask_for_log(client)
                self._on_tools(await listed(client))
            self._client = client
            self._wanted.clear()
            self._connected.set()
            self._tried.set()
            logger.info("MCP server %s is connected", self._name)
            following = asyncio.create_task(self._follow(client))
            try:
                await self._list_again(client)
            finally:
                following.cancel()

    async def _list_again(self, client: "Client") -> None:
        """Read the list of tools whenever it may have changed; return when the session is lost."""
        while not self._is_lost:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LIST_AGAIN_S):
                    await self._news.wait()
            self._news.clear()
            if not self._is_lost:
                async with asyncio.timeout(CONNECT_S):
                    self._on_tools(await listed(client))

    async def _follow(self, client: "Client") -> None:
        while True:
            try:
                await follow_changes(client, self._news.set)
            except Exception as error:
                cause = described(first_of(error))
                logger.info("MCP server %s tells no changes: %s", self._name, cause)
            else:
                return
            await asyncio.sleep(LONGEST_PAUSE_S)
            self._news.set()  # what happened meanwhile

    def _on_status(self, status: int) -> None:
        failed = FAILED.get()
        if failed is None:
            self._status = status
        else:
            failed.status = status

    def _log(self, level: str, data: Any) -> None:
        # A log message does not say which call it is about; with several it may be somebody else's.
        if len(self._contexts) == 1 and (line := log_line(level, data)) is not None:
            next(iter(self._contexts.values())).send_status(line)

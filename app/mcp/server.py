"""Tools of a Model Context Protocol server, as tools of a chat.

create_app(
    tools=[
        MCPServer("https://mcp.example.com/mcp", name="docs", allow=["search"]),
        MCPServer(command="npx", args=["-y", "@modelcontextprotocol/server-filesystem", "."]),
    ]
)
"""

import inspect
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from app.known_secrets import password_in, secrets_in
from app.mcp.names import server_name
from app.mcp.opening import Address, TransportKind
from app.tools.definition import ToolDefinitionError
from app.tools.tool import DEFAULT_TIMEOUT_S, NeedsApproval

if TYPE_CHECKING:
    import httpx2
    from mcp.client.session import ElicitationFnT, SamplingFnT

# Given the owner, ``""`` where nobody is asked who he is.
HeadersOf: TypeAlias = Callable[[str], Mapping[str, str] | Awaitable[Mapping[str, str]]]


class MCPServer:
    """A server whose tools the model may call, as ``<name>_<tool>``.

    It is asked for them when the app starts, and nobody waits for that: a chat that begins before
    has no tools of the server. The session is shared by all turns of the process and opened again
    when it is lost; a call of a server that is not there is a failed call. The package ``mcp`` has
    to be installed (``pip install '.[mcp]'``).

    Args:
        url: of the server, if it is reached by HTTP.
        command: the program of the server, if it runs on this machine.
        args, env, cwd: of the program. Of our own environment it gets ``PATH``, ``HOME`` and the
            like only.
        name: letters, digits, ``_`` and ``-``; default: the host, or the program's name.
        transport: ``http`` (streamable HTTP), or ``sse`` for servers from before 2025.
        headers: sent with every request. A function is given the owner and returns his headers,
            sync or async; then each owner has a session, and a list of tools, of his own.
        auth: signs requests; one of `mcp.client.auth.extensions` gets tokens without a person.
        allow: the server's names of the tools that are used; default: all of them.
        needs_approval: whether the user is asked before a call, or that by the server's names of
            its tools, each a bool or a predicate as for `tool`. Default, also for names that are
            not there: unless the server says that the tool only reads (``readOnlyHint``).
        timeout_s: how long a call may take, in seconds.
        on_elicitation, on_sampling: answer what the server asks the user, or a model; see
            `mcp.Client`. Default: it may not ask.

    Raises:
        ToolDefinitionError: it is not clear where the server is, or what it is called.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        command: str | None = None,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        name: str | None = None,
        transport: Literal["http", "sse"] = "http",
        headers: Mapping[str, str] | HeadersOf | None = None,
        auth: "httpx2.Auth | None" = None,
        allow: Collection[str] | None = None,
        needs_approval: bool | Mapping[str, NeedsApproval] | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        on_elicitation: "ElicitationFnT | None" = None,
        on_sampling: "SamplingFnT | None" = None,
    ) -> None:
        if (url is None) == (command is None):
            raise ToolDefinitionError("Give an MCPServer a url or a command.")
        kind: TransportKind = "stdio"
        if url is not None:
            kind = transport
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ToolDefinitionError("The url of an MCPServer must be an http(s) address.")
        if kind == "stdio" and (headers or auth):
            raise ToolDefinitionError("An MCPServer with a command has no headers; give it env.")
        if isinstance(allow, str):
            raise ToolDefinitionError("allow of an MCPServer must be a list of names.")
        if timeout_s <= 0:
            raise ToolDefinitionError("timeout_s of an MCPServer must be more than 0 seconds.")
        default_name = urlsplit(url).hostname if url is not None else PurePath(command or "").stem
        try:
            self.name = server_name(default_name or "" if name is None else name)
        except ValueError as error:
            raise ToolDefinitionError(str(error)) from None
        self.address = Address(
            kind=kind,
            url=url or "",
            command=() if command is None else (command, *args),
            env=dict(env or {}),
            cwd=cwd,
            auth=auth,
            on_elicitation=on_elicitation,
            on_sampling=on_sampling,
        )
        self.timeout_s = timeout_s
        self._headers = headers
        self._allow = None if allow is None else frozenset(allow)
        self._needs_approval = needs_approval

    def __repr__(self) -> str:
        return f"<MCPServer {self.name}>"

    @property
    def is_by_owner(self) -> bool:
        """Whether each owner has a session of his own."""
        return callable(self._headers)

    @property
    def may_ask(self) -> bool:
        """Whether a call may need a user's approval."""
        return self._needs_approval is not False

    @property
    def secrets(self) -> Sequence[str]:
        """What the log must not say: the values of its headers and variables, and passwords."""
        fixed = self._headers if isinstance(self._headers, Mapping) else {}
        words = (word for value in fixed.values() for word in (value, value.rpartition(" ")[2]))
        return [*words, *secrets_in(self.address.env), *password_in(self.address.url)]

    def allows(self, tool: str) -> bool:
        """Return whether the server's tool of this name is used."""
        return self._allow is None or tool in self._allow

    def needs_approval(self, tool: str, *, only_reads: bool) -> NeedsApproval:
        """Return whether the user is asked before a call.

        Args:
            tool: the server's name of it.
            only_reads: whether the server says so.
        """
        match self._needs_approval:
            case None:
                return not only_reads
            case bool():
                return self._needs_approval
            case by_name:
                return by_name.get(tool, not only_reads)

    async def headers_for(self, owner: str) -> Mapping[str, str]:
        """Return the headers of a session of ``owner``."""
        if self._headers is None or isinstance(self._headers, Mapping):
            return dict(self._headers or {})
        given: Any = self._headers(owner)
        return dict(await given if inspect.isawaitable(given) else given)

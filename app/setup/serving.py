"""What a server gives to the apps that are made for it, and what it has to know of them.

A factory of the user's own (`CHAT_APP`) calls `create_app` itself, and may put what it gets into
another app. So nothing of this is an argument, and every app notes itself here.
"""

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import msgspec

from app.settings import Settings, load_settings

if TYPE_CHECKING:
    # By a process that only looks after workers too, which needs none of them.
    from starlette.applications import Starlette

    from app.http.lifespan import Lifespan
    from app.telemetry.prometheus import PrometheusMetrics
    from app.tools.approval import UsedIds
    from app.tools.tool_set import ToolSet
    from app.turns.running_turns import RunningTurns

# The server for which apps are made here and now.
_present: ContextVar["Serving | None"] = ContextVar("serving", default=None)


class Made(msgspec.Struct, frozen=True):
    """An app that was made for a server.

    Attributes:
        app: the app itself.
        settings: what it runs with.
        tools: what the model may call.
        turns: those that run.
        lifespan: what closes everything at the end.
        asks_who_asks: whether a request needs a token, or the word of somebody else.
        reads_addresses: whether it asks from where a request comes.
        metrics: for Prometheus, where they are asked for.
        settle: does what has to be done before Lambda freezes the process; None for nothing.
    """

    app: "Starlette"
    settings: Settings
    tools: "ToolSet"
    turns: "RunningTurns"
    lifespan: "Lifespan"
    asks_who_asks: bool
    reads_addresses: bool
    metrics: "PrometheusMetrics | None" = None
    settle: Callable[[], Awaitable[None]] | None = None


class Serving:
    """A server.

    Args:
        settings: of the server; read from the environment when they are needed if not given.
        share: makes of an app's settings those that it has in this server.
        refuse_other_sites: whether pages of origins that are not allowed are refused even if the
            settings allow none. For a server that browsers reach without a front that does CORS.
        facts: what ``GET /health`` says besides.
        used_approvals: those of all processes of this server, if there are several.

    Attributes:
        made: the apps that were made for it.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        share: Callable[[Settings], Settings] = lambda settings: settings,
        refuse_other_sites: bool = False,
        facts: Mapping[str, Any] | None = None,
        used_approvals: "UsedIds | None" = None,
    ) -> None:
        self._settings = settings
        self._share = share
        self.refuse_other_sites = refuse_other_sites
        self.facts: Mapping[str, Any] = facts or {}
        self.used_approvals = used_approvals
        self.made: list[Made] = []

    def settings(self, given: Settings | None = None) -> Settings:
        """Return the settings of an app: those that it is given, with the server's share in them.

        Raises:
            SettingsError: the environment cannot be used.
        """
        own = self._settings if given is None else given
        return self._share(load_settings() if own is None else own)

    @contextlib.contextmanager
    def making(self) -> Iterator[None]:
        """Inside it, every app that is made is made for this server."""
        before = _present.set(self)
        try:
            yield
        finally:
            _present.reset(before)

    @property
    def asks_who_asks(self) -> bool:
        """Whether any app wants to know who asks."""
        return any(made.asks_who_asks for made in self.made)

    @property
    def reads_addresses(self) -> bool:
        """Whether any app asks from where a request comes."""
        return any(made.reads_addresses for made in self.made)

    @property
    def metrics(self) -> "PrometheusMetrics | None":
        """The metrics of the first app that has some."""
        return next((made.metrics for made in self.made if made.metrics is not None), None)

    def stop_all(self) -> None:
        """End the running turns of every app, each with its error part."""
        for made in self.made:
            made.turns.stop_all()


def present_server() -> Serving:
    """Return the server for which an app is being made; one that gives nothing if there is none."""
    return _present.get() or Serving()

"""The chat backend as a server: in this process, or in several that share a port.

With several, this process only looks after the others (`app.workers.supervisor`). Each of them runs
the same command again, and comes here too.
"""

import gc
import os
import secrets
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from app.http.listening import ListenError, listen, url_of
from app.known_secrets import remember, secrets_in
from app.requests.sites import LOOPBACK_HOSTS, OPEN_TO_ALL, is_loopback
from app.setting_kinds import Secret
from app.settings import Settings, SettingsError
from app.setup.serving import Serving
from app.telemetry.log import configure_logging, logger

if TYPE_CHECKING:
    from starlette.types import ASGIApp

# Long enough for a sentence to end, short enough for a deployment.
SHUTDOWN_GRACE_S = 5.0
# In the environment of a worker: the descriptor of its socket to the supervisor.
_WORKER = "DELTALINE_WORKER"
# What a server may take to end besides its grace: ends of responses, `on_finish`, and a margin.
_END_S = 15.0


def serve_chat(
    settings: Settings,
    *,
    host: str,
    port: int,
    grace_s: float = SHUTDOWN_GRACE_S,
    announce: Callable[[str], None] | None = None,
    behind_adapter: bool = False,
) -> int:
    """Serve the chat backend until told to stop; return the exit status.

    Args:
        settings: of the app.
        host: address to listen on.
        port: 0 for any free one.
        grace_s: how long running turns may go on after a stop signal, in seconds.
        announce: called with the URL once the server accepts requests.
        behind_adapter: only the Lambda Web Adapter can reach ``port``.

    Raises:
        SettingsError: the settings contradict each other.
    """
    remember(*secrets_in(os.environ))
    share = _as_it_is if behind_adapter else partial(_with_hosts, host)
    if _WORKER in os.environ:
        return _serve_as_worker(os.environ.pop(_WORKER), settings, host, share, grace_s)
    count = _number_of_workers(settings)
    try:
        if count > 1:
            # The factory of `CHAT_APP` may ask, which the first worker finds out.
            if settings.app is None and _is_open(settings.asks_who_asks, host):
                announce = _with_warning(announce, host)
            return _supervise(count, settings, host, port, grace_s, announce)
        configure_logging(form=settings.log, has_no_colour=_has_no_colour())
        server = Serving(settings, share=share, refuse_other_sites=not behind_adapter)
        app = _make_app(settings, server)
        if _is_open(server.asks_who_asks, host):
            announce = _with_warning(announce, host)
        from app.http.server import serve

        listener = listen(host, port)
        _show_metrics(server, settings, listener)
        return serve(
            app,
            listener,
            stop_turns=server.stop_all,
            on_up=lambda: None if announce is None else announce(url_of(listener, host)),
            grace_s=grace_s,
            behind_adapter=behind_adapter,
            reads_addresses=server.reads_addresses,
        )
    except ListenError as error:
        print(f"deltaline: {error}", file=sys.stderr)
        return 1


def _number_of_workers(settings: Settings) -> int:
    if settings.workers != "auto":
        return settings.workers
    from app.workers.cpus import usable_cpus

    return usable_cpus()


def _as_it_is(settings: Settings) -> Settings:
    return settings


def _with_hosts(host: str, settings: Settings) -> Settings:
    """Return the settings of an app that is reached by ``host``."""
    if settings.allowed_hosts or not is_loopback(host):
        return settings
    # Any name may be made to point to 127.0.0.1, even while a page of it is open.
    return settings.model_copy(update={"allowed_hosts": (*LOOPBACK_HOSTS, host)})


def _make_app(settings: Settings, server: Serving) -> "ASGIApp":
    # Not loaded by a process that only looks after workers.
    gc.disable()  # importing makes many objects and next to no garbage
    import app.http.server  # noqa: F401
    from app.main import create_lean_app

    gc.enable()
    if settings.app is not None:
        from app.commands.own_app import own_app

        return own_app(settings.app, server)
    with server.making():
        return create_lean_app(settings)


def _show_metrics(server: Serving, settings: Settings, beside: socket.socket | None) -> None:
    """Show the metrics on a port of their own, if one is set.

    Args:
        beside: a listening socket, whose address is taken; None: another worker shows them.
    """
    if settings.metrics_port is None:
        return
    from app.http.metrics_port import show_metrics

    if server.metrics is None:
        raise SettingsError(
            f"CHAT_METRICS_PORT has nothing to show: {settings.app} makes no app with create_app "
            "whose settings ask for metrics."
        )
    if beside is not None:
        show_metrics(server.metrics.registry, settings.metrics_port, beside)


def _supervise(
    count: int,
    settings: Settings,
    host: str,
    port: int,
    grace_s: float,
    announce: Callable[[str], None] | None,
) -> int:
    """Look after ``count`` workers until told to stop; return the exit status."""
    from app.workers.metric_files import MetricFiles
    from app.workers.restarts import GiveUp, Restarts
    from app.workers.shared_file import Lock, locked, make_shared_file
    from app.workers.supervisor import Supervisor

    if os.name == "nt":
        raise SettingsError("CHAT_WORKERS has a bad value: Windows can run one worker only.")
    shared = make_shared_file(count)
    has_metrics = settings.metrics or settings.metrics_port is not None
    alone = partial(locked, shared, Lock.LOG)
    configure_logging(form=settings.log, has_no_colour=_has_no_colour(), alone=alone)
    is_secret_set = settings.approval_secret or settings.approval_secret_arn
    with listen(host, port) as listener, MetricFiles(is_needed=has_metrics) as metrics:
        url = url_of(listener, host)
        supervisor = Supervisor(
            count,
            # With the same options of the interpreter, and the same program.
            command=[sys.executable, *sys.orig_argv[1:]],
            environ={**os.environ, **metrics.variables},
            on_ended=metrics.forget,
            variable=_WORKER,
            listener=listener,
            # One for all: the reply to an approval may reach another worker.
            approval_secret="" if is_secret_set else secrets.token_hex(32),
            on_up=lambda: None if announce is None else announce(url),
            end_within_s=grace_s + _END_S,
            restarts=Restarts(),
            shared=shared,
        )
        ended = supervisor.run()
    if isinstance(ended, GiveUp):
        print(f"deltaline: {ended.sentence}", file=sys.stderr)
        return ended.status
    return ended


def _serve_as_worker(
    descriptor: str,
    settings: Settings,
    host: str,
    share: Callable[[Settings], Settings],
    grace_s: float,
) -> int:
    """Serve as one of several until told to stop; return the exit status."""
    from app.workers.shared_file import Lock, approvals_offset, locked
    from app.workers.used_approvals import SharedUsedIds
    from app.workers.worker import take_over

    worker = take_over(descriptor)
    place = worker.place
    configure_logging(
        form=settings.log,
        has_no_colour=_has_no_colour(),
        worker=place.number,
        alone=partial(locked, place.shared, Lock.LOG),
    )
    worker.end_with_supervisor(grace_s + _END_S)

    def own_share(settings: Settings) -> Settings:
        own: dict[str, Any] = {
            "running_turns": place.share_of(settings.running_turns),
            "tool_threads": place.share_of(settings.tool_threads),
            "workers": place.count,
        }
        is_secret_set = settings.approval_secret or settings.approval_secret_arn
        if place.approval_secret and not is_secret_set:
            own["approval_secret"] = Secret(place.approval_secret)
        return share(settings).model_copy(update=own)

    server = Serving(
        settings,
        share=own_share,
        refuse_other_sites=True,
        used_approvals=SharedUsedIds(
            place.shared,
            approvals_offset(place.count),
            alone=partial(locked, place.shared, Lock.APPROVALS, threads=threading.Lock()),
        ),
        facts={"worker": place.number, "workers": place.count, "pid": os.getpid()},
    )
    try:
        app = _make_app(settings, server)
        is_first = place.number == 1
        # One is enough: it shows those of all.
        _show_metrics(server, settings, worker.listener if is_first else None)
        if is_first and settings.app is not None and _is_open(server.asks_who_asks, host):
            logger.warning(OPEN_TO_ALL, host)
    except (ListenError, SettingsError) as error:
        # Said by the supervisor: all workers have the same to say.
        worker.say_failed(str(error))
        return 2
    from app.http.server import serve

    return serve(
        app,
        worker.listener,
        stop_turns=server.stop_all,
        on_up=worker.say_up,
        grace_s=grace_s,
        is_my_turn=worker.is_my_turn,
        reads_addresses=server.reads_addresses,
    )


def _has_no_colour() -> bool:
    """Whether the user wants no colours (no-color.org)."""
    return bool(os.environ.get("NO_COLOR"))


def _is_open(asks_who_asks: bool, host: str) -> bool:
    """Whether everybody may ask."""
    return not asks_who_asks and not is_loopback(host)


def _with_warning(announce: Callable[[str], None] | None, host: str) -> Callable[[str], None]:
    """Return ``announce``, which warns besides that everybody may ask."""

    def warn(url: str) -> None:
        logger.warning(OPEN_TO_ALL, host)
        if announce is not None:
            announce(url)

    return warn

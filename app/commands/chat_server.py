"""The chat backend as a server: in this process, or in several that share a port.

With several, this process only looks after the others (`app.workers.supervisor`). Each of them runs
the same command again, and comes here too.
"""

import gc
import os
import secrets
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
from app.telemetry.log import configure_logging, logger

if TYPE_CHECKING:
    from starlette.applications import Starlette

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
    is_local = is_loopback(host)
    if is_local and not behind_adapter and not settings.allowed_hosts:
        # Any name may be made to point to 127.0.0.1, even while a page of it is open.
        settings = settings.model_copy(update={"allowed_hosts": (*LOOPBACK_HOSTS, host)})
    if _WORKER in os.environ:
        return _serve_as_worker(os.environ.pop(_WORKER), settings, grace_s)
    if not is_local and not settings.asks_who_asks:
        announce = _with_warning(announce, host)
    count = _number_of_workers(settings)
    try:
        if count > 1:
            return _supervise(count, settings, host, port, grace_s, announce)
        configure_logging(form=settings.log, has_no_colour=_has_no_colour())
        app = _make_app(settings, refuse_other_sites=not behind_adapter)
        from app.http.server import serve

        listener = listen(host, port)
        if settings.metrics_port is not None:
            from app.http.metrics_port import show_metrics

            show_metrics(app.state.metrics.registry, settings.metrics_port, listener)
        return serve(
            app,
            listener,
            stop_turns=app.state.turns.stop_all,
            on_up=lambda: None if announce is None else announce(url_of(listener, host)),
            grace_s=grace_s,
            behind_adapter=behind_adapter,
            reads_addresses=settings.has_limits,
        )
    except ListenError as error:
        print(f"deltaline: {error}", file=sys.stderr)
        return 1


def _number_of_workers(settings: Settings) -> int:
    if settings.workers != "auto":
        return settings.workers
    from app.workers.cpus import usable_cpus

    return usable_cpus()


def _make_app(settings: Settings, **options: Any) -> "Starlette":
    # Not loaded by a process that only looks after workers.
    gc.disable()  # importing makes many objects and next to no garbage
    import app.http.server  # noqa: F401
    from app.main import create_lean_app

    gc.enable()
    return create_lean_app(settings, **options)


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


def _serve_as_worker(descriptor: str, settings: Settings, grace_s: float) -> int:
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
    own: dict[str, Any] = {
        "running_turns": place.share_of(settings.running_turns),
        "tool_threads": place.share_of(settings.tool_threads),
    }
    if place.approval_secret:
        own["approval_secret"] = Secret(place.approval_secret)
    try:
        app = _make_app(
            settings.model_copy(update=own),
            refuse_other_sites=True,
            used_approvals=SharedUsedIds(
                place.shared,
                approvals_offset(place.count),
                alone=partial(locked, place.shared, Lock.APPROVALS, threads=threading.Lock()),
            ),
            facts={"worker": place.number, "workers": place.count, "pid": os.getpid()},
        )
        if settings.metrics_port is not None and place.number == 1:
            # One is enough: it shows those of all.
            from app.http.metrics_port import show_metrics

            show_metrics(app.state.metrics.registry, settings.metrics_port, worker.listener)
    except (ListenError, SettingsError) as error:
        # Said by the supervisor: all workers have the same to say.
        worker.say_failed(str(error))
        return 2
    from app.http.server import serve

    return serve(
        app,
        worker.listener,
        stop_turns=app.state.turns.stop_all,
        on_up=worker.say_up,
        grace_s=grace_s,
        is_my_turn=worker.is_my_turn,
        reads_addresses=settings.has_limits,
    )


def _has_no_colour() -> bool:
    """Whether the user wants no colours (no-color.org)."""
    return bool(os.environ.get("NO_COLOR"))


def _with_warning(announce: Callable[[str], None] | None, host: str) -> Callable[[str], None]:
    """Return ``announce``, which warns besides that everybody may ask."""

    def warn(url: str) -> None:
        logger.warning(OPEN_TO_ALL, host)
        if announce is not None:
            announce(url)

    return warn

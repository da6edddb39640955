"""``deltaline serve``: the chat backend under uvicorn."""

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial

from app.http.server import SHUTDOWN_GRACE_S, ListenError, serve
from app.known_secrets import remember, secrets_in
from app.main import create_lean_app
from app.requests.sites import LOOPBACK_HOSTS, OPEN_TO_ALL, is_loopback
from app.settings import Settings, SettingsError, load_settings
from app.telemetry.log import configure_logging, logger
from app.tools.loading import EXAMPLES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``serve`` understands to a (sub)parser."""
    parser.description = "Run the chat backend. Settings are environment variables; see README.md."
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=_port, help="port to listen on (PORT, else 9000); 0: any")
    parser.add_argument(
        "--demo",
        action="store_true",
        help="for trying it out: the scripted model where no key is set, the example tools, "
        "CORS for localhost",
    )
    parser.add_argument(
        "--shutdown-grace",
        type=_seconds,
        default=SHUTDOWN_GRACE_S,
        metavar="S",
        help="seconds that running answers may go on after SIGTERM (%(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Carry out ``serve``; return the exit status."""
    if args.demo:
        _demo_defaults()
    try:
        settings = load_settings()
        return serve_chat(
            settings,
            host=args.host,
            port=settings.port if args.port is None else args.port,
            grace_s=args.shutdown_grace,
            announce=partial(_announce, settings) if args.demo else None,
        )
    except SettingsError as error:
        print(f"deltaline: {error}", file=sys.stderr)
        return 2


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
        host, port, grace_s, announce, behind_adapter: as for `app.http.server.serve`.

    Raises:
        SettingsError: the settings contradict each other.
    """
    remember(*secrets_in(os.environ))
    configure_logging()
    is_local = is_loopback(host)
    if is_local and not behind_adapter and not settings.allowed_hosts:
        # Any name may be made to point to 127.0.0.1, even while a page of it is open.
        settings = settings.model_copy(update={"allowed_hosts": (*LOOPBACK_HOSTS, host)})
    app = create_lean_app(settings, refuse_other_sites=not behind_adapter)
    if not is_local and not (settings.auth_token or settings.auth_token_arn):
        announce = _with_warning(announce, host)
    try:
        return serve(
            app,
            stop_turns=app.state.turns.stop_all,
            host=host,
            port=port,
            grace_s=grace_s,
            announce=announce,
            behind_adapter=behind_adapter,
        )
    except ListenError as error:
        print(f"deltaline: {error}", file=sys.stderr)
        return 1


def _with_warning(announce: Callable[[str], None] | None, host: str) -> Callable[[str], None]:
    """Return ``announce``, which warns besides that everybody may ask."""

    def warn(url: str) -> None:
        logger.warning(OPEN_TO_ALL, host)
        if announce is not None:
            announce(url)

    return warn


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def _demo_defaults() -> None:
    """Set the defaults of `make run`, unless the environment sets something else."""
    if not (os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL")):
        os.environ.setdefault("CHAT_PROVIDER", "scripted")
        os.environ.setdefault("CHAT_MODEL", "scripted")  # what the page shows under an answer
    os.environ.setdefault("CHAT_ALLOWED_ORIGINS", "localhost")
    if not os.environ.get("CHAT_TOOL_MODULES"):
        os.environ.setdefault("CHAT_TOOLS", ",".join(EXAMPLES))


def _announce(settings: Settings, url: str) -> None:
    if settings.provider == "scripted":
        print(f"{_why_scripted(settings)}: the built-in scripted model answers.")
    body = '{"action":"chat","payload":{"text":"Hello"}}'
    print(f"Deltaline is at {url} (Ctrl+C stops it). Try:\n")
    print(
        f"  curl --no-buffer {url}/api/chat -H 'content-type: application/json' -d '{body}'\n",
        flush=True,
    )


def _why_scripted(settings: Settings) -> str:
    if settings.openai_api_key or settings.openai_base_url:
        return "CHAT_PROVIDER is scripted"
    return "No OPENAI_API_KEY and no OPENAI_BASE_URL"

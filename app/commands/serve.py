"""``deltaline serve``: the chat backend under uvicorn."""

import argparse
import os
import sys
from functools import partial

from app.commands.chat_server import SHUTDOWN_GRACE_S, serve_chat
from app.settings import Settings, SettingsError, load_settings


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
        "--workers",
        metavar="N",
        help="server processes on the port, or auto: one for each processor (CHAT_WORKERS, else 1)",
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
    if args.workers is not None:
        os.environ["CHAT_WORKERS"] = args.workers
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
    if sys.stderr.isatty():
        os.environ.setdefault("CHAT_LOG", "text")
    # The examples would be the only ones that are on.
    if not (os.environ.get("CHAT_TOOL_MODULES") or os.environ.get("CHAT_APP")):
        from app.tools.loading import EXAMPLES

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

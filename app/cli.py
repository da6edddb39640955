"""The command line: ``deltaline serve | emulate | invoke | tool | words``.

Each command imports what it needs and nothing else, so that `--help` is quick and the server does
not load the emulator.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from app import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="deltaline",
        description="Stream chat from an OpenAI-compatible model to React useChat.",
    )
    parser.add_argument("--version", action="version", version=f"deltaline {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    _add_serve(commands)
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help()
        return 2
    run = args.run
    try:
        status: int = run(args)
    except KeyboardInterrupt:
        return 130
    return status


def _add_serve(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "serve",
        help="run the chat backend",
        description="Run the chat backend. Settings are environment variables; see README.md.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=_port, help="port to listen on (PORT, else 9000); 0: any")
    parser.add_argument(
        "--demo",
        action="store_true",
        help="for trying it out: the scripted model where no key is set, CORS for localhost",
    )
    parser.add_argument(
        "--shutdown-grace",
        type=_seconds,
        metavar="S",
        help="seconds that running answers may go on after SIGTERM (5)",
    )
    parser.set_defaults(run=_serve)


def _serve(args: argparse.Namespace) -> int:
    if args.demo:
        _demo_defaults()
    from app.settings import SettingsError, load_settings

    try:
        settings = load_settings()
    except SettingsError as error:
        print(f"deltaline: {error}", file=sys.stderr)
        return 2
    from app.main import SHUTDOWN_GRACE_S
    from app.serve import ListenError, serve

    try:
        return serve(
            settings,
            host=args.host,
            port=settings.port if args.port is None else args.port,
            grace_s=SHUTDOWN_GRACE_S if args.shutdown_grace is None else args.shutdown_grace,
            announce=_announce if args.demo else None,
        )
    except ListenError as error:
        print(f"deltaline: {error}", file=sys.stderr)
        return 1


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
    """Fill in what `make run` promises, where the environment says nothing else."""
    if not (os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL")):
        os.environ.setdefault("CHAT_PROVIDER", "scripted")
    os.environ.setdefault("CHAT_ALLOWED_ORIGINS", "localhost")


def _announce(url: str) -> None:
    if os.environ.get("CHAT_PROVIDER") == "scripted":
        print("No OPENAI_API_KEY and no OPENAI_BASE_URL: the built-in scripted model answers.")
    body = '{"action":"chat","payload":{"text":"Hello"}}'
    print(f"Deltaline is at {url} (Ctrl+C stops it). Try:\n")
    print(
        f"  curl --no-buffer {url}/api/chat -H 'content-type: application/json' -d '{body}'\n",
        flush=True,
    )

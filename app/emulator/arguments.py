"""The command line of the emulator."""

import argparse
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from app.emulator.cors import Cors, parse_cors
from app.emulator.options import Options, setting
from app.emulator.variables import EnvFileError, parse_env_file
from app.requests.sites import is_loopback

_EXTENSIONS = Path("/opt/extensions")
_BOOTSTRAP = Path(__file__).resolve().parents[2] / "bootstrap"

_DESCRIPTION = """\
A Lambda on this machine that streams. One port serves, all live:
  POST /2015-03-31/functions/NAME/invocations                      for curl and pages
  POST /2021-11-15/functions/NAME/response-streaming-invocations   for the AWS SDKs
  everything else                                                  as a Function URL
"""
_EPILOG = """\
examples:
  emulate                                          our runtime, on port 9000
  emulate --function words=examples.words:handler  a plain handler beside it
  emulate --extensions ./extensions -- sh -c 'uvicorn main:app --port "$PORT"'
  emulate -- node my-runtime.mjs
"""


class UsageError(Exception):
    """The command line names something unusable. The text says what to do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the emulator's description and options to a (sub)parser."""
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=_port, default=9000, help="0 chooses a free one (default: %(default)s)")
    add(
        "--timeout", type=_seconds, default=60.0, metavar="S",
        help="seconds an invocation may take; Lambda allows 1 to 900 (default: 60)",
    )  # fmt: skip
    add(
        "--memory", type=_positive, default=1024, metavar="MB",
        help="an environment that uses more is killed (default: %(default)s)",
    )  # fmt: skip
    add(
        "--concurrency", type=_positive, default=10, metavar="N",
        help="environments of one function at a time; more calls get 429 (default: %(default)s)",
    )  # fmt: skip
    add(
        "--function", type=_function, action="append", default=[], metavar="NAME=HANDLER",
        help="a further function: the same command with _HANDLER=HANDLER (repeatable)",
    )  # fmt: skip
    add(
        "--extensions", type=Path, metavar="DIR",
        help=f"start every executable in DIR first (default: {_EXTENSIONS} if it exists)",
    )  # fmt: skip
    add("--env-file", type=Path, metavar="FILE", help="NAME=value lines for the functions")
    add(
        "--cors", type=_cors, metavar="JSON",
        help="CORS of the Function URL, as `aws lambda create-function-url-config --cors` takes it",
    )  # fmt: skip
    add("--raw-invoke", action="store_true", help="…/invocations leaves a prelude in the answer")
    add("--buffered", action="store_true", help="answer once it is complete: no streaming")
    add(
        "--bandwidth", action="store_true",
        help="stream as fast as Lambda does: 6 MB at once, then 2 MB a second",
    )  # fmt: skip
    add("--watch", action="store_true", help="new environments when a file in this folder changes")
    add(
        "runtime_command", nargs="*", metavar="COMMAND",
        help="after --: what an environment runs (default: our bootstrap)",
    )  # fmt: skip


def read_options(args: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> Options:
    """Return the options that parsed arguments stand for.

    Args:
        environ: the variables that the functions inherit; ``--env-file`` overrides them.

    Raises:
        UsageError: a file or folder cannot be used, or the command does not exist.
    """
    variables = dict(environ)
    if args.env_file is not None:
        variables |= _read_env_file(args.env_file)
    command = tuple(args.runtime_command) or (str(_BOOTSTRAP),)
    if shutil.which(command[0]) is None:
        raise UsageError(f"the command {command[0]!r} was not found, or is not executable")
    return Options(
        command=command,
        handlers=dict(args.function),
        extensions=_executables(args.extensions),
        variables=variables,
        timeout_s=args.timeout,
        memory_mb=args.memory,
        concurrency=args.concurrency,
        raw_invoke=args.raw_invoke,
        buffered=args.buffered,
        bandwidth=args.bandwidth,
        watch=Path.cwd() if args.watch else None,
        cors=args.cors,
        auth_token=_auth_token(args.host, variables),
        host=args.host,
        port=args.port,
    )


def _auth_token(host: str, variables: Mapping[str, str]) -> str | None:
    """Return the token that the invoke addresses ask for: the app's, beyond loopback."""
    if is_loopback(host):
        return None
    token = setting(variables, "CHAT_AUTH_TOKEN")
    if not token and setting(variables, "CHAT_AUTH_TOKEN_ARN"):
        raise UsageError(
            "a local Lambda on every address asks for the token itself and reads no ARN; set "
            "CHAT_AUTH_TOKEN instead of CHAT_AUTH_TOKEN_ARN, or listen on 127.0.0.1"
        )
    return token or None


def _read_env_file(path: Path) -> dict[str, str]:
    try:
        return parse_env_file(path.read_text())
    except OSError as error:
        raise UsageError(f"--env-file {path}: {error.strerror}") from error
    except (EnvFileError, UnicodeDecodeError) as error:
        raise UsageError(f"--env-file {path}: {error}") from error


def _executables(folder: Path | None) -> tuple[Path, ...]:
    if folder is None and not _EXTENSIONS.is_dir():
        return ()
    folder = folder or _EXTENSIONS
    if not folder.is_dir():
        raise UsageError(f"--extensions {folder} is not a folder")
    found = [path.resolve() for path in sorted(folder.iterdir()) if path.is_file()]
    return tuple(path for path in found if os.access(path, os.X_OK))


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 0 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number of seconds")
    return seconds


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _function(text: str) -> tuple[str, str]:
    name, _, handler = text.partition("=")
    if not name or not handler:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=HANDLER")
    return name, handler


def _cors(text: str) -> Cors:
    try:
        return parse_cors(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not a CORS configuration: {error}") from error

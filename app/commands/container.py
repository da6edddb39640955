"""What the container image starts, wherever it runs.

    inside Lambda                    the app for the Lambda Web Adapter, or our own runtime
    docker run                       the emulator, which runs the same inside a local Lambda
    docker run -e CHAT_DIRECT=true   the app alone, for ECS, Cloud Run or Kubernetes

So a laptop runs the same processes as Lambda does.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    import subprocess

    from app.settings import Settings

CHAINS = {
    "web-adapter": "the app behind the Lambda Web Adapter",
    "runtime": "the app in our own Lambda runtime",
}

_HEALTH = "health"
_CHECK = "check"
_LOOPBACK = "127.0.0.1"
_ALL_ADDRESSES = "0.0.0.0"
# Lambda kills the processes two seconds after it has asked them to stop.
_LAMBDA_GRACE_S = 0.3


def main(argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Start what ``argv`` names; return the exit status.

    Args:
        argv: one of `CHAINS` and, outside Lambda, options of the emulator; or ``health``, or
            ``check``.
        environ: the variables of Lambda and of the Lambda Web Adapter. Ours are read as settings.
    """
    if argv and argv[0] == _HEALTH:
        from app.commands.health import is_healthy

        return 0 if is_healthy(environ) else 1
    from app.settings import SettingsError

    try:
        # Decided before anything else is imported: inside Lambda a client waits for the start.
        if "AWS_LAMBDA_RUNTIME_API" in environ:
            return _run_inside_lambda(argv[0], environ)
        if argv and argv[0] == _CHECK:
            return _make_app()
        return _run_outside(argv, environ)
    except SettingsError as error:
        print(f"deltaline: {error}", file=sys.stderr)
        return 2


def _run_inside_lambda(chain: str, environ: Mapping[str, str]) -> int:
    if chain == "runtime":
        from app.lambda_runtime import runtime

        # AWS's emulator takes the last word of the command, which is ours, for the handler.
        handler = "" if environ.get("_HANDLER") == chain else environ.get("_HANDLER", "")
        return runtime.main({**environ, "_HANDLER": handler})
    from app.settings import load_settings

    settings = load_settings()
    _check_invoke_mode(environ)
    return _serve(settings, _LOOPBACK, _adapter_port(environ), behind_adapter=True)


def _run_outside(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    from app.settings import SettingsError, load_settings
    from app.setup.left_out import is_left_out

    settings = load_settings()
    if settings.port == 0:
        raise SettingsError("PORT is 0; in a container it must be a port from 1 to 65535.")
    has_emulator = not is_left_out("app.emulator")
    if not has_emulator and not settings.direct:
        raise SettingsError(
            "This image holds no local Lambda, since it was built with VARIANT=production or lean: "
            "CHAT_DIRECT=true serves the app alone, and VARIANT=full builds an image with it."
        )
    args = _parse(argv, settings, has_emulator=has_emulator)
    if settings.direct:
        # The emulator's other options do not apply here.
        return _serve(settings, args.host, args.port, announce=_announce)
    if settings.workers != 1:
        raise SettingsError(
            "CHAT_WORKERS needs CHAT_DIRECT=true: a local Lambda starts a process for each request "
            "itself."
        )
    _check_invoke_mode(environ)
    checking = _check(environ) if args.runtime_command == _command(args.chain) else None
    from app.emulator.program import run

    if checking is not None:
        _, said = checking.communicate()
        if checking.returncode != 0:
            sys.stderr.write(said)
            return 2
    return run(args)


def _check(environ: Mapping[str, str]) -> "subprocess.Popen[str]":
    """Try whether the app can be made, in a process of its own.

    Otherwise a container whose every chat fails would be healthy: a local Lambda starts the app
    with the first request. It is not made here because it would take its memory twice.
    """
    import subprocess

    return subprocess.Popen(
        _command(_CHECK),
        # As settings know that they are on Lambda.
        env={"AWS_LAMBDA_FUNCTION_NAME": "function", **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _make_app() -> int:
    """Make the app as a function does, and say in one sentence why that cannot be done."""
    from app.settings import SettingsError, load_settings

    settings = load_settings()
    from app.main import create_lean_app

    try:
        if settings.app is None:
            create_lean_app(settings)
        else:
            from app.commands.own_app import create

            create()
    except SettingsError:
        raise
    except Exception as error:
        raise SettingsError(f"The app cannot be made: {type(error).__name__}: {error}") from error
    return 0


def _command(word: str) -> list[str]:
    return [sys.executable, "-m", "app.commands.container", word]


def _announce(url: str) -> None:
    from app.telemetry.log import logger

    logger.info("listening on %s", url)


def _parse(
    argv: Sequence[str], settings: "Settings", *, has_emulator: bool
) -> "argparse.Namespace":
    import argparse

    if has_emulator:
        from app.emulator.arguments import add_arguments
    else:
        add_arguments = _add_address

    parser = argparse.ArgumentParser(prog="container")
    chains = parser.add_subparsers(dest="chain", metavar="WHAT", required=True)
    for name, what in CHAINS.items():
        chain = chains.add_parser(name, help=f"{what}, in a local Lambda")
        add_arguments(chain)
        command = _command(name)
        chain.set_defaults(host=_ALL_ADDRESSES, port=settings.port, runtime_command=command)
    chains.add_parser(_HEALTH, help="exit with 0 if the container answers")
    chains.add_parser(_CHECK, help="exit with 0 if the app can be made with these settings")
    return parser.parse_args(argv)


def _add_address(parser: "argparse.ArgumentParser") -> None:
    """Add what of the emulator's options counts for the app alone."""
    parser.add_argument("--host", help="address to listen on")
    parser.add_argument("--port", type=int, help="port to listen on")


def _serve(
    settings: "Settings",
    host: str,
    port: int,
    *,
    announce: Callable[[str], None] | None = None,
    behind_adapter: bool = False,
) -> int:
    from app.commands.chat_server import SHUTDOWN_GRACE_S, serve_chat

    grace_s = _LAMBDA_GRACE_S if behind_adapter else SHUTDOWN_GRACE_S
    return serve_chat(
        settings,
        host=host,
        port=port,
        grace_s=grace_s,
        announce=announce,
        behind_adapter=behind_adapter,
    )


def _check_invoke_mode(environ: Mapping[str, str]) -> None:
    """Refuse a mode that the adapter would silently take for ``buffered``."""
    from app.aws.invoke_mode import check_invoke_mode
    from app.settings import SettingsError

    try:
        check_invoke_mode(environ.get("AWS_LWA_INVOKE_MODE", "buffered"))
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _adapter_port(environ: Mapping[str, str]) -> int:
    """Return the port on which the adapter expects the app."""
    from app.settings import SettingsError

    name = "AWS_LWA_PORT" if "AWS_LWA_PORT" in environ else "PORT"
    text = environ.get(name, "8080")
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 65535):
        raise SettingsError(f"{name} is {text!r}; it must be a port from 1 to 65535.")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What the container image starts, wherever it runs.

    inside Lambda                    the app for the Lambda Web Adapter, or our own runtime
    docker run                       the emulator, which runs the same inside a local Lambda
    docker run -e CHAT_DIRECT=true   the app alone, for ECS, Cloud Run or Kubernetes

So a laptop runs the same processes as Lambda does.
"""

import argparse
import http.client
import os
import sys
from collections.abc import Mapping, Sequence

from app.aws.invoke_mode import check_invoke_mode
from app.settings import Settings, SettingsError, load_settings

CHAINS = {
    "web-adapter": "the app behind the Lambda Web Adapter",
    "runtime": "the app in our own Lambda runtime",
}

_LOOPBACK = "127.0.0.1"
_ALL_ADDRESSES = "0.0.0.0"
# Lambda kills the processes two seconds after it has asked them to stop.
_LAMBDA_GRACE_S = 0.3
_HEALTH_TIMEOUT_S = 5.0
_DRY_RUN = {"x-amz-invocation-type": "DryRun"}


def main(argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Start what ``argv`` names; return the exit status.

    Args:
        argv: one of `CHAINS` and, outside Lambda, options of the emulator; or ``health``.
        environ: the variables of Lambda and of the Lambda Web Adapter. Ours are read as settings.
    """
    try:
        # Decided before anything else is imported: inside Lambda a client waits for the start.
        if "AWS_LAMBDA_RUNTIME_API" in environ:
            return _run_inside_lambda(argv[0], environ)
        return _run_outside(argv, environ)
    except SettingsError as error:
        print(f"deltaline: {error}", file=sys.stderr)
        return 2


def _run_inside_lambda(chain: str, environ: Mapping[str, str]) -> int:
    if chain == "runtime":
        from app.lambda_runtime import runtime

        return runtime.main()
    settings = load_settings()
    _check_invoke_mode(environ)
    return _serve(settings, _LOOPBACK, _adapter_port(environ), behind_adapter=True)


def _run_outside(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    settings = load_settings()
    args = _parse(argv, settings)
    if args.chain == "health":
        return 0 if _is_healthy(settings) else 1
    if settings.direct:
        # The emulator's other options do not apply here.
        return _serve(settings, args.host, args.port)
    if settings.workers != 1:
        raise SettingsError(
            "CHAT_WORKERS needs CHAT_DIRECT=true: a local Lambda starts a process for each request "
            "itself."
        )
    _check_invoke_mode(environ)
    from app.emulator.program import run

    return run(args)


def _parse(argv: Sequence[str], settings: Settings) -> argparse.Namespace:
    from app.emulator.arguments import add_arguments

    parser = argparse.ArgumentParser(prog="container")
    chains = parser.add_subparsers(dest="chain", metavar="WHAT", required=True)
    for name, what in CHAINS.items():
        chain = chains.add_parser(name, help=f"{what}, in a local Lambda")
        add_arguments(chain)
        command = [sys.executable, "-m", "app.commands.container", name]
        chain.set_defaults(host=_ALL_ADDRESSES, port=settings.port, runtime_command=command)
    chains.add_parser("health", help="exit with 0 if the container answers")
    return parser.parse_args(argv)


def _serve(settings: Settings, host: str, port: int, *, behind_adapter: bool = False) -> int:
    from app.commands.chat_server import SHUTDOWN_GRACE_S, serve_chat

    grace_s = _LAMBDA_GRACE_S if behind_adapter else SHUTDOWN_GRACE_S
    return serve_chat(
        settings, host=host, port=port, grace_s=grace_s, behind_adapter=behind_adapter
    )


def _check_invoke_mode(environ: Mapping[str, str]) -> None:
    """Refuse a mode that the adapter would silently take for ``buffered``."""
    try:
        check_invoke_mode(environ.get("AWS_LWA_INVOKE_MODE", "buffered"))
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _adapter_port(environ: Mapping[str, str]) -> int:
    """Return the port on which the adapter expects the app."""
    name = "AWS_LWA_PORT" if "AWS_LWA_PORT" in environ else "PORT"
    text = environ.get(name, "8080")
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 65535):
        raise SettingsError(f"{name} is {text!r}; it must be a port from 1 to 65535.")
    return int(text)


def _is_healthy(settings: Settings) -> bool:
    """Return whether the app responds, or the emulator, without starting a function."""
    connection = http.client.HTTPConnection(_LOOPBACK, settings.port, timeout=_HEALTH_TIMEOUT_S)
    try:
        if settings.direct:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        path = "/2015-03-31/functions/function/invocations"
        connection.request("POST", path, headers=_DRY_RUN)
        # A local Lambda that asks for a token, or serves other hosts only, is up too.
        return connection.getresponse().status in (204, 401, 421)
    except OSError as error:
        print(f"deltaline: no answer on port {settings.port}: {error}", file=sys.stderr)
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

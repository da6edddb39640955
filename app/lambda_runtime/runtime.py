"""A Lambda runtime for Python that streams. ``bootstrap`` starts it.

It asks the Runtime API for an event, calls the handler, sends the response while the handler
produces it, and asks again. On Managed Instances (``AWS_LAMBDA_MAX_CONCURRENCY``) several such
loops share one event loop. No event and no handler can end a loop.

The handler's module is imported before the first event is asked for, in the time that Lambda
reserves for the start. Whatever a turn does not need is never imported: no AWS SDK, no web server.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Mapping

from app.aws.invoke_mode import check_invoke_mode
from app.known_secrets import remember, secrets_in
from app.lambda_runtime.handler_loading import Handler, HandlerNotFound, load_handler
from app.lambda_runtime.invocation_loops import Runtime
from app.lambda_runtime.lambda_call import read_function_config
from app.lambda_runtime.runtime_api import ResponseRefused, RuntimeApi, RuntimeApiFailed
from app.lambda_runtime.starting import init_error, log_no_start, no_garbage
from app.telemetry.log import configure_logging
from app.tools.own_tasks import guard_tasks_of_tools

# Between the stop signal and the kill Lambda leaves at most two seconds: for responses that are
# still being sent, then for the ends of turns that are told to stop, and last for the handler's own
# shut-down.
_STOP_GRACE_S = 0.3
_LAST_BYTES_S = 0.2
_HANDLER_STOP_S = 1.0

_DEFAULT_HANDLER = "app.main:create_lean_app"
# Handlers that make the app of the settings, which is the user's own where `CHAT_APP` is set.
_OF_THE_SETTINGS = frozenset({"app.main.create_app", "app.main.create_lean_app"})
_OWN_APP = "app.commands.own_app:create"

logger = logging.getLogger("deltaline.runtime")


async def serve(environ: Mapping[str, str]) -> int:
    """Run the function that the environment names until told to stop; return the exit status."""
    try:
        api = RuntimeApi(environ.get("AWS_LAMBDA_RUNTIME_API", ""))
    except RuntimeApiFailed as error:
        logger.error("AWS_LAMBDA_RUNTIME_API does not say where Lambda is: %s", error)
        return 1
    guard_tasks_of_tools(asyncio.get_running_loop())
    try:
        with no_garbage():
            handler, runtime = _build(api, environ)
            await handler.start()
    except (Exception, SystemExit) as error:
        from app.settings import SettingsError  # which only a failed start needs

        says_all = isinstance(error, SettingsError | HandlerNotFound)
        log_no_start(error, says_all=says_all)
        with contextlib.suppress(ResponseRefused, RuntimeApiFailed):
            await api.fail_init(init_error(error, says_all=says_all))
        return 1
    running = asyncio.create_task(runtime.run())
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    stopping = asyncio.create_task(told.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    runtime.stop()
    await asyncio.wait({running}, timeout=_STOP_GRACE_S)
    if not running.done():
        handler.end_turns()
        await asyncio.wait({running}, timeout=_LAST_BYTES_S)
    running.cancel()
    await asyncio.wait({running})
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_HANDLER_STOP_S):
            await handler.stop()
    if not running.cancelled() and (failure := running.exception()) is not None:
        logger.error("the runtime ends: %s", failure)
        return 1
    return 0


def _build(api: RuntimeApi, environ: Mapping[str, str]) -> tuple[Handler, Runtime]:
    concurrency = environ.get("AWS_LAMBDA_MAX_CONCURRENCY") or "1"
    if not concurrency.isdecimal() or int(concurrency) < 1:
        raise ValueError(f"AWS_LAMBDA_MAX_CONCURRENCY is {concurrency!r}; it must be a number.")
    invoke_mode = environ.get("AWS_LWA_INVOKE_MODE") or None
    if invoke_mode is not None:
        check_invoke_mode(invoke_mode)
    handler = load_handler(
        _handler_name(environ),
        read_function_config(environ),
        base_path=environ.get("AWS_LWA_REMOVE_BASE_PATH", ""),
    )
    return handler, Runtime(api, handler, concurrency=int(concurrency), invoke_mode=invoke_mode)


def _handler_name(environ: Mapping[str, str]) -> str:
    name = environ.get("_HANDLER") or _DEFAULT_HANDLER
    if name.replace("/", ".").replace(":", ".") not in _OF_THE_SETTINGS:
        return name
    # As settings are read: in either case, and no empty value.
    has_own = any(value and variable.upper() == "CHAT_APP" for variable, value in environ.items())
    return _OWN_APP if has_own else name


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Run as the process that ``bootstrap`` starts; return the exit status."""
    remember(*secrets_in(os.environ))
    # The settings, which would refuse any other word, are read with the handler.
    configure_logging(form="text" if os.environ.get("CHAT_LOG") == "text" else "json")
    return asyncio.run(serve(environ))


if __name__ == "__main__":
    sys.exit(main())

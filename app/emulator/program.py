"""The emulator as a whole, and the command that runs it."""

import argparse
import asyncio
import errno
import signal
from collections.abc import Coroutine
from typing import Any

from app.emulator.arguments import UsageError, read_options
from app.emulator.file_watch import watch_files
from app.emulator.function import Function
from app.emulator.options import DEFAULT_FUNCTION, Options
from app.emulator.output import Console
from app.emulator.public_port import PublicPort
from app.emulator.server import HttpServer
from app.known_secrets import remember, secrets_in
from app.requests.sites import OPEN_TO_ALL, is_loopback

# How long a browser or an SDK may keep an unused connection.
_IDLE_TIMEOUT_S = 75.0
# After a stop signal: how long invocations may go on, and then how long they may take to end
# themselves, in seconds. `docker stop` kills 10 seconds after its signal.
_GRACE_S = 5.0
_END_S = 2.0
# Of what a browser or an SDK sends. A runtime's trailers hold stack traces and may be larger.
_MAX_HEAD_BYTES = 64 * 1024


class CannotListen(Exception):
    """The public port cannot be opened. The text says what to do."""


class Emulator:
    """A local Lambda, as an async context manager: inside it `url` is served.

    Raises:
        CannotListen: on entering.
    """

    def __init__(self, options: Options, console: Console) -> None:
        self._options = options
        self._console = console
        self._functions = {
            name: Function(options, name, console) for name in {DEFAULT_FUNCTION, *options.handlers}
        }
        self._port = options.port
        public_port = PublicPort(options, self._function, lambda: self._port, console)
        self._server = HttpServer(
            public_port.respond, idle_timeout_s=_IDLE_TIMEOUT_S, max_head_bytes=_MAX_HEAD_BYTES
        )
        self._watching: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """The address of the public port, without a slash at the end."""
        host = f"[{self._options.host}]" if ":" in self._options.host else self._options.host
        return f"http://{host}:{self._port}"

    async def __aenter__(self) -> "Emulator":
        host, port = self._options.host, self._options.port
        try:
            self._port = await self._server.start(host, port)
        except OSError as error:
            raise CannotListen(_why_not_listening(error, host, port)) from error
        if self._options.watch is not None:
            self._watching = asyncio.create_task(watch_files(self._options.watch, self._restart))
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})
        await self._server.close()
        await asyncio.gather(*(function.close() for function in self._functions.values()))

    async def end_invocations(self, grace_s: float = _GRACE_S) -> None:
        """Take no more requests, and let the present ones end: first by themselves, then when told.

        Args:
            grace_s: how long they may go on before the functions are told to stop, in seconds.
        """
        self._server.stop()
        if await _is_soon(self._server.until_responded(), grace_s):
            return
        for function in self._functions.values():
            function.ask_to_end()
        await _is_soon(self._server.until_responded(), _END_S)

    def _function(self, name: str) -> Function:
        return self._functions.get(name) or self._functions[DEFAULT_FUNCTION]

    def _restart(self, changed: list[str]) -> None:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        text = "changed; the next invocation starts a new environment"
        self._console.notice(f"{changed[0]}{more} {text}")
        for function in self._functions.values():
            function.retire()


def run(args: argparse.Namespace) -> int:
    """Run the emulator until SIGINT or SIGTERM; return the exit status."""
    console = Console()
    try:
        options = read_options(args)
        remember(*secrets_in(options.variables))
        asyncio.run(_serve(options, console))
    except UsageError as error:
        console.problem(f"emulate: {error}")
        return 2
    except CannotListen as error:
        console.problem(f"emulate: {error}")
        return 1
    return 0


async def _serve(options: Options, console: Console) -> None:
    loop = asyncio.get_running_loop()
    signals: asyncio.Queue[None] = asyncio.Queue()
    async with Emulator(options, console) as emulator:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, signals.put_nowait, None)
        for line in _banner(options, emulator.url):
            console.notice(line)
        if options.auth_token is None and not is_loopback(options.host):
            console.problem(f"warning: {OPEN_TO_ALL % options.host}")
        await signals.get()
        console.notice("stopping")
        ending = asyncio.create_task(emulator.end_invocations())
        again = asyncio.create_task(signals.get())  # who asks twice waits for nothing
        await asyncio.wait((ending, again), return_when=asyncio.FIRST_COMPLETED)
        for task in (ending, again):
            task.cancel()
        await asyncio.gather(ending, again, return_exceptions=True)


async def _is_soon(work: Coroutine[Any, Any, None], timeout_s: float) -> bool:
    """Wait for ``work``, but not for longer than ``timeout_s``; return whether it is done."""
    try:
        await asyncio.wait_for(work, timeout_s)
    except TimeoutError:
        return False
    return True


def _banner(options: Options, url: str) -> list[str]:
    names = [*options.handlers, DEFAULT_FUNCTION]
    command = " ".join(options.command)
    lines = [
        f"Lambda emulator on {url}",
        f"  invoke        POST {url}/2015-03-31/functions/{names[0]}/invocations",
        f"  SDK           --endpoint-url {url}",
        f"  Function URL  {url}/",
        f"  command       {command}",
    ]
    if options.extensions:
        lines.append(f"  extensions    {', '.join(path.name for path in options.extensions)}")
    return lines


def _why_not_listening(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is taken; stop what listens there, or choose another: --port"
    if error.errno == errno.EACCES:
        return f"port {port} on {host} needs more rights; choose one above 1023: --port"
    return f"cannot listen on {host}:{port}: {error.strerror or error}"

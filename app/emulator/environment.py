"""One execution environment: its processes, its two APIs, and one invocation at a time."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Callable

from app.emulator.bandwidth import Bandwidth
from app.emulator.changes import Changes
from app.emulator.connection import Connection, Request
from app.emulator.extensions_endpoint import ExtensionsEndpoint
from app.emulator.function_response import FunctionFailure, FunctionInvocation
from app.emulator.memory import MemoryWatch
from app.emulator.options import Options
from app.emulator.output import FunctionLog, OutputPipe
from app.emulator.processes import Process, Processes
from app.emulator.runtime_endpoint import MAX_BUFFERED_BYTES, MAX_STREAMED_BYTES, RuntimeEndpoint
from app.emulator.server import HttpServer
from app.emulator.variables import environment_variables

_LOOPBACK = "127.0.0.1"
# The runtime's share of the shutdown time; the extensions get the rest.
_RUNTIME_SHARE = 0.3


class Environment:
    """Starts with `initialise`, serves any number of invocations with `run`, ends with `close`."""

    def __init__(self, options: Options, name: str, log: FunctionLog) -> None:
        self._options = options
        self._name = name
        self._changes = Changes()
        self._server = HttpServer(self._respond)
        self._output = OutputPipe(log.function_line)
        self._processes: Processes | None = None
        self._extensions = ExtensionsEndpoint(
            self._changes,
            {
                "functionName": name,
                "functionVersion": "$LATEST",
                "handler": options.handlers.get(name, options.variables.get("_HANDLER", "")),
            },
            frozenset(path.name for path in options.extensions),
        )
        self._runtime = RuntimeEndpoint(
            self._changes,
            lambda: self.ended is not None,
            max_bytes=MAX_BUFFERED_BYTES if options.buffered else MAX_STREAMED_BYTES,
            bandwidth=Bandwidth if options.bandwidth else None,
        )
        self.memory = MemoryWatch(
            self._pids, options.memory_mb * 1024 * 1024, self._kill_for_memory
        )
        self.log = log
        self.usable = False
        self._is_asked_to_end = False

    @property
    def ended(self) -> Process | None:
        """A process of the environment that has ended, if any."""
        return self._processes.ended if self._processes else None

    @property
    def idle(self) -> bool:
        """Whether the runtime and every extension wait for an event."""
        return self._runtime.idle and self._extensions.all_ready

    async def initialise(self, timeout_s: float) -> FunctionFailure | None:
        """Start the processes and wait until all poll for an event; return the failure, if any."""
        error: FunctionFailure | None = None
        asyncio.get_running_loop().add_reader(self._output, self._output.drain)
        async with self._watched_memory():
            try:
                async with asyncio.timeout(timeout_s):
                    error = await self._start()
            except TimeoutError:
                error = self._failure(
                    "Sandbox.Timedout", f"Task timed out after {timeout_s:.2f} seconds"
                )
                self.log.problem(self._why_not_ready(timeout_s))
        self.usable = error is None
        return error

    async def run(self, invocation: FunctionInvocation, deadline: float) -> FunctionFailure | None:
        """Let the runtime process one invocation; return why the environment must end, if so.

        ``deadline`` is in the event loop's time. The response is finished in every case, possibly
        before the runtime is ready for the next invocation.
        """
        error: FunctionFailure | None = None
        async with self._watched_memory():
            try:
                async with asyncio.timeout_at(deadline):
                    await self._until_idle_or_ended()
                    if self.ended is None:
                        self._deliver(invocation, deadline)
                        await self._until_idle_or_ended()
                    if self.ended is not None:
                        # What it sent before its end may not have been read yet.
                        await self._server.until_quiet()
            except TimeoutError:
                text = f"Task timed out after {self._options.timeout_s:.2f} seconds"
                error = self._failure("Sandbox.Timedout", text, invocation)
        if self.ended is not None and not self._has_ended_well(invocation):
            error = self._exit_failure(self.ended, invocation)
        self.usable = error is None and self.ended is None
        if error is not None:
            invocation.response.finish(error)
        self._output.drain()
        return error

    def ask_to_end(self) -> None:
        """Tell the runtime to end what it does and then itself, as `docker stop` would."""
        self._is_asked_to_end = True
        if self._processes is not None:
            self._processes.ask_runtime_to_end()

    def _has_ended_well(self, invocation: FunctionInvocation) -> bool:
        return self._is_asked_to_end and invocation.response.end is not None

    async def close(self, reason: str) -> None:
        """End the processes as Lambda does; ``reason`` is spindown, timeout or failure.

        A second call does nothing, unless the first was cancelled.
        """
        self.usable = False
        if self._output.closed:
            return
        shutdown_s = self._extensions.shutdown_s
        if self._processes is not None:
            told: list[str] = []
            if shutdown_s > 0:
                runtime_s = shutdown_s * _RUNTIME_SHARE
                await self._processes.terminate_runtime(runtime_s)
                shutdown_s -= runtime_s
                told = self._announce_shutdown(reason, shutdown_s)
            await self._processes.stop(shutdown_s, told)
        await self._server.close()
        asyncio.get_running_loop().remove_reader(self._output)
        self._output.close()

    async def until_exit(self) -> None:
        """Wait until a process of the environment ends."""
        await self._changes.until(lambda: self.ended is not None)

    def _deliver(self, invocation: FunctionInvocation, deadline: float) -> None:
        left_s = deadline - asyncio.get_running_loop().time()
        deadline_ms = int((time.time() + left_s) * 1000)
        self._runtime.deliver(invocation, deadline_ms)
        self._extensions.publish(
            {
                "eventType": "INVOKE",
                "deadlineMs": deadline_ms,
                "requestId": invocation.request_id,
                "invokedFunctionArn": invocation.function_arn,
                "tracing": {"type": "X-Amzn-Trace-Id", "value": invocation.trace_id},
            }
        )

    async def _until_idle_or_ended(self) -> None:
        await self._changes.until(lambda: self.idle or self.ended is not None)

    async def _start(self) -> FunctionFailure | None:
        port = await self._server.start(_LOOPBACK)
        environ = environment_variables(
            self._options,
            self._name,
            runtime_api=f"{_LOOPBACK}:{port}",
            app_port=_free_port(),
        )
        self._processes = Processes(self._changes, self._output.write_end, environ)
        for path in self._options.extensions:
            try:
                await self._processes.start_extension(path)
            except OSError as error:
                return self._failure("Extension.LaunchError", f"{path.name}: {error.strerror}")
        # As on Lambda, the runtime starts once every extension has registered.
        await self._until_initialised(lambda: self._extensions.all_registered)
        if (failure := self._init_failure()) is not None:
            return failure
        try:
            await self._processes.start_runtime(self._options.command)
        except OSError as error:
            text = f"{self._options.command[0]}: {error.strerror}"
            return self._failure("Runtime.InvalidEntrypoint", text)
        await self._until_initialised(lambda: self.idle)
        self._extensions.registration_open = False
        return self._init_failure()

    async def _until_initialised(self, condition: Callable[[], bool]) -> None:
        await self._changes.until(lambda: condition() or self._init_failure() is not None)

    def _init_failure(self) -> FunctionFailure | None:
        if self._runtime.init_error or self._extensions.error:
            return self._runtime.init_error or self._extensions.error
        return self._exit_failure(self.ended) if self.ended else None

    def _exit_failure(
        self, process: Process, invocation: FunctionInvocation | None = None
    ) -> FunctionFailure:
        if self._processes is None or process is not self._processes.runtime:
            text = f"extension {process.name}: {process.ending}"
            return self._failure("Extension.Crash", text, invocation)
        if process.failed:
            text = f"Runtime exited with error: {process.ending}"
        else:
            text = "Runtime exited without providing a reason"
        return self._failure("Runtime.ExitError", text, invocation)

    def _failure(
        self, error_type: str, text: str, invocation: FunctionInvocation | None = None
    ) -> FunctionFailure:
        if invocation is not None:
            return FunctionFailure.of_invocation(error_type, invocation.request_id, text)
        body = {"errorType": error_type, "errorMessage": f"Error: {text}"}
        return FunctionFailure(error_type, json.dumps(body))

    def _why_not_ready(self, timeout_s: float) -> str:
        command = " ".join(self._options.command)
        missing = self._extensions.unready_names
        if missing:
            names = ", ".join(missing)
            return f"after {timeout_s:g} s these extensions had not asked for an event: {names}"
        return (
            f"after {timeout_s:g} s nobody had asked the Runtime API for work; {command!r} runs, "
            "but it is no Lambda runtime, or it is not ready yet. A web server needs the Lambda "
            "Web Adapter: --extensions DIR"
        )

    def _announce_shutdown(self, reason: str, shutdown_s: float) -> list[str]:
        deadline_ms = int((time.time() + shutdown_s) * 1000)
        event = {"eventType": "SHUTDOWN", "deadlineMs": deadline_ms, "shutdownReason": reason}
        self._extensions.publish(event)
        names = [path.name for path in self._options.extensions]
        return [name for name in names if self._extensions.wants_shutdown(name)]

    async def _respond(self, connection: Connection, request: Request) -> None:
        if not await self._extensions.respond(connection, request):
            await self._runtime.respond(connection, request)

    @contextlib.asynccontextmanager
    async def _watched_memory(self) -> AsyncIterator[None]:
        watch = asyncio.create_task(self.memory.run())
        try:
            yield
            self.memory.sample()
        finally:
            watch.cancel()
            await asyncio.wait({watch})

    def _pids(self) -> list[int]:
        return [process.pid for process in self._processes.all] if self._processes else []

    def _kill_for_memory(self) -> None:
        self.log.problem(
            f"used {self.memory.max_bytes / 2**20:.0f} MB of its {self._options.memory_mb} MB "
            "and was killed; --memory MB gives it more"
        )
        if self._processes is not None:
            self._processes.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])

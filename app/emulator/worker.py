"""The life of one environment: initialise, run an invocation, report it, wait for the next."""

import asyncio
import math
import time
from collections.abc import Callable

from app.emulator.environment import Environment
from app.emulator.function_response import FunctionFailure, FunctionInvocation
from app.emulator.options import Options
from app.emulator.output import FunctionLog

# If a file cannot be executed, a second init fails in the same way.
_FINAL = frozenset({"Runtime.InvalidEntrypoint", "Extension.LaunchError"})


class Worker:
    """Owns one environment, from its first invocation to its end.

    Args:
        on_idle: called each time the environment is free for another invocation, see `take`.
        on_end: called once it will take no more; its processes may still be ending.
    """

    def __init__(
        self,
        options: Options,
        name: str,
        log: FunctionLog,
        on_idle: "Callable[[Worker], None]",
        on_end: "Callable[[Worker], None]",
    ) -> None:
        self._options = options
        self._name = name
        self._log = log
        self._on_idle = on_idle
        self._on_end = on_end
        self._inbox: asyncio.Queue[FunctionInvocation | None] = asyncio.Queue()
        self._environment: Environment | None = None
        self._retired = False

    def take(self, invocation: FunctionInvocation) -> None:
        """Run this invocation next. Only while idle."""
        self._inbox.put_nowait(invocation)

    def retire(self) -> None:
        """End after the current invocation, at once if there is none."""
        self._retired = True
        self._inbox.put_nowait(None)

    def ask_to_end(self) -> None:
        """Let the running invocation end itself, and take no other."""
        self.retire()
        if self._environment is not None:
            self._environment.ask_to_end()

    async def live(self, first: FunctionInvocation) -> None:
        """Run ``first`` and what `take` is given, until retired, cancelled or broken."""
        reason = "spindown"
        invocation: FunctionInvocation | None = first
        try:
            while invocation is not None:
                error = await self._invoke(invocation)
                if error is not None:
                    reason = "timeout" if error.type == "Sandbox.Timedout" else "failure"
                    return
                if self._retired:
                    return
                self._on_idle(self)
                invocation = await self._next_invocation()
        finally:
            self._on_end(self)
            if self._environment is not None:
                await self._environment.close(reason)

    async def _next_invocation(self) -> FunctionInvocation | None:
        assert self._environment is not None
        waiting = asyncio.ensure_future(self._inbox.get())
        exited = asyncio.ensure_future(self._environment.until_exit())
        try:
            await asyncio.wait({waiting, exited}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
            process = self._environment.ended
            assert process is not None
            self._log.problem(f"{process.name} ended between invocations: {process.ending}")
            # An invocation taken at the same moment gets a new environment.
            return None if self._inbox.empty() else self._inbox.get_nowait()
        finally:
            waiting.cancel()
            exited.cancel()

    async def _invoke(self, invocation: FunctionInvocation) -> FunctionFailure | None:
        stopped = FunctionFailure.of_invocation(
            "Sandbox.Failure", invocation.request_id, "the emulator was stopped"
        )
        error: FunctionFailure | None = stopped
        init_s: float | None = None
        began = time.monotonic()
        try:
            environment = self._environment
            if environment is None or environment.ended is not None:
                environment, init_error = await self._initialise(self._options.init_timeout_s)
                init_s = time.monotonic() - began
                began = time.monotonic()
            else:
                init_error = None
            self._log.mark()
            self._log.platform_line(f"START RequestId: {invocation.request_id} Version: $LATEST")
            deadline = asyncio.get_running_loop().time() + self._options.timeout_s
            if init_error is not None and init_error.type not in _FINAL:
                # As on Lambda, a failed init is repeated once within the invocation.
                environment, init_error = await self._initialise(self._options.timeout_s)
            error = init_error or await environment.run(invocation, deadline)
            return error
        finally:
            if error is stopped and invocation.response.end is not None:
                error = None  # the response was complete; the runtime had only not polled yet
            invocation.response.finish(error)
            self._report(invocation, error, began, init_s)
            invocation.response.close(self._log.tail())

    async def _initialise(self, timeout_s: float) -> tuple[Environment, FunctionFailure | None]:
        if self._environment is not None:
            await self._environment.close("failure")
        self._environment = environment = Environment(self._options, self._name, self._log)
        began = time.monotonic()
        error = await environment.initialise(timeout_s)
        if error is not None:
            milliseconds = (time.monotonic() - began) * 1000
            status = "timeout" if error.type == "Sandbox.Timedout" else "error"
            self._log.platform_line(
                f"INIT_REPORT Init Duration: {milliseconds:.2f} ms Phase: init Status: {status} "
                f"Error Type: {error.type}"
            )
            self._log.problem(error.body)
        return environment, error

    def _report(
        self,
        invocation: FunctionInvocation,
        error: FunctionFailure | None,
        began: float,
        init_s: float | None,
    ) -> None:
        response = invocation.response
        memory = self._environment.memory if self._environment else None
        duration_ms = (time.monotonic() - began) * 1000
        billed_ms = math.ceil(duration_ms + (init_s or 0.0) * 1000)
        peak_mb = math.ceil(memory.max_bytes / 2**20) if memory else 0
        fields = [
            f"REPORT RequestId: {invocation.request_id}",
            f"Duration: {duration_ms:.2f} ms",
            f"Billed Duration: {billed_ms} ms",
            f"Memory Size: {self._options.memory_mb} MB",
            f"Max Memory Used: {peak_mb} MB",
        ]
        if init_s is not None:
            fields.append(f"Init Duration: {init_s * 1000:.2f} ms")
        fields.append(f"Bytes Streamed: {response.streamed_bytes}")
        if response.first_byte_at is not None:
            fields.append(f"Time To First Byte: {(response.first_byte_at - began) * 1000:.2f} ms")
        stated = error or (response.end.error if response.end else None)
        if stated is not None:
            status = "timeout" if stated.type == "Sandbox.Timedout" else "error"
            fields += [f"Status: {status}", f"Error Type: {stated.type}"]
            self._log.problem(stated.body or stated.type)
        self._log.platform_line(f"END RequestId: {invocation.request_id}")
        self._log.platform_line("\t".join(fields))

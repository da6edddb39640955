"""One function: its environments, started on demand and reused."""

import asyncio
import secrets
import time
import uuid
from dataclasses import dataclass

from app.emulator.function_response import FunctionInvocation, FunctionResponse
from app.emulator.options import Options
from app.emulator.output import Console, FunctionLog
from app.emulator.worker import Worker

# Lambda's limit for the event of one invocation.
MAX_EVENT_BYTES = 6 * 1024 * 1024


class Throttled(Exception):
    """Every environment that the function may have is busy. Lambda does not queue."""


@dataclass(frozen=True, slots=True)
class Caller:
    """What the caller of a function sends along with the event."""

    client_context: str = ""
    tenant_id: str = ""
    trace_id: str = ""


class Function:
    """Invokes one function, in up to ``options.concurrency`` environments at a time."""

    def __init__(self, options: Options, name: str, console: Console) -> None:
        self._options = options
        self._name = name
        self._console = console
        self._workers: set[Worker] = set()
        self._idle: list[Worker] = []
        self._tasks: dict[asyncio.Task[None], Worker] = {}
        self._started = 0
        self._is_ending = False

    def invoke(self, event: bytes, caller: Caller) -> FunctionInvocation:
        """Start an invocation; its ``response`` receives what the function sends.

        Raises:
            Throttled
        """
        if self._is_ending or (not self._idle and len(self._workers) >= self._options.concurrency):
            raise Throttled
        invocation = FunctionInvocation(
            request_id=str(uuid.uuid4()),
            event=event,
            function_arn=self._options.function_arn(self._name),
            trace_id=caller.trace_id or new_trace_id(),
            client_context=caller.client_context,
            tenant_id=caller.tenant_id,
            response=FunctionResponse(),
        )
        if self._idle:
            self._idle.pop().take(invocation)
        else:
            self._start_worker(invocation)
        return invocation

    def retire(self) -> None:
        """Start a new environment for the next invocation; the present ones end when idle."""
        self._idle.clear()
        for worker in self._workers:
            worker.retire()

    def ask_to_end(self) -> None:
        """Tell every environment to end what it does, and start no other."""
        self._is_ending = True
        self._idle.clear()
        for worker in tuple(self._workers):
            worker.ask_to_end()

    async def close(self) -> None:
        """Abort running invocations and end every environment."""
        tasks = dict(self._tasks)
        for task, worker in tasks.items():
            if worker in self._workers:  # the others are already ending their processes
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start_worker(self, invocation: FunctionInvocation) -> None:
        self._started += 1
        log = FunctionLog(self._console, self._name, self._started)
        worker = Worker(self._options, self._name, log, self._idle.append, self._forget)
        self._workers.add(worker)
        task = asyncio.create_task(worker.live(invocation))
        self._tasks[task] = worker
        task.add_done_callback(self._tasks.pop)

    def _forget(self, worker: Worker) -> None:
        self._workers.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)


def new_trace_id() -> str:
    """Return a new `X-Amzn-Trace-Id`, not sampled."""
    root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    return f"Root={root};Parent={secrets.token_hex(8)};Sampled=0"

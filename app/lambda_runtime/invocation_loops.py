"""Runs the handler for one event after another, and sees that each gets its response.

No event and no handler can end a loop.
"""

import asyncio
import contextlib
import logging
import os
import time

from app.lambda_runtime.handler_loading import Handler
from app.lambda_runtime.invocation import FunctionError, Invocation, describe_exception
from app.lambda_runtime.invocation_response import InvocationResponse, choose_response
from app.lambda_runtime.lambda_call import LambdaCall
from app.lambda_runtime.plain_handler import PlainHandler
from app.lambda_runtime.runtime_api import ResponseRefused, RuntimeApi, RuntimeApiFailed
from app.requests.lambda_events import EventKind, MalformedEvent, classify, read_event
from app.requests.value_count import MAX_VALUES, count_values, is_heavy
from app.threads import Aside

# How long before Lambda kills the process the runtime cuts a response. An app does so earlier.
_GUARD_S = 0.5
# If the time limit is short, the guard takes at most this share of it.
_GUARD_SHARE = 0.1

_TIME_IS_OVER = FunctionError(
    "Deltaline.Timeout",
    "The answer was cut because the function's time limit was reached.",
    "Deltaline.Timeout",
)
_SHUTTING_DOWN = FunctionError(
    "Deltaline.Shutdown",
    "The answer was cut because the function is being shut down.",
    "Deltaline.Shutdown",
)

_CANCELLED = FunctionError(
    "Function.CancelledError", "The handler cancelled itself.", "CancelledError"
)

logger = logging.getLogger("deltaline.runtime")


class Runtime:
    """Runs the handler for one invocation after another until it is told to stop.

    Args:
        api: gives the events and takes the responses.
        handler: has been started.
        concurrency: how many invocations may run at once.
        invoke_mode: ``buffered`` or ``response_stream`` if that is how every HTTP front invokes
            this function; by default the event decides.
    """

    def __init__(
        self,
        api: RuntimeApi,
        handler: Handler,
        *,
        concurrency: int = 1,
        invoke_mode: str | None = None,
    ) -> None:
        self._api = api
        self._handler = handler
        self._concurrency = concurrency
        self._invoke_mode = invoke_mode
        self._waiting: set[asyncio.Task[Invocation | None]] = set()
        self._abandoned: set[asyncio.Task[None]] = set()
        self._aside = Aside("reading")
        self._stopping = False

    async def run(self) -> None:
        """Return once `stop` has been called and no invocation is left.

        Raises:
            RuntimeApiFailed: the Runtime API is gone or does not work.
        """
        try:
            async with asyncio.TaskGroup() as loops:
                for _ in range(self._concurrency):
                    loops.create_task(self._loop())
        except* RuntimeApiFailed as group:
            raise group.exceptions[0] from None

    def stop(self) -> None:
        """Ask for no more events. Running invocations go on."""
        self._stopping = True
        for task in self._waiting:
            task.cancel()

    async def _loop(self) -> None:
        while not self._stopping:
            waiting = asyncio.create_task(self._api.next_invocation())
            self._waiting.add(waiting)
            await asyncio.wait({waiting})
            self._waiting.discard(waiting)
            if waiting.cancelled():
                return
            invocation = waiting.result()
            if invocation is None:
                logger.error("an event without a request id cannot be answered")
                continue
            await self._respond(invocation)

    async def _respond(self, invocation: Invocation) -> None:
        call = await self._read(invocation)
        response = choose_response(self._api, call, invoke_mode=self._invoke_mode)
        if self._concurrency == 1:
            # Tracing libraries read it there. Several invocations at once could not share it.
            os.environ["_X_AMZN_TRACE_ID"] = invocation.trace_id or ""
        left_s = invocation.deadline_ms / 1000 - time.time()
        guard_s = min(_GUARD_S, left_s * _GUARD_SHARE)
        work = asyncio.create_task(self._work(call, response))
        try:
            await asyncio.wait({work}, timeout=left_s - guard_s)
            if not work.done():
                await self._cut(invocation, work, response, _TIME_IS_OVER)
            elif work.cancelled():
                await response.fail(_CANCELLED)
            else:
                work.result()
        except ResponseRefused as error:
            _log(logging.WARNING, invocation, f"the answer was not taken: {error}")
        except asyncio.CancelledError:
            with contextlib.suppress(ResponseRefused):
                await self._cut(invocation, work, response, _SHUTTING_DOWN)
            raise

    async def _read(self, invocation: Invocation) -> LambdaCall:
        """Return the invocation with its event; a large one is parsed beside the event loop."""
        payload = invocation.payload
        # An app is given the bytes of such an event, and refuses them with a sentence. A plain
        # handler takes any event that Lambda takes.
        limit = len(payload) if isinstance(self._handler, PlainHandler) else MAX_VALUES
        return await self._aside.run_if(
            is_heavy(payload), lambda: _call(invocation, limit), size=len(payload)
        )

    async def _work(self, call: LambdaCall, response: InvocationResponse) -> None:
        try:
            await self._handler(call, response)
        except (ResponseRefused, RuntimeApiFailed):
            raise
        except (Exception, SystemExit) as error:
            _log(logging.ERROR, call.invocation, "the handler failed", error)
            await response.fail(self._describe(error))

    async def _cut(
        self,
        invocation: Invocation,
        work: asyncio.Task[None],
        response: InvocationResponse,
        reason: FunctionError,
    ) -> None:
        _log(logging.ERROR, invocation, f"the handler was stopped: {reason.message}")
        work.cancel()
        # A handler that ignores its cancellation must not delay the next event.
        self._abandoned.add(work)
        work.add_done_callback(self._forget)
        await response.fail(reason)

    def _forget(self, work: asyncio.Task[None]) -> None:
        self._abandoned.discard(work)
        if not work.cancelled():
            work.exception()  # retrieved, so that asyncio does not log it

    def _describe(self, error: BaseException) -> FunctionError:
        if isinstance(self._handler, PlainHandler):
            return describe_exception(error)
        # The message of an application's exception is for its log only.
        kind = type(error).__name__
        return FunctionError(f"Function.{kind}", "The application failed; its log says why.", kind)


def _call(invocation: Invocation, max_values: int) -> LambdaCall:
    if count_values(invocation.payload, limit=max_values) > max_values:
        return LambdaCall(invocation, EventKind.MALFORMED, is_json=False)
    try:
        event = read_event(invocation.payload)
    except MalformedEvent:
        return LambdaCall(invocation, EventKind.MALFORMED, is_json=False)
    return LambdaCall(invocation, classify(event), event)


def _log(
    level: int, invocation: Invocation, message: str, error: BaseException | None = None
) -> None:
    fields = {"aws_request_id": invocation.request_id}
    logger.log(level, message, exc_info=error, extra={"fields": fields})

"""What is special about the start of a function: no garbage, and how a failed one is reported."""

import contextlib
import gc
import logging
from collections.abc import Iterator

from app.lambda_runtime.handler_loading import HandlerNotFound
from app.lambda_runtime.invocation import FunctionError, describe_exception

logger = logging.getLogger("deltaline.runtime")


@contextlib.contextmanager
def no_garbage() -> Iterator[None]:
    """Exempt from garbage collection what is created inside: modules and an app, which stay.

    Collecting during the imports would take a quarter of the start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def log_no_start(error: BaseException, *, says_all: bool) -> None:
    """Write why the function cannot start; in one sentence, if that of ``error`` says all."""
    if says_all:
        logger.error("the function cannot start: %s", error)
    else:
        logger.error("the function cannot start", exc_info=error)


def init_error(error: BaseException, *, says_all: bool) -> FunctionError:
    """Return what Lambda is told of a failed start."""
    report = describe_exception(error)
    match error:
        case HandlerNotFound():
            code = "Runtime.HandlerNotFound"
        case ImportError():
            code = "Runtime.ImportModuleError"
        case _:
            code = "Runtime.InitError"
    stack_trace = () if says_all else report.stack_trace
    return FunctionError(code, report.message, report.kind, stack_trace)

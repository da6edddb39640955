"""What nobody has caught goes to the log, whose lines hold no secret, instead of standard error."""

import logging
import sys
import threading
from types import TracebackType


def report_uncaught(logger: logging.Logger) -> None:
    """Log the exceptions that end the process or a thread, and those that cannot be raised."""

    def in_process(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, traceback)
        else:
            logger.critical("the process ends by an exception", exc_info=error)

    def in_thread(ended: threading.ExceptHookArgs) -> None:
        name = "" if ended.thread is None else ended.thread.name
        if not issubclass(ended.exc_type, SystemExit):
            logger.error("the thread %s ended by an exception", name, exc_info=ended.exc_value)

    def unraisable(raised: "sys.UnraisableHookArgs") -> None:
        # Where it was raised is not said: that would be the repr of an object.
        logger.error("an exception could not be raised", exc_info=raised.exc_value)

    sys.excepthook = in_process
    threading.excepthook = in_thread
    sys.unraisablehook = unraisable

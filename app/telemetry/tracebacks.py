"""A traceback as the log shows it: without the text of exceptions that may hold a request."""

import traceback
from collections.abc import Iterator

from app.causes import described, is_of_a_client
from app.errors import ChatError
from app.known_secrets import mask


def shown(error: BaseException) -> str:
    """Return the traceback of ``error`` and of its causes."""
    told = traceback.TracebackException.from_exception(error)
    for line, exception in _pairs(told, error):
        # Named by no public method, and read by every one that formats.
        if isinstance(exception, ChatError):
            line._str = exception.log_text  # type: ignore[attr-defined]
        elif is_of_a_client(exception):
            line._str = described(exception).partition(", from ")[0]  # type: ignore[attr-defined]
    return mask("".join(told.format()).rstrip("\n"))


def _pairs(
    told: traceback.TracebackException, error: BaseException
) -> Iterator[tuple[traceback.TracebackException, BaseException]]:
    """Yield each exception with its place in ``told``, which has the same shape."""
    waiting = [(told, error)]
    while waiting:
        told, error = waiting.pop()
        yield told, error
        related = [(told.__cause__, error.__cause__), (told.__context__, error.__context__)]
        if told.exceptions and isinstance(error, BaseExceptionGroup):
            related += zip(told.exceptions, error.exceptions, strict=True)
        waiting += [(place, cause) for place, cause in related if place and cause is not None]

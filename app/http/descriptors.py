"""The descriptors of this process: how many there are, and what is said once they are used up.

Each chat needs two, one for its client and one for its model.
"""

import asyncio
import errno
import logging
from collections.abc import Callable
from typing import Any

from app.causes import has_errno
from app.seldom_warning import SeldomWarning

logger = logging.getLogger("deltaline")

# For models, tools and files, once connections have taken all others.
_KEPT_DESCRIPTORS = 16


class Room:
    """How many connections may be open.

    Args:
        connections: how many; `None` for half of the descriptors, since each chat needs another
            one for its model.

    Attributes:
        connections: how many.
    """

    def __init__(self, connections: int | None = None) -> None:
        descriptors = _allowed_descriptors()
        self.connections = max(1, descriptors // 2) if connections is None else connections
        text = "%d connections are open, more are refused; a higher ulimit -n allows more"
        self._warn = SeldomWarning(logger, text)
        text = "nearly all of %d descriptors are used; a higher ulimit -n allows more"
        self._warn_of_descriptors = SeldomWarning(logger, text)
        self._descriptors = descriptors

    def has_one_more(self, count: int, transport: asyncio.BaseTransport) -> bool:
        """Whether there is room for a connection; a warning is logged if there is none.

        Args:
            count: of the connections, with this one.
            transport: of this one.
        """
        now = asyncio.get_running_loop().time()
        if count > self.connections:
            self._warn(now, self.connections)
            return False
        # The system gives the lowest free number: a high one says that nearly all are used.
        if _number_of(transport) >= self._descriptors - _KEPT_DESCRIPTORS:
            self._warn_of_descriptors(now, self._descriptors)
            return False
        return True


def _allowed_descriptors() -> int:
    """Return how many descriptors the process may have."""
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return 65536
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 65536 if soft == resource.RLIM_INFINITY else min(soft, 65536)


def _number_of(transport: asyncio.BaseTransport) -> int:
    """Return the descriptor of a connection, which is the lowest that was free."""
    connection = transport.get_extra_info("socket")
    return 0 if connection is None else int(connection.fileno())


def report_seldom(loop: asyncio.AbstractEventLoop) -> None:
    """Let ``loop`` say only once a minute that it has no descriptor for a new connection.

    asyncio says it for each place in its backlog, thousands of times a second.
    """
    text = "there is no descriptor for a new connection; a higher ulimit -n allows more"
    warn = SeldomWarning(logger, text)
    before: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None
    before = loop.get_exception_handler()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if "accept()" in context["message"] and _is_without_descriptors(error):
            warn(loop.time())
        elif before is None:
            loop.default_exception_handler(context)
        else:
            before(loop, context)

    loop.set_exception_handler(handle)


def _is_without_descriptors(error: BaseException | None) -> bool:
    return error is not None and has_errno(error, errno.EMFILE, errno.ENFILE)

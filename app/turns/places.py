"""How many turns may run at once in this process. A tool that runs on its own counts as one."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator

from app.seldom_warning import SeldomWarning
from app.turns.errors import TooManyTurns

logger = logging.getLogger("deltaline.turn")


class Places:
    """The places of running turns. Belongs to one event loop.

    Args:
        limit: how many there are.
        clock: seconds, monotonic.

    Attributes:
        taken: how many turns run now.
        watcher: told each time that this changes.
    """

    def __init__(self, limit: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        text = "%d turns run, more are refused; CHAT_RUNNING_TURNS allows more"
        self._warn = SeldomWarning(logger, text)
        self.taken = 0
        self.watcher: Callable[[int], None] | None = None

    def check(self) -> None:
        """Do nothing if there is a free place.

        Raises:
            TooManyTurns: there is none.
        """
        if self.taken < self._limit:
            return
        self._warn(self._clock(), self.taken)
        raise TooManyTurns(f"{self.taken} turns run")

    def take(self) -> None:
        """Take a place, whether or not there is a free one. `give_back` has to follow."""
        self.taken += 1
        if self.watcher is not None:
            self.watcher(self.taken)

    def give_back(self) -> None:
        """Give back what was taken."""
        self.taken -= 1
        if self.watcher is not None:
            self.watcher(self.taken)

    @contextlib.contextmanager
    def taking(self) -> Iterator[None]:
        """Hold a place within the block."""
        self.take()
        try:
            yield
        finally:
            self.give_back()

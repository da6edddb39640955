"""A warning about something that may happen thousands of times a second."""

import logging

_INTERVAL_S = 60.0


class SeldomWarning:
    """Writes a line to the log, at most once a minute.

    Args:
        logger: writes it.
        text: with a ``%s`` or ``%d`` for each detail of a call.
    """

    def __init__(self, logger: logging.Logger, text: str) -> None:
        self._logger = logger
        self._text = text
        self._next = 0.0

    def __call__(self, now: float, *details: object) -> None:
        """Warn, unless the last minute has a warning. ``now`` is in seconds of any clock."""
        if now >= self._next:
            self._next = now + _INTERVAL_S
            self._logger.warning(self._text, *details)

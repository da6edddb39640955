"""What a server says while a tool works, as lines for the user."""

import math
from collections.abc import Callable
from typing import Any

from app.mcp.cleaning import MOST_STATUS_CHARS, one_line
from app.protocols.json_text import dumps

# Of log messages, the least that a user is shown. The names are syslog's (RFC 5424).
LEAST_LEVEL = "info"
_SHOWN_LEVELS = ("info", "notice", "warning", "error", "critical", "alert", "emergency")

# So many statuses of a call are shown at once, and then so many a second.
_BURST = 20
_PER_SECOND = 5.0


def progress_line(progress: float, total: float | None, message: str | None) -> str:
    """Return a line for a progress notification: its message, and how far the tool is."""
    far = f"{progress:g}"
    if total is not None and math.isfinite(total) and total > 0:
        far = f"{progress:g} of {total:g}"
    said = one_line(message or "", most_chars=MOST_STATUS_CHARS - 40)
    return f"{said} ({far})" if said else far


def log_line(level: str, data: Any) -> str | None:
    """Return a line for a log message; ``None`` if it is not for a user."""
    if level not in _SHOWN_LEVELS:
        return None
    if isinstance(data, dict) and isinstance(data.get("msg", data.get("message")), str):
        data = data.get("msg", data.get("message"))
    text = data if isinstance(data, str) else dumps(data).decode()
    return one_line(text) or None


class Trickle:
    """Lets through as many statuses as a person can read, whatever a server sends.

    Args:
        now: seconds, monotonic.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._left = float(_BURST)
        self._at = now()

    def lets_through(self) -> bool:
        """Return whether one more is to be shown now."""
        now = self._now()
        self._left = min(float(_BURST), self._left + (now - self._at) * _PER_SECOND)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

"""Counts how often keys were used lately, in this process."""


class Counts:
    """The uses of keys. All times are seconds of one clock."""

    def __init__(self) -> None:
        # key: when it is free again
        self._once: dict[str, float] = {}
        # key: uses, and the end of their window
        self._counts: dict[str, tuple[int, float]] = {}

    def once(self, key: str, ttl_s: float, now: float) -> bool:
        """Return True to the first who calls this with ``key``, and False for ``ttl_s``."""
        if self._once.get(key, now) > now:
            return False
        self._once[key] = now + ttl_s
        return True

    def count(self, key: str, limit: int, window_s: float, now: float) -> float | None:
        """Return None if one more use was counted, else the seconds until it may be."""
        used, until = self._counts.get(key, (0, now))
        # A window that ends later than a new one would is from before the clock was put back.
        if not now < until <= now + window_s:
            used, until = 0, now + window_s
        if used >= limit:
            return until - now
        self._counts[key] = (used + 1, until)
        return None

    def forget_before(self, now: float) -> None:
        """Drop what is over."""
        self._once = {key: until for key, until in self._once.items() if until > now}
        self._counts = {key: count for key, count in self._counts.items() if count[1] > now}

"""Keys that were used, in this process."""


class Marks:
    """Who was the first to use a key. All times are seconds of one clock."""

    def __init__(self) -> None:
        # key: when it is free again
        self._once: dict[str, float] = {}

    def once(self, key: str, ttl_s: float, now: float) -> bool:
        """Return True to the first who calls this with ``key``, and False for ``ttl_s``."""
        if self._once.get(key, now) > now:
            return False
        self._once[key] = now + ttl_s
        return True

    def forget_before(self, now: float) -> None:
        """Drop what is over."""
        self._once = {key: until for key, until in self._once.items() if until > now}

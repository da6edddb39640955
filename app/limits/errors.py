"""Why a turn may not begin. `app.errors` draws where these errors belong."""

from typing import Any

from app.errors import RequestError


class LimitReached(RequestError):
    """A limit of the caller's. The sentence, the header and the body name the same seconds.

    Attributes:
        wait_s: whole seconds after which the request may be repeated, if that is known.
    """

    code = "limited"
    status = 429

    def __init__(
        self, message: str, *, wait_s: int | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.wait_s = wait_s
        self._headers = headers or {}

    def headers(self) -> dict[str, str]:
        wait = {} if self.wait_s is None else {"retry-after": str(self.wait_s)}
        return {**wait, **self._headers}

    def details(self) -> dict[str, Any]:
        return {} if self.wait_s is None else {"retryAfter": self.wait_s}


class TurnsPerMinuteReached(LimitReached):
    code = "turns_per_minute"


class RunningTurnsReached(LimitReached):
    code = "running_turns"


class TokensPerDayReached(LimitReached):
    code = "tokens_per_day"

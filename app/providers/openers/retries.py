"""When to send a request to the model's server again, and after how long.

Only before the response begins: a stream that broke off cannot be resumed, and a second request
would answer twice. The rules are those of openai-python 3.52, _base_client.py (`_should_retry`,
`_calculate_retry_timeout`), except that a request that timed out is not sent again.
"""

import math
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

FIRST_DELAY_S = 0.5
MAX_DELAY_S = 8.0
# If the server demands a longer wait, there is no retry: our client waits for its status meanwhile,
# and after CHAT_STATUS_WAIT_S we can no longer send it a 429.
MAX_RETRY_AFTER_S = 2.0


def is_worth_a_retry(status: int, headers: Mapping[str, str]) -> bool:
    """Whether the same request may succeed later. What the server itself says comes first."""
    told = headers.get("x-should-retry")
    if told in ("true", "false"):
        return told == "true"
    return status in (408, 409, 429) or status >= 500


def retry_delay_s(
    retry: int,
    headers: Mapping[str, str],
    *,
    clock: Callable[[], float],
    random: Callable[[], float],
) -> float | None:
    """Return the seconds to wait before retry number ``retry`` (from 0); None means no retry.

    ``headers`` are those of the response, empty if there was none. ``clock`` gives Unix time in
    seconds, ``random`` a number from 0 to 1.
    """
    wanted = retry_after_s(headers, clock())
    if wanted is None:
        return min(FIRST_DELAY_S * 2.0**retry, MAX_DELAY_S) * (1 - 0.25 * random())
    return wanted if wanted <= MAX_RETRY_AFTER_S else None


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """Return the wait that the server asks for, in seconds, never negative; None without one.

    ``retry-after-ms`` is OpenAI's; ``retry-after`` is seconds or an HTTP date (RFC 9110, 10.2.3).
    """
    seconds = _number(headers.get("retry-after-ms"), 1000)
    if seconds is None:
        seconds = _number(headers.get("retry-after"), 1)
    if seconds is None and (date := headers.get("retry-after")):
        try:
            seconds = parsedate_to_datetime(date).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return None if seconds is None else max(0.0, seconds)


def _number(text: str | None, unit: int) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value / unit if math.isfinite(value) else None

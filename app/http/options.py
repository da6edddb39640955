"""The options of a request that stand outside its body: in the query string and the headers."""

import asyncio
import json
import math

from starlette.requests import Request

from app.errors import InvalidOption
from app.http.request_head import header, query


def wants_stream(request: Request, *, default: bool) -> bool:
    """Return the value of ``?stream=``, or ``default`` if the query has none.

    Raises:
        InvalidOption: neither true nor false.
    """
    match query(request).get("stream"):
        case None | "":
            return default
        case "true" | "1":
            return True
        case "false" | "0":
            return False
        case other:
            raise InvalidOption(f"stream must be true or false, not {other[:20]!r}.")


def deadline_of(
    request: Request, *, now: float, margin_s: float, longest_s: float = math.inf
) -> float | None:
    """Return the loop time at which the turn has to end; ``None`` if nothing limits it.

    That is after ``longest_s`` seconds, or earlier if Lambda gave a deadline. The Lambda Web
    Adapter and our own runtime put Lambda's context into a header and replace what a client sent.
    Elsewhere a client can only shorten its own turn with it.

    Args:
        request: its header ``x-amzn-lambda-context`` holds ``deadline``, milliseconds since 1970.
        now: seconds since 1970.
        margin_s: how long before Lambda's deadline the turn ends.
        longest_s: how long any turn may take, in seconds.
    """
    left_s = min(longest_s, _left_on_lambda(request, now=now) - margin_s)
    return None if math.isinf(left_s) else asyncio.get_running_loop().time() + left_s


def _left_on_lambda(request: Request, *, now: float) -> float:
    """Return the seconds until Lambda's deadline; infinitely many if there is none."""
    context = header(request, b"x-amzn-lambda-context")
    if context is None:
        return math.inf
    try:
        deadline = json.loads(context)["deadline"]
        deadline_ms = float(deadline) if isinstance(deadline, int | float) else math.nan
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return math.inf
    return deadline_ms / 1000 - now if math.isfinite(deadline_ms) else math.inf

"""A `limit` of the application's own: what its plans allow, and to whom."""

import inspect
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from starlette.exceptions import HTTPException

from app.errors import Forbidden
from app.limits.errors import LimitReached
from app.limits.limits import LimitRequest, Limits

# Returns the limits of who asks, or None for those of the settings; sync or async. Raises
# `HTTPException` with 403 or 429 for who may not.
OwnLimit: TypeAlias = Callable[[LimitRequest], Limits | Awaitable[Limits | None] | None]

_LONGEST_WAIT = 9  # digits


async def limits_by(own: OwnLimit, asked: LimitRequest) -> Limits | None:
    """Return what ``own`` says.

    Raises:
        LimitReached, Forbidden: it refuses, with a sentence for the user.
        TypeError: it returns something else.
    """
    try:
        limits = own(asked)
        if inspect.isawaitable(limits):
            limits = await limits
    except HTTPException as error:
        raise _ours(error) from error
    if limits is not None and not isinstance(limits, Limits):
        raise TypeError(f"limit returned {type(limits).__name__}, not Limits or None")
    return limits


def _ours(error: HTTPException) -> Exception:
    if error.status_code == 403:
        return Forbidden(str(error.detail))
    if error.status_code != 429:
        return error
    given = {name.lower(): value for name, value in (error.headers or {}).items()}
    wait = given.pop("retry-after", "")
    is_seconds = wait.isascii() and wait.isdecimal() and len(wait) <= _LONGEST_WAIT
    return LimitReached(str(error.detail), wait_s=int(wait) if is_seconds else None, headers=given)

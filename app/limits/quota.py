"""Limits ↔ what the store counts, and what clients are told of it."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from app.events import Usage
from app.limits.errors import (
    LimitReached,
    RunningTurnsReached,
    TokensPerDayReached,
    TurnsPerMinuteReached,
)
from app.limits.limits import Limits
from app.store.limits import Taken, Use, Window

TURNS, TOKENS = "turns", "tokens"
_MINUTE_S, _DAY_S = 60.0, 86_400.0
# When to try again if too many turns run, in seconds: nobody knows when one ends.
_PLACE_S = 5


def windows_of(limits: Limits, *, turns: int = 1) -> Sequence[Window]:
    """Return what a turn uses when it begins; its tokens are known only afterwards.

    Args:
        turns: 0 only looks.
    """
    windows = []
    if limits.turns_per_minute is not None:
        windows.append(_turns(turns, limits.turns_per_minute))
    if limits.tokens_per_day is not None:
        windows.append(_tokens(0, limits.tokens_per_day))
    return windows


def used_by(limits: Limits, usage: Usage) -> Sequence[Window]:
    """Return what a turn that is over has used besides."""
    tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)
    return [_tokens(tokens)] if tokens and limits.tokens_per_day is not None else []


def taken_back(limits: Limits) -> Sequence[Window]:
    """Return what a turn has used that has not begun."""
    return [] if limits.turns_per_minute is None else [_turns(-1)]


def looking(windows: Sequence[Window]) -> Sequence[Window]:
    """Return the same windows without limits, of which nothing is used."""
    return [
        Window(name=one.name, length_s=one.length_s, amount=0, is_by_clock=one.is_by_clock)
        for one in windows
    ]


def refusal(limits: Limits, taken: Taken) -> LimitReached:
    """Return why nothing was taken: what takes longest to be free again."""
    uses = _uses(limits, taken)
    headers = rate_headers(limits, taken)
    tokens, turns = uses.get(TOKENS), uses.get(TURNS)
    if limits.tokens_per_day is not None and tokens and tokens.used >= limits.tokens_per_day:
        wait_s = _whole(tokens.reset_s)
        return TokensPerDayReached(
            f"You have used up your {_some(limits.tokens_per_day, 'token')} of today; please try "
            f"again in {_some(wait_s, 'second')}, at 00:00 UTC.",
            wait_s=wait_s,
            headers=headers,
        )
    if limits.turns_per_minute is not None and turns and turns.used >= limits.turns_per_minute:
        wait_s = _whole(turns.reset_s)
        return TurnsPerMinuteReached(
            f"You may send {_some(limits.turns_per_minute, 'message')} a minute; please try again "
            f"in {_some(wait_s, 'second')}.",
            wait_s=wait_s,
            headers=headers,
        )
    return RunningTurnsReached(
        f"You may have {_some(limits.running_turns or 0, 'answer')} at once; please wait for one "
        f"to end, or try again in {_some(_PLACE_S, 'second')}.",
        wait_s=_PLACE_S,
        headers=headers,
    )


def rate_headers(limits: Limits, taken: Taken) -> dict[str, str]:
    """Return the headers that tell of the turns of the minute, if they are limited."""
    limit, use = limits.turns_per_minute, _uses(limits, taken).get(TURNS)
    if limit is None or use is None:
        return {}
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(max(0, limit - use.used)),
        "x-ratelimit-reset": str(_whole(use.reset_s)),
    }


def shown(limits: Limits, taken: Taken) -> Mapping[str, Any]:
    """Return limits and uses as `GET /api/me` says them; None for what is not limited."""
    uses = _uses(limits, taken)
    return {
        "turnsPerMinute": _with_reset(limits.turns_per_minute, uses.get(TURNS)),
        "runningTurns": (
            None if limits.running_turns is None else _counted(limits.running_turns, taken.running)
        ),
        "tokensPerDay": _with_reset(limits.tokens_per_day, uses.get(TOKENS)),
    }


def _with_reset(limit: int | None, use: Use | None) -> Mapping[str, int] | None:
    if limit is None or use is None:
        return None
    return {**_counted(limit, use.used), "resetS": _whole(use.reset_s)}


def _counted(limit: int, used: int) -> Mapping[str, int]:
    return {"limit": limit, "used": used, "remaining": max(0, limit - used)}


def _uses(limits: Limits, taken: Taken) -> Mapping[str, Use]:
    names = [window.name for window in windows_of(limits)]
    return dict(zip(names, taken.uses, strict=True))


def _turns(amount: int, limit: int | None = None) -> Window:
    return Window(name=TURNS, length_s=_MINUTE_S, limit=limit, amount=amount)


def _tokens(amount: int, limit: int | None = None) -> Window:
    return Window(name=TOKENS, length_s=_DAY_S, limit=limit, amount=amount, is_by_clock=True)


def _whole(seconds: float) -> int:
    return max(1, ceil(seconds))


def _some(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

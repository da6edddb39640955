"""Limits, as the settings and the application ask for them."""

from app.http.limiting import Limiting
from app.http.own_limit import OwnLimit
from app.limits.limiter import LAST_S, Limiter
from app.limits.limits import Limits
from app.settings import Settings, SettingsError
from app.store.limits import LimitStore

# Lambda kills the process two seconds after its signal.
_LAST_ON_LAMBDA_S = 0.7


def make_limiting(settings: Settings, own: OwnLimit | None, store: LimitStore | None) -> Limiting:
    """Return what holds turns to limits.

    Args:
        own: the application's rule.
        store: that all processes share; None: this process counts for itself.

    Raises:
        SettingsError: there are several processes, and nothing that they share.
    """
    if store is None:
        if settings.is_on_lambda or settings.workers != 1:
            where = "on Lambda" if settings.is_on_lambda else "with CHAT_WORKERS above 1"
            raise SettingsError(
                f"Limits need a store {where}, where each process would count for itself; set "
                "CHAT_STORE to redis://HOST or dynamodb:TABLE"
                f"{'' if settings.is_on_lambda else ', or to sqlite:PATH on one machine'}."
            )
        from app.store.memory_limits import MemoryLimits

        store = MemoryLimits()
    limiter = Limiter(
        store,
        is_open=settings.limits_fail == "open",
        last_s=_LAST_ON_LAMBDA_S if settings.is_on_lambda else LAST_S,
    )
    limits = Limits(
        turns_per_minute=settings.turns_per_minute,
        running_turns=settings.running_turns_per_owner,
        tokens_per_day=settings.tokens_per_day,
    )
    return Limiting(limiter, limits, own, is_on_lambda=settings.is_on_lambda)

"""What keeps turns and chats, as the settings ask for it. Loaded only where something is kept."""

import time
from collections.abc import Callable

from app.chats.title import TitleOf
from app.http.following import Following
from app.http.keeping import Keeping
from app.requests.sites import host_set
from app.settings import Settings
from app.store.store import Store
from app.threads import Aside
from app.turns.kept_turns import KeptTurns
from app.turns.last_writes import LAST_S

_DAY_S = 86_400.0
# Lambda kills the process two seconds after its signal, and our runtime has its own part of them.
_LAST_ON_LAMBDA_S = 0.7


def make_keeping(
    settings: Settings,
    store: Store,
    *,
    aside: Aside,
    new_id: Callable[[str], str],
    title_of: TitleOf | None = None,
) -> Keeping:
    """Return what keeps turns and chats in ``store``."""
    days = settings.history_days
    kept = KeptTurns(
        store,
        keep_s=settings.resume_keep_s,
        history_s=None if days is None else days * _DAY_S,
        title_of=title_of,
        last_s=_LAST_ON_LAMBDA_S if settings.is_on_lambda else LAST_S,
    )
    return Keeping(
        kept=kept,
        following=Following(kept, keep_alive_s=settings.keep_alive_s, now=time.time),
        detached_s=settings.detached_s if settings.on_disconnect == "continue" else None,
        is_frozen_between=settings.is_on_lambda,
        file_hosts=host_set(settings.file_hosts),
        max_messages=settings.max_messages,
        aside=aside,
        new_id=new_id,
    )

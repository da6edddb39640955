"""Deletes what nobody may ask for any more, soon and then once a minute."""

import asyncio
import logging
from collections.abc import Callable

from app.errors import StoreUnavailable
from app.store.store import Store

logger = logging.getLogger("deltaline.store")

SWEEP_S = 60.0
# The first one comes soon: a process may not live for a minute.
FIRST_SWEEP_S = 1.0
# How long the turn of a deleted chat is known as such at least: its writer takes one that is
# unknown for one that the store has lost.
_DELETED_KEEP_S = 60.0


async def sweep_on(
    store: Store,
    *,
    keep_s: float,
    history_s: float | None,
    now: Callable[[], float],
    first_s: float = FIRST_SWEEP_S,
    every_s: float = SWEEP_S,
) -> None:
    """Sweep ``store`` until this is cancelled. Arguments as for its `sweep`; times in seconds."""
    after_s = first_s
    while True:
        await asyncio.sleep(after_s)
        after_s = every_s
        try:
            await store.sweep(now(), keep_s=max(keep_s, _DELETED_KEEP_S), history_s=history_s)
        except StoreUnavailable as error:
            logger.warning("old turns could not be deleted: %s", error.log_text)
        except Exception:
            logger.exception("old turns could not be deleted")

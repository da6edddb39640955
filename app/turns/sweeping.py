"""Deletes what nobody may ask for any more, once a minute."""

import asyncio
import logging
from collections.abc import Callable

from app.errors import StoreUnavailable
from app.store.store import Store

logger = logging.getLogger("deltaline.store")

SWEEP_S = 60.0


async def sweep_on(
    store: Store,
    *,
    keep_s: float,
    history_s: float | None,
    now: Callable[[], float],
    every_s: float = SWEEP_S,
) -> None:
    """Sweep ``store`` until this is cancelled. Arguments as for its `sweep`."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await store.sweep(now(), keep_s=keep_s, history_s=history_s)
        except StoreUnavailable as error:
            logger.warning("old turns could not be deleted: %s", error.log_text)
        except Exception:
            logger.exception("old turns could not be deleted")

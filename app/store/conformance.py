"""Holds any engine to the promises of `app.store.store`.

Four lines of pytest are enough (with pytest-asyncio)::

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    async def test_my_store_keeps_its_promises(check: Check) -> None:
        async with aclosing(MyStore(DSN)) as here, aclosing(MyStore(DSN)) as there:
            await check(Stores(here=here, there=there))

`Stores` says what `there` and its other fields are. Each check makes its own owners, chats and
turns, but `sweep` is tried too: use a database whose data nobody needs.
"""

import inspect
from collections.abc import Sequence

from app.store.checks import (
    at_once,
    beginning,
    chats,
    endings,
    keys,
    limits,
    logs,
    strange,
    sweeping,
)
from app.store.checks.stores import Check, Clock, Stores

__all__ = ["CHECKS", "Check", "Clock", "Stores"]

# Every public coroutine function of these modules.
CHECKS: Sequence[Check] = tuple(
    function
    for module in (beginning, logs, endings, keys, limits, chats, strange, at_once, sweeping)
    for name, function in vars(module).items()
    if inspect.iscoroutinefunction(function)
    and function.__module__ == module.__name__
    and not name.startswith("_")
)

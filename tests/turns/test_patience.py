"""`app.turns.patience`: a store that takes too long cannot be reached."""

import asyncio

import pytest

from app.errors import StoreUnavailable
from app.turns.patience import patience


async def test_what_takes_too_long_is_given_up() -> None:
    with pytest.raises(StoreUnavailable):
        async with patience(0.01):
            await asyncio.Event().wait()


async def test_what_is_done_in_time_is_not() -> None:
    async with patience(10):
        await asyncio.sleep(0)

"""`app.turns.stopping`: who waits when the server stops."""

import asyncio

import pytest

from app.turns.errors import ServerStopping
from app.turns.stopping import LAST_MOMENT_S, Stopping


async def test_who_waits_is_given_up_some_time_after_the_server_has_begun_to_stop() -> None:
    stopping = Stopping()
    entered = asyncio.Event()

    async def wait() -> None:
        async with stopping.heeded():
            entered.set()
            await asyncio.Event().wait()

    waiting = asyncio.create_task(wait())
    await entered.wait()
    assert (stopping.is_set, stopping.left_s) == (False, float("inf"))
    stopping.set()
    stopping.set()
    assert stopping.is_set
    assert 0 < stopping.left_s <= LAST_MOMENT_S

    with pytest.raises(ServerStopping):
        await waiting

    assert stopping.left_s <= 0


async def test_who_comes_later_has_no_time_of_his_own() -> None:
    stopping = Stopping()
    stopping.set()
    await asyncio.sleep(LAST_MOMENT_S)

    with pytest.raises(ServerStopping):
        async with stopping.heeded():
            await asyncio.Event().wait()


async def test_what_is_done_in_time_is_not_disturbed() -> None:
    stopping = Stopping()

    async with stopping.heeded():
        stopping.set()
        await stopping.wait()

    await asyncio.sleep(LAST_MOMENT_S)


async def test_a_time_out_of_ones_own_stays_what_it_is() -> None:
    with pytest.raises(TimeoutError):
        async with Stopping().heeded():
            async with asyncio.timeout(0):
                await asyncio.Event().wait()

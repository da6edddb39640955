"""The end of the app: everything is closed, whatever fails on the way."""

import pytest
from starlette.applications import Starlette

from app.http.lifespan import Lifespan
from tests.chatting import logged


async def test_everything_is_closed_in_order() -> None:
    closed: list[str] = []

    async def turns() -> None:
        closed.append("turns")

    async def provider() -> None:
        closed.append("provider")

    async with Lifespan(turns, provider)(Starlette()):
        while_it_ran = list(closed)

    assert (while_it_ran, closed) == ([], ["turns", "provider"])


async def test_a_part_that_cannot_be_closed_does_not_keep_the_others_open() -> None:
    closed: list[str] = []

    async def turns() -> None:
        raise RuntimeError("a turn is stuck")

    async def provider() -> None:
        closed.append("provider")

    with pytest.raises(RuntimeError, match="stuck"):
        async with Lifespan(turns, provider)(Starlette()):
            pass

    assert closed == ["provider"]


async def test_requests_without_a_lifespan_are_warned_of_once() -> None:
    lifespan = Lifespan()

    with logged() as log:
        lifespan.check()
        lifespan.check()

    assert ["include_router" in record.getMessage() for record in log.records] == [True]


async def test_a_lifespan_that_runs_needs_no_warning() -> None:
    lifespan = Lifespan()

    with logged() as log:
        async with lifespan(Starlette()):
            lifespan.check()

    assert log.records == []

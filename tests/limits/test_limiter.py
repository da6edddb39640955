"""`app.limits.limiter`: leases live as long as turns, and what was used is told in the end."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any

import pytest

from app.errors import LimitsUnavailable, StoreUnavailable
from app.events import Finish, Start, Usage
from app.limits.errors import LimitReached
from app.limits.limiter import Allowance, Limiter
from app.limits.limits import Limits
from app.protocols.framing import Framer
from app.protocols.negotiation import Dialect, encoder_for
from app.store.limits import Lease, Payer, Taken
from app.store.memory_limits import MemoryLimits
from app.turns.live_turn import LiveTurn
from app.turns.outcome import TurnLabels
from app.turns.progress import TurnProgress
from tests.chatting import logged

ALL = Limits(turns_per_minute=9, running_turns=2, tokens_per_day=100)


class Watched(MemoryLimits):
    """Limits in memory that can be out of order, and say what they are asked."""

    def __init__(self) -> None:
        super().__init__()
        self.is_down = False
        self.calls: list[str] = []
        self.gate: asyncio.Event | None = None
        self._changed = asyncio.Event()

    async def _called(self, name: str) -> None:
        self.calls.append(name)
        self._changed.set()
        self._changed = asyncio.Event()
        if self.gate is not None:
            await self.gate.wait()
        if self.is_down:
            raise StoreUnavailable("out of order")

    async def take(self, payer: Payer, *args: Any, **more: Any) -> Taken:
        await self._called("take")
        return await super().take(payer, *args, **more)

    async def renew(self, leases: Mapping[Payer, Collection[Lease]]) -> None:
        await self._called("renew")
        await super().renew(leases)

    async def give_back(self, payer: Payer, *args: Any) -> None:
        await self._called("give_back")
        await super().give_back(payer, *args)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await self._changed.wait()


@pytest.fixture
def store() -> Watched:
    return Watched()


def _turn(usage: Usage, until: asyncio.Event | None = None) -> LiveTurn:
    progress = TurnProgress(model="m", started=0.0)

    async def run(emit: Any) -> None:
        await emit([Start("m1")])
        if until is not None:
            await until.wait()
        progress.add_usage(usage)
        await emit([Finish("stop", usage)])

    return LiveTurn(
        run,
        labels=TurnLabels(request_id="r"),
        message_id="m1",
        framer=Framer(encoder_for(Dialect("ui", "5"), now=lambda: 0.0)),
        outbox=None,
        progress=progress,
    )


async def _run(allowance: Allowance, turn: LiveTurn) -> None:
    turn.start(lambda _: None)
    allowance.used_by(turn)
    await asyncio.wait([turn.task])


async def _used(store: MemoryLimits) -> tuple[int, int, int]:
    limiter = Limiter(store, is_open=True)
    taken = await limiter.look("p", ALL)
    return taken.uses[0].used, taken.running, taken.uses[1].used


async def test_a_turn_gives_its_place_back_and_tells_its_tokens(store: Watched) -> None:
    limiter = Limiter(store, is_open=True)
    allowance = Allowance(limiter, "p", ALL)
    await allowance.take()
    await allowance.take()  # once
    assert await _used(store) == (1, 1, 0)

    await _run(allowance, _turn(Usage(input_tokens=3, output_tokens=4)))
    await allowance.written(10)

    assert await _used(store) == (1, 0, 7)
    allowance.give_up()  # as the route does in any case
    await limiter.aclose()
    assert await _used(store) == (1, 0, 7)


async def test_what_has_not_begun_is_taken_back(store: Watched) -> None:
    limiter = Limiter(store, is_open=True)
    allowance = Allowance(limiter, "p", ALL)
    await allowance.take()

    for _ in range(2):
        allowance.give_up()
    await limiter.aclose()

    assert await _used(store) == (0, 0, 0)


async def test_what_is_given_up_before_it_is_taken_is_nothing(store: Watched) -> None:
    limiter = Limiter(store, is_open=True)
    Allowance(limiter, "p", ALL).give_up()
    await limiter.aclose()

    assert store.calls == []


async def test_without_places_and_tokens_the_end_of_a_turn_costs_nothing(store: Watched) -> None:
    limiter = Limiter(store, is_open=True)
    allowance = Allowance(limiter, "p", Limits(turns_per_minute=2))
    await allowance.take()
    await _run(allowance, _turn(Usage(input_tokens=3)))
    await allowance.written(10)
    await limiter.aclose()

    assert store.calls == ["take"]


async def test_a_refused_turn_has_taken_nothing(store: Watched) -> None:
    limiter = Limiter(store, is_open=True)
    taken = [Allowance(limiter, "p", ALL) for _ in range(3)]
    for allowance in taken[:2]:
        await allowance.take()

    with pytest.raises(LimitReached):
        await taken[2].take()
    taken[2].give_up()
    await limiter.aclose()

    assert await _used(store) == (2, 2, 0)


async def test_a_place_is_renewed_as_long_as_its_turn_runs(store: Watched) -> None:
    limiter = Limiter(store, is_open=True, renew_s=0.01)
    go_on = asyncio.Event()
    allowance = Allowance(limiter, "p", ALL)
    await allowance.take()
    running = asyncio.create_task(_run(allowance, _turn(Usage(), go_on)))
    await store.until(lambda: store.calls.count("renew") >= 3)
    store.is_down = True
    await store.until(lambda: store.calls.count("renew") >= 6)
    store.is_down = False

    go_on.set()
    await running
    await allowance.written(10)
    renewed = store.calls.count("renew")
    await asyncio.sleep(0.05)

    assert store.calls.count("renew") == renewed
    assert await _used(store) == (1, 0, 0)
    # And again for the next one.
    following = Allowance(limiter, "p", ALL)
    await following.take()
    await store.until(lambda: store.calls.count("renew") > renewed)
    following.give_up()
    await limiter.aclose()


async def test_a_place_is_not_renewed_after_its_end(store: Watched) -> None:
    """A renewal that is under way could arrive later."""
    limiter = Limiter(store, is_open=True, renew_s=0.01)
    allowance = Allowance(limiter, "p", ALL)
    await allowance.take()
    store.gate = asyncio.Event()
    await store.until(lambda: "renew" in store.calls)
    await _run(allowance, _turn(Usage()))
    await asyncio.sleep(0.02)
    assert "give_back" not in store.calls

    store.gate.set()
    await allowance.written(10)

    assert await _used(store) == (1, 0, 0)
    await limiter.aclose()


async def test_what_was_used_waits_for_the_store(store: Watched) -> None:
    limiter = Limiter(store, is_open=True, retry_s=0.01)
    allowance = Allowance(limiter, "p", ALL)
    await allowance.take()
    store.is_down = True
    await _run(allowance, _turn(Usage(input_tokens=3, output_tokens=4)))
    await store.until(lambda: store.calls.count("give_back") >= 3)

    store.is_down = False
    await allowance.written(10)

    assert await _used(store) == (1, 0, 7)
    await limiter.aclose()


async def test_the_end_of_the_server_waits_a_while_and_no_longer(store: Watched) -> None:
    limiter = Limiter(store, is_open=True, last_s=0.05)
    allowance = Allowance(limiter, "p", ALL)
    await allowance.take()
    store.is_down = True
    await _run(allowance, _turn(Usage(input_tokens=3)))

    with logged() as log:
        async with asyncio.timeout(10):
            await limiter.aclose()

    assert "what 1 turns have used could not be counted" in [
        record.getMessage() for record in log.records
    ]


async def test_who_leaves_while_it_is_counted_gives_it_back(store: Watched) -> None:
    limiter = Limiter(store, is_open=True)
    allowance = Allowance(limiter, "p", ALL)
    store.gate = asyncio.Event()
    asked = asyncio.create_task(allowance.take())
    await store.until(lambda: "take" in store.calls)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    store.gate.set()
    await limiter.aclose()

    assert await _used(store) == (0, 0, 0)


async def test_while_the_store_is_down_all_are_admitted_or_none(store: Watched) -> None:
    store.is_down = True
    limiter = Limiter(store, is_open=True)
    allowance = Allowance(limiter, "p", ALL)
    await allowance.take()
    assert (allowance.headers, allowance.is_strict) == ({}, False)
    await _run(allowance, _turn(Usage(input_tokens=3)))
    await limiter.aclose()

    limiter = Limiter(store, is_open=False)
    allowance = Allowance(limiter, "p", ALL)
    with pytest.raises(LimitsUnavailable):
        await allowance.take()
    allowance.give_up()
    await limiter.aclose()
    assert allowance.is_strict


async def test_a_store_with_a_defect_ends_no_renewal(store: Watched) -> None:
    limiter = Limiter(store, is_open=True, renew_s=0.01)
    allowance = Allowance(limiter, "p", ALL)
    await allowance.take()
    broken = [RuntimeError("defect")]

    async def renew(leases: Mapping[Payer, Collection[Lease]]) -> None:
        store.calls.append("renew")
        if broken:
            raise broken.pop()
        await MemoryLimits.renew(store, leases)

    store.renew = renew  # type: ignore[method-assign]
    with logged() as log:
        async with asyncio.timeout(10):
            while store.calls.count("renew") < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert "the store failed by a defect" in [record.getMessage() for record in log.records]
    allowance.give_up()
    await limiter.aclose()

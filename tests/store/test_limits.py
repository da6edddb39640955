"""Any sequence of calls, in every engine, against a model that keeps all that ever happened."""

import asyncio
import math
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.store.checks.stores import Clock, new
from app.store.dynamodb_limits import Limits
from app.store.limits import Lease, LimitStore, Payer, Taken, Window
from app.store.memory import MemoryStore
from app.store.redis import RedisStore
from app.store.redis_url import parse_url
from app.store.sqlite import SqliteStore
from tests.redis_server import needs_redis, redis_server
from tests.store.dynamodb_tables import dynamodb_store, make_table

# Much longer than a run takes in real time, and no multiple of it: ends are far from any call.
LENGTHS = {"turns": 100_000.0, "tokens": 1_000_003.0, "hour": 500_000.0}
TTL_S = 70_000.0
STEPS = (0.0, 40_000.0, 110_000.0, 600_000.0)


class Take(NamedTuple):
    payer: int
    windows: list[tuple[str, int | None, int]]
    lease: tuple[str, str] | None
    most: int | None


class Renew(NamedTuple):
    leases: list[tuple[int, tuple[str, str]]]


class GiveBack(NamedTuple):
    payer: int
    lease: tuple[str, str] | None
    windows: list[tuple[str, int | None, int]]  # amounts may be below 0


class Pass(NamedTuple):
    seconds: float


_payers = st.integers(0, 1)
_windows = st.lists(
    st.tuples(
        st.sampled_from(sorted(LENGTHS)),
        st.none() | st.integers(0, 5),
        st.integers(0, 3),
    ),
    max_size=3,
    unique_by=lambda one: one[0],
)
_given = _windows.flatmap(
    lambda windows: st.integers(-2, 1).map(
        lambda sign: [(name, limit, amount * sign) for name, limit, amount in windows]
    )
)
_lease = st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"))
_leases = st.none() | _lease
# Of one holder one lease: which of two is the newer one nobody could tell.
_renewed = st.lists(
    st.tuples(_payers, _lease), max_size=2, unique_by=lambda one: (one[0], one[1][0])
)
_steps = st.one_of(
    st.builds(Take, _payers, _windows, _leases, st.none() | st.integers(0, 2)),
    st.builds(Take, _payers, _windows, _leases, st.none() | st.integers(0, 2)),
    st.builds(Renew, _renewed),
    st.builds(GiveBack, _payers, _leases, _given),
    st.builds(Pass, st.sampled_from(STEPS)),
)


class Model:
    """Every use and every lease there ever was. What counts is found anew for each question."""

    def __init__(self) -> None:
        self.uses: list[tuple[int, str, float, int]] = []  # payer, window, when, how much
        self.leases: list[tuple[int, str, str, float]] = []  # payer, holder, token, end

    def used(self, payer: int, name: str, now: float) -> tuple[int, float]:
        """Return the uses of the window that is open, and in how many seconds it ends."""
        length = LENGTHS[name]
        used, ends = 0, -math.inf
        for _, _, when, amount in [one for one in self.uses if one[:2] == (payer, name)]:
            if when >= ends:
                used = 0
                ends = when + length
                if name == "hour":
                    ends = math.ceil(when / length) * length
            used = max(0, used + amount)
        if now < ends:
            return used, ends - now
        return 0, length if name != "hour" else math.ceil(now / length) * length - now

    def live(self, payer: int, now: float) -> dict[str, str]:
        return {
            holder: token for who, holder, token, end in self.leases if who == payer and end > now
        }

    def end(self, payer: int, holder: str) -> None:
        self.leases = [one for one in self.leases if one[:2] != (payer, holder)]

    def take(self, asked: Take, now: float) -> tuple[bool, int]:
        live = self.live(asked.payer, now)
        full = any(
            limit is not None and self.used(asked.payer, name, now)[0] >= limit
            for name, limit, _ in asked.windows
        )
        if asked.lease is not None and asked.most is not None:
            full = full or len(set(live) - {asked.lease[0]}) >= asked.most
        if not full:
            self.add(asked.payer, asked.windows, now)
            if asked.lease is not None:
                self.hold(asked.payer, asked.lease, now)
        return not full, len(self.live(asked.payer, now))

    def add(self, payer: int, windows: list[tuple[str, int | None, int]], now: float) -> None:
        self.uses += [(payer, name, now, amount) for name, _, amount in windows if amount]

    def hold(self, payer: int, lease: tuple[str, str], now: float) -> None:
        self.end(payer, lease[0])
        self.leases.append((payer, *lease, now + TTL_S))

    def renew(self, payer: int, lease: tuple[str, str], now: float) -> None:
        if self.live(payer, now).get(lease[0], lease[1]) == lease[1]:
            self.hold(payer, lease, now)

    def give_back(self, asked: GiveBack, now: float) -> None:
        if asked.lease is not None and asked.lease in self.live(asked.payer, now).items():
            self.end(asked.payer, asked.lease[0])
        self.add(asked.payer, asked.windows, now)


def _of(windows: list[tuple[str, int | None, int]]) -> list[Window]:
    return [
        Window(
            name=name,
            length_s=LENGTHS[name],
            limit=limit,
            amount=amount,
            is_by_clock=name == "hour",
        )
        for name, limit, amount in windows
    ]


def _held(lease: tuple[str, str]) -> Lease:
    return Lease(holder=lease[0], token=lease[1], ttl_s=TTL_S)


async def _is_as_the_model_says(
    steps: list[Take | Renew | GiveBack | Pass], stores: list[LimitStore], clock: Clock | None
) -> None:
    model = Model()
    payers: list[Payer] = [new("payer"), new("payer")]
    for number, step in enumerate(steps):
        store = stores[number % len(stores)]
        now = Clock()() if clock is None else clock()
        match step:
            case Take():
                lease = None if step.lease is None else _held(step.lease)
                taken = await store.take(
                    payers[step.payer], _of(step.windows), lease=lease, most_leases=step.most
                )
                _compare(step, taken, model, now)
            case Renew():
                leases: dict[Payer, list[Lease]] = {}
                for payer, one in step.leases:
                    leases.setdefault(payers[payer], []).append(_held(one))
                    model.renew(payer, one, now)
                await store.renew(leases)
            case GiveBack():
                held = None if step.lease is None else _held(step.lease)
                await store.give_back(payers[step.payer], held, _of(step.windows))
                model.give_back(step, now)
            case Pass() if clock is not None:
                clock.move(step.seconds)


def _compare(step: Take, taken: Taken, model: Model, now: float) -> None:
    assert (taken.is_admitted, taken.running) == model.take(step, now)
    expected = [model.used(step.payer, name, now) for name, _, _ in step.windows]
    assert [use.used for use in taken.uses] == [used for used, _ in expected]
    for use, (_, reset_s) in zip(taken.uses, expected, strict=True):
        assert use.reset_s == pytest.approx(reset_s, abs=60.0)


@given(steps=st.lists(_steps, max_size=20))
def test_memory_counts_as_the_model_does(steps: list[Take | Renew | GiveBack | Pass]) -> None:
    clock = Clock()
    asyncio.run(_is_as_the_model_says(steps, [MemoryStore(clock)], clock))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("limits") / "chats.db"


@settings(max_examples=40)
@given(steps=st.lists(_steps, max_size=20))
def test_sqlite_counts_as_the_model_does(
    steps: list[Take | Renew | GiveBack | Pass], database: Path
) -> None:
    async def run() -> None:
        clock = Clock()
        here, there = (SqliteStore(database, clock) for _ in range(2))
        try:
            await _is_as_the_model_says(steps, [here, there], clock)
        finally:
            await here.aclose()
            await there.aclose()

    asyncio.run(run())


@pytest.fixture(scope="module")
def table(dynamodb: str) -> str:
    asyncio.run(make_table(dynamodb, "limits"))
    return dynamodb


@pytest.mark.timeout(120)
@settings(max_examples=25)
@given(steps=st.lists(_steps, max_size=15))
def test_dynamodb_counts_as_the_model_does(
    steps: list[Take | Renew | GiveBack | Pass], table: str
) -> None:
    async def run() -> None:
        clock = Clock()
        here, there = (dynamodb_store(table, "limits", now=clock) for _ in range(2))
        for store in (here, there):
            # Refusals are up to a second old, and here no second passes.
            store._limits = Limits(store._calls, now=clock, refuse_s=0.0)
        try:
            await _is_as_the_model_says(steps, [here, there], clock)
        finally:
            await here.aclose()
            await there.aclose()

    asyncio.run(run())


@needs_redis
@pytest.mark.timeout(120)
def test_redis_counts_as_the_model_does() -> None:
    """Its clock is its own, and no time passes."""
    with asyncio.Runner() as runner:

        async def run() -> None:
            async with redis_server() as server:
                here, there = (RedisStore(parse_url(server.url)) for _ in range(2))
                try:
                    for steps in found:
                        await _is_as_the_model_says(steps, [here, there], None)
                finally:
                    await here.aclose()
                    await there.aclose()

        found: list[list[Take | Renew | GiveBack | Pass]] = []

        @settings(max_examples=100)
        @given(steps=st.lists(_steps, max_size=20))
        def collect(steps: list[Take | Renew | GiveBack | Pass]) -> None:
            found.append(steps)

        collect()
        runner.run(run())

"""`take`, `renew` and `give_back`, which count for all processes."""

import asyncio
import secrets

from app.store.checks.stores import Stores, new
from app.store.limits import Lease, Taken, Use, Window
from app.store.store import Store

_DAY_S = 86_400.0


def _turns(limit: int | None, *, length_s: float = 60.0, amount: int = 1) -> Window:
    return Window(name="turns", length_s=length_s, limit=limit, amount=amount)


def _lease(holder: str | None = None, *, ttl_s: float = 60.0) -> Lease:
    holder = secrets.token_hex(8) if holder is None else holder
    return Lease(holder=holder, token=secrets.token_hex(8), ttl_s=ttl_s)


async def _look(store: Store, payer: str, length_s: float = 60.0) -> Taken:
    return await store.take(payer, [_turns(None, length_s=length_s, amount=0)])


async def a_limit_is_exact_whoever_counts(stores: Stores) -> None:
    payer = new("payer")

    asked = (store.take(payer, [_turns(7)]) for store in (stores.here, stores.there) * 10)
    taken = await asyncio.gather(*asked)

    assert sum(one.is_admitted for one in taken) == 7
    assert sorted(one.uses[0].used for one in taken if one.is_admitted) == list(range(1, 8))
    refused = [one.uses[0] for one in taken if not one.is_admitted]
    assert {use.used for use in refused} == {7}
    assert all(50.0 < one.uses[0].reset_s <= 60.0 for one in taken)
    assert (await _look(stores.there, payer)).uses[0].used == 7


async def payers_are_counted_for_themselves(stores: Stores) -> None:
    one, other = new("payer"), new("payer")

    assert (await stores.here.take(one, [_turns(1)])).is_admitted
    assert not (await stores.there.take(one, [_turns(1)])).is_admitted
    assert (await stores.there.take(other, [_turns(1)])).is_admitted
    assert await stores.here.once(one, 60.0)


async def an_amount_may_be_any_and_is_added_over_the_limit(stores: Stores) -> None:
    payer = new("payer")
    words = Window(name="words", length_s=60.0, limit=100, amount=99)

    assert (await stores.here.take(payer, [words])).uses[0].used == 99
    assert (await stores.there.take(payer, [words])).uses[0].used == 198
    assert not (await stores.there.take(payer, [words])).is_admitted
    await stores.there.give_back(payer, None, [words])
    refused = await stores.here.take(payer, [words])

    assert (refused.is_admitted, refused.uses[0].used) == (False, 297)


async def who_only_looks_uses_nothing(stores: Stores) -> None:
    payer = new("payer")
    look = _turns(2, length_s=30.0, amount=0)

    for _ in range(3):
        found = await stores.here.take(payer, [look])
        assert found == Taken(True, [Use(0, found.uses[0].reset_s)], 0)
        assert found.uses[0].reset_s == 30.0
    # It has begun no window either.
    await stores.let_pass(0.2)
    assert (await stores.there.take(payer, [_turns(2, length_s=30.0)])).uses[0].reset_s > 29.9
    assert (await stores.here.take(payer, [_turns(2, length_s=30.0)])).uses[0].used == 2
    assert not (await stores.there.take(payer, [look])).is_admitted


async def all_is_taken_or_nothing(stores: Stores) -> None:
    payer, lease = new("payer"), _lease()
    turns, words = _turns(3), Window(name="words", length_s=60.0, limit=1)
    await stores.here.take(payer, [words])

    refused = await stores.there.take(payer, [turns, words], lease=lease, most_leases=5)
    assert (refused.is_admitted, refused.running) == (False, 0)
    assert [use.used for use in refused.uses] == [0, 1]
    await stores.here.take(payer, lease=lease)
    refused = await stores.there.take(payer, [turns], lease=_lease(), most_leases=1)
    assert (refused.is_admitted, refused.running) == (False, 1)

    assert (await _look(stores.here, payer)).uses[0].used == 0


async def a_window_ends_after_its_time(stores: Stores) -> None:
    payer = new("payer")
    window = _turns(2, length_s=0.5)
    assert (await stores.here.take(payer, [window])).is_admitted
    await stores.let_pass(0.1)
    assert (await stores.there.take(payer, [window])).is_admitted
    (use,) = (await stores.here.take(payer, [window])).uses
    # It began with the first use, and nobody who is refused makes it longer.
    assert 0 < use.reset_s <= 0.4
    await stores.let_pass(use.reset_s + 0.01)

    again = [(await stores.there.take(payer, [_turns(2)])).is_admitted for _ in range(3)]
    assert again == [True, True, False]


async def a_window_by_the_clock_ends_when_the_clock_says(stores: Stores) -> None:
    day = Window(name="words", length_s=_DAY_S, amount=5, is_by_clock=True)
    hour = Window(name="hour", length_s=3600.0, is_by_clock=True)

    first = (await stores.here.take(new("payer"), [day, hour])).uses
    await stores.let_pass(0.5)
    second = (await stores.there.take(new("payer"), [day, hour])).uses

    # Of who comes later too, unless one has just ended. A day ends with an hour.
    assert not 0 <= second[0].reset_s - first[0].reset_s < _DAY_S / 2
    rest = (second[0].reset_s - second[1].reset_s) % 3600.0
    assert min(rest, 3600.0 - rest) < 0.01


async def windows_of_different_lengths_end_for_themselves(stores: Stores) -> None:
    payer = new("payer")
    short, long = _turns(9, length_s=0.3), Window(name="words", length_s=60.0, limit=9)
    await stores.here.take(payer, [short, long])
    await stores.let_pass(0.35)

    taken = await stores.there.take(payer, [short, long])

    assert [use.used for use in taken.uses] == [1, 2]


async def a_clock_that_goes_back_locks_nobody_out(stores: Stores) -> None:
    payer = new("payer")
    await stores.here.take(payer, [_turns(1)], lease=_lease(), most_leases=1)
    if stores.clock is not None:
        stores.clock.move(-3600)

    taken = await stores.there.take(payer, [_turns(1)], lease=_lease(), most_leases=1)

    assert taken.is_admitted or taken.uses[0].reset_s <= 60.0
    assert taken.is_admitted is (stores.clock is not None)


async def a_clock_that_is_behind_counts_in_the_same_window(stores: Stores) -> None:
    payer = new("payer")
    await stores.here.take(payer, [_turns(1)])
    if stores.clock is not None:
        stores.clock.move(-20)

    taken = await stores.there.take(payer, [_turns(1)])

    assert not taken.is_admitted
    assert taken.uses[0].reset_s <= 60.0


async def so_many_leases_are_taken_and_no_more(stores: Stores) -> None:
    payer = new("payer")
    leases = [_lease() for _ in range(20)]
    stores_in_turn = (stores.here, stores.there) * 10

    taken = await asyncio.gather(
        *(
            store.take(payer, lease=lease, most_leases=4)
            for store, lease in zip(stores_in_turn, leases, strict=True)
        )
    )
    held = [lease for one, lease in zip(taken, leases, strict=True) if one.is_admitted]
    assert len(held) == 4
    assert (await _look(stores.there, payer)).running == 4

    await stores.there.give_back(payer, held[0])
    again = [
        (await stores.here.take(payer, lease=_lease(), most_leases=4)).is_admitted for _ in range(2)
    ]
    assert again == [True, False]
    # Without a limit there is always one more.
    assert (await stores.here.take(payer, lease=_lease())).running == 5


async def a_lease_is_given_back_once(stores: Stores) -> None:
    payer = new("payer")
    one, other = _lease(), _lease()
    for lease in (one, other):
        await stores.here.take(payer, lease=lease)

    for _ in range(2):
        await stores.there.give_back(payer, one)

    assert (await _look(stores.here, payer)).running == 1


async def a_new_lease_of_a_holder_takes_the_place_of_the_old_one(stores: Stores) -> None:
    payer = new("payer")
    old, young = _lease("same"), _lease("same")
    await stores.here.take(payer, lease=old, most_leases=1)

    taken = await stores.there.take(payer, lease=young, most_leases=1)
    assert (taken.is_admitted, taken.running) == (True, 1)
    # Whoever had the old one has nothing to give back, and nothing to renew.
    await stores.here.renew({payer: [old]})
    await stores.here.give_back(payer, old)
    assert (await _look(stores.here, payer)).running == 1
    await stores.there.give_back(payer, young)
    assert (await _look(stores.here, payer)).running == 0


async def a_lease_ends_unless_it_is_renewed(stores: Stores) -> None:
    payer, other = new("payer"), new("payer")
    dead, alive = _lease(ttl_s=0.6), _lease(ttl_s=0.6)
    for lease in (dead, alive):
        await stores.here.take(payer, lease=lease)
    elsewhere = _lease(ttl_s=0.6)
    await stores.there.take(other, lease=elsewhere)
    for _ in range(2):
        await stores.let_pass(0.4)
        await stores.here.renew({payer: [alive], other: [elsewhere]})

    assert (await _look(stores.there, payer)).running == 1
    assert (await _look(stores.here, other)).running == 1
    assert (await stores.there.take(payer, lease=_lease(), most_leases=2)).is_admitted


async def a_lease_that_has_ended_is_renewed_too(stores: Stores) -> None:
    payer, lease = new("payer"), _lease(ttl_s=0.3)
    await stores.here.take(payer, lease=lease)
    await stores.let_pass(0.35)
    assert (await _look(stores.here, payer)).running == 0

    await stores.there.renew({payer: [lease]})

    assert (await _look(stores.here, payer)).running == 1


async def what_is_given_back_may_be_the_first(stores: Stores) -> None:
    payer = new("payer")
    words = Window(name="words", length_s=60.0, amount=12)

    await stores.here.give_back(payer, _lease(), [words])

    (use,) = (await stores.there.take(payer, [words])).uses
    assert use.used == 24
    assert 50.0 < use.reset_s <= 60.0


async def what_was_taken_in_vain_is_free_again(stores: Stores) -> None:
    payer, lease = new("payer"), _lease()
    for store in (stores.here, stores.there):
        await store.take(payer, [_turns(2)], lease=lease)
    assert not (await stores.here.take(payer, [_turns(2)])).is_admitted
    await stores.let_pass(1.0)

    await stores.there.give_back(payer, lease, [_turns(None, amount=-1)])
    again = [(await stores.there.take(payer, [_turns(2)])).is_admitted for _ in range(2)]
    assert again == [True, False]
    await stores.here.give_back(payer, None, [_turns(None, amount=-5)])

    assert (await _look(stores.there, payer)).uses[0].used == 0

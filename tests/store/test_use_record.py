"""`app.store.use_record`: the rules of windows and leases."""

from app.store import use_record
from app.store.limits import Lease, Taken, Use, Window
from app.store.use_record import Counted, Held, UseRecord

TURNS = Window(name="turns", length_s=60.0, limit=2)
LOOK = Window(name="turns", length_s=60.0, amount=0)
DAY = Window(name="tokens", length_s=86_400.0, amount=7, is_by_clock=True)
LEASE = Lease(holder="h", token="t", ttl_s=20.0)
NOTHING = UseRecord()


def test_a_window_begins_with_its_first_use() -> None:
    record, seen = NOTHING, []
    for now in (100.0, 130.0, 150.0, 160.0):
        taken, record = use_record.take(record, [TURNS], None, None, now)
        seen.append((taken.is_admitted, taken.uses[0]))

    assert seen == [
        (True, Use(1, 60.0)),
        (True, Use(2, 30.0)),
        (False, Use(2, 10.0)),
        (True, Use(1, 60.0)),
    ]


def test_who_looks_or_is_refused_changes_nothing() -> None:
    assert use_record.take(NOTHING, [LOOK], None, None, 5.0) == (
        Taken(True, [Use(0, 60.0)], 0),
        NOTHING,
    )
    full = UseRecord({"turns": Counted(2, 30.0)}, {})
    taken, after = use_record.take(full, [TURNS], LEASE, 1, 5.0)

    assert taken == Taken(False, [Use(2, 25.0)], 0)
    assert after is full


def test_a_day_ends_at_midnight() -> None:
    taken, record = use_record.take(NOTHING, [DAY], None, None, 86_400.0 * 3 + 400.0)

    assert taken.uses == [Use(7, 86_000.0)]
    assert record.windows == {"tokens": Counted(7, 86_400.0 * 4)}
    assert use_record.take(record, [DAY], None, None, 86_400.0 * 4)[0].uses == [Use(7, 86_400.0)]


def test_a_clock_that_is_ahead_by_a_window_is_believed_and_no_other() -> None:
    ahead, gone_back = (UseRecord({"turns": Counted(2, 5.0 + s)}, {}) for s in (120.0, 120.1))

    assert use_record.take(ahead, [TURNS], None, None, 5.0)[0] == Taken(False, [Use(2, 60.0)], 0)
    assert use_record.take(gone_back, [TURNS], None, None, 5.0)[0].uses == [Use(1, 60.0)]
    held = UseRecord({}, {"h": Held("t", 45.1, 20.0), "i": Held("t", 45.0, 20.0)})
    assert use_record.take(held, [], None, None, 5.0)[0].running == 1


def test_a_lease_of_the_same_holder_is_no_other() -> None:
    record = UseRecord({}, {"h": Held("old", 10.0, 20.0)})

    taken, record = use_record.take(record, [], LEASE, 1, 5.0)

    assert taken == Taken(True, [], 1)
    assert record.leases == {"h": Held("t", 25.0, 20.0)}
    other = Lease(holder="i", token="u", ttl_s=20.0)
    assert not use_record.take(record, [], other, 1, 5.0)[0].is_admitted
    assert use_record.take(record, [], other, 1, 25.0)[0] == Taken(True, [], 1)
    assert use_record.take(record, [], other, None, 5.0)[0] == Taken(True, [], 2)


def test_only_what_was_held_is_given_back() -> None:
    record = UseRecord({}, {"h": Held("t", 10.0, 20.0), "i": Held("u", 10.0, 20.0)})

    of_others = [Lease(holder=h, token=t, ttl_s=1.0) for h, t in (("h", "old"), ("none", "t"))]
    for lease in (None, *of_others):
        assert use_record.give_back(record, lease, [], 5.0) == record
    given = use_record.give_back(record, LEASE, [DAY, LOOK], 5.0)

    assert given == UseRecord({"tokens": Counted(7, 86_400.0)}, {"i": Held("u", 10.0, 20.0)})


def test_a_lease_is_renewed_unless_another_has_its_place() -> None:
    record = UseRecord({}, {"h": Held("t", 10.0, 20.0), "i": Held("young", 10.0, 20.0)})
    leases = [LEASE, Lease(holder="i", token="old", ttl_s=20.0)]

    assert use_record.renew(record, leases, 5.0).leases == {
        "h": Held("t", 25.0, 20.0),
        "i": Held("young", 10.0, 20.0),
    }
    # Both have ended.
    assert use_record.renew(record, leases, 10.0).leases == {
        "h": Held("t", 30.0, 20.0),
        "i": Held("old", 30.0, 20.0),
    }


def test_what_is_over_is_not_kept() -> None:
    record = UseRecord(
        {"turns": Counted(1, 10.0), "tokens": Counted(3, 99.0)}, {"i": Held("u", 10.0, 20.0)}
    )

    assert use_record.give_back(record, None, [], 10.0) == UseRecord({"tokens": Counted(3, 99.0)})
    assert (record.ends, NOTHING.ends) == (99.0, 0.0)


def test_a_record_comes_back_as_it_was() -> None:
    record = UseRecord({"turns": Counted(1, 10.5)}, {"h": Held("t", 1e9 + 0.25, 20.0)})

    assert use_record.decoded(use_record.encoded(record)) == record

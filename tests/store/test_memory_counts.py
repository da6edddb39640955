"""`app.store.memory_counts`."""

from app.store.memory_counts import Counts


def test_only_the_first_call_in_a_while_is_the_first() -> None:
    counts = Counts()

    assert [counts.once("k", 10.0, now) for now in (0.0, 9.0, 10.0, 11.0)] == [
        True,
        False,
        True,
        False,
    ]


def test_a_window_begins_with_its_first_use() -> None:
    counts = Counts()

    assert [counts.count("k", 2, 60.0, now) for now in (100.0, 130.0, 150.0, 160.0)] == [
        None,
        None,
        10.0,
        None,
    ]


def test_a_window_from_before_the_clock_went_back_is_over() -> None:
    counts = Counts()
    counts.count("k", 1, 60.0, 5000.0)

    assert counts.count("k", 1, 60.0, 4990.0) is None
    assert counts.count("k", 1, 60.0, 4991.0) == 59.0


def test_what_is_over_is_forgotten_and_nothing_else() -> None:
    counts = Counts()
    counts.once("old", 10.0, 0.0)
    counts.once("new", 11.0, 0.0)
    counts.count("old", 1, 10.0, 0.0)
    counts.count("new", 1, 11.0, 0.0)

    counts.forget_before(10.0)

    assert (list(counts._once), list(counts._counts)) == (["new"], ["new"])
    assert not counts.once("new", 1.0, 10.0)
    assert counts.count("new", 1, 11.0, 10.0) == 1.0

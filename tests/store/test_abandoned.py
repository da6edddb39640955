"""`app.store.abandoned`."""

from app.store.abandoned import Abandoned
from app.store.store import ABANDONED_S


def test_a_turn_is_abandoned_once_its_beat_has_stood_still_for_long() -> None:
    abandoned = Abandoned()

    assert abandoned.among({"t": 3}, 50.0) == []
    assert abandoned.among({"t": 3}, 49.0 + ABANDONED_S) == []
    assert abandoned.among({"t": 3}, 50.0 + ABANDONED_S) == ["t"]


def test_a_beat_begins_the_watch_anew() -> None:
    abandoned = Abandoned()
    abandoned.among({"t": 3}, 0.0)
    abandoned.among({"t": 4}, ABANDONED_S - 1)

    assert abandoned.among({"t": 4}, ABANDONED_S) == []
    assert abandoned.among({"t": 4}, 2 * ABANDONED_S) == ["t"]


def test_a_turn_that_is_over_is_forgotten() -> None:
    abandoned = Abandoned()
    abandoned.among({"t": 3}, 0.0)
    abandoned.among({}, 1.0)

    assert abandoned.among({"t": 3}, ABANDONED_S) == []

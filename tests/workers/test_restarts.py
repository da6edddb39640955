"""`app.workers.restarts`: which workers are replaced, and when the server gives up."""

import pytest

from app.workers.restarts import Again, Ending, GiveUp, Restarts

KILLED = Ending("by SIGKILL", served_s=60.0)
FAILED = Ending("with status 1", served_s=None)


def test_a_worker_that_has_served_is_replaced_at_once_however_often() -> None:
    restarts = Restarts()

    assert [restarts.decide(KILLED) for _ in range(100)] == [Again(0.0)] * 100


def test_one_that_has_served_for_a_moment_only_is_replaced_after_a_second() -> None:
    assert Restarts().decide(Ending("by SIGSEGV", served_s=0.1)) == Again(1.0)


def test_one_that_cannot_start_at_all_ends_the_server_with_its_sentence() -> None:
    ending = Ending("with status 2", served_s=None, sentence="The module x cannot be imported.")

    assert Restarts().decide(ending) == GiveUp("The module x cannot be imported.", 2)


def test_starts_that_fail_in_a_row_end_the_server_after_longer_and_longer_pauses() -> None:
    restarts = Restarts()

    decisions = [restarts.decide(FAILED) for _ in range(5)]

    assert decisions[:4] == [Again(0.0), Again(1.0), Again(2.0), Again(4.0)]
    assert decisions[4] == GiveUp(
        "5 workers in a row ended before they could serve. The last one ended with status 1.", 1
    )


def test_one_that_serves_in_between_begins_the_count_anew() -> None:
    restarts = Restarts(pauses_s=(0.0,))
    restarts.decide(FAILED)

    restarts.one_serves()

    assert restarts.decide(FAILED) == Again(0.0)
    assert isinstance(restarts.decide(FAILED), GiveUp)


@pytest.mark.parametrize("tries", [1, 3])
def test_a_replacement_that_cannot_start_is_tried_again(tries: int) -> None:
    restarts = Restarts(pauses_s=(0.0,) * tries)
    restarts.one_serves()
    ending = Ending("with status 2", served_s=None, sentence="The secret cannot be read.")

    decisions = [restarts.decide(ending) for _ in range(tries + 1)]

    assert decisions[:-1] == [Again(0.0)] * tries
    said = f"{tries + 1} workers in a row ended before they could serve. The secret cannot be read."
    assert decisions[-1] == GiveUp(said, 1)

"""`app.workers.connection_counts`: what each worker sees of the others."""

import tempfile

from app.workers.connection_counts import ConnectionCounts, size_of


def test_whoever_has_fewest_is_next_and_nobody_waits_for_the_absent() -> None:
    with tempfile.TemporaryFile() as file:
        file.truncate(size_of(3))
        # As in three processes: each with a view of its own.
        counts = [ConnectionCounts(file.fileno(), 3) for _ in range(3)]
        for number in (1, 2, 3):
            counts[0].leave(number)

        alone = counts[0].has_fewest(1, 7)
        second = counts[1].has_fewest(2, 5)
        first_again = counts[0].has_fewest(1, 7)
        equal = counts[0].has_fewest(1, 5)
        counts[2].leave(2)
        after_a_death = counts[0].has_fewest(1, 100)

    assert (alone, second, first_again, equal, after_a_death) == (True, True, False, True, True)

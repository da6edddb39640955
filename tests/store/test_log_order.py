"""`app.store.log_order`."""

import pytest

from app.store.log_order import by_turn, fit
from app.store.store import Batch


def test_batches_are_sorted_by_turn_and_keep_their_order() -> None:
    one, two, other = Batch("t", 1, b"a"), Batch("t", 2, b"b"), Batch("u", 7, b"c")

    assert by_turn([one, other, two], ["v", "t"]) == {"v": [], "t": [one, two], "u": [other]}


@pytest.mark.parametrize(
    ("numbers", "held", "is_fit"),
    [
        ([], 5, True),
        ([6], 5, True),
        ([6, 7, 8], 5, True),
        ([5], 5, True),
        ([4, 5, 6], 5, True),
        ([7], 5, False),
        ([6, 8], 5, False),
        ([7, 6], 5, False),
        ([6, 6], 5, False),
    ],
)
def test_only_what_leaves_no_gap_fits(numbers: list[int], held: int, is_fit: bool) -> None:
    assert fit([Batch("t", number, b"x") for number in numbers], held) is is_fit

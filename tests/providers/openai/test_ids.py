"""Ids of calls, given by the server or made by us."""

import re
from itertools import count

from app.providers.openai.ids import CallIds, new_id


def call_ids(*taken: str) -> CallIds:
    numbers = count(1)
    return CallIds(taken, lambda prefix: f"{prefix}_{next(numbers)}")


def test_a_new_id_has_its_prefix_and_is_never_the_same() -> None:
    assert re.fullmatch(r"call_[0-9a-f]{24}", new_id("call"))
    assert new_id("source").startswith("source_")
    assert new_id("call") != new_id("call")


def test_a_call_keeps_the_id_that_the_server_gave_it() -> None:
    assert call_ids("a").take("b") == "b"


def test_a_call_without_an_id_gets_a_new_one() -> None:
    ids = call_ids()

    assert [ids.take(None), ids.take("")] == ["call_1", "call_2"]


def test_an_id_of_the_history_or_of_this_step_is_not_given_again() -> None:
    ids = call_ids("a", "call_1")

    assert [ids.take("a"), ids.take("b"), ids.take("b")] == ["call_2", "b", "call_3"]

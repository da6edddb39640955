"""`app.turns.errors`: what ends a turn, and its HTTP status."""

from collections.abc import Iterator

import pytest

from app.errors import ChatError, RequestError
from app.turns.errors import DEFECT, LOST, SHUTDOWN, TIME_LIMIT, TooManyTurns, as_event, status_of


def _kinds(error: type[ChatError] = ChatError) -> Iterator[type[ChatError]]:
    yield error
    for narrower in error.__subclasses__():
        yield from _kinds(narrower)


def test_the_status_of_a_code_is_that_of_its_error_or_a_502() -> None:
    for error in _kinds():
        if error is not RequestError:
            assert status_of(error.code) == error.status
    assert status_of("another_programs_code") == 502


@pytest.mark.parametrize(
    ("event", "status"), [(TIME_LIMIT, 504), (SHUTDOWN, 503), (DEFECT, 500), (LOST, 502)]
)
def test_an_event_has_a_code_that_gives_its_status(event: object, status: int) -> None:
    found = [error for error in _kinds() if as_event(error) == event]

    assert [error.status for error in found] == [status]
    assert status_of(found[0].code) == status


def test_a_lack_of_room_says_when_to_come_back() -> None:
    assert int(TooManyTurns("x").headers()["retry-after"]) > 0

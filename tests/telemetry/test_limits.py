"""Which errors are limits."""

import pytest

from app.errors import TooManyMessages
from app.telemetry.limits import limit_of
from app.turns.errors import TIME_LIMIT, AnswerTooLong, TooManyTurns


@pytest.mark.parametrize(
    "code", [TooManyTurns.code, TooManyMessages.code, AnswerTooLong.code, TIME_LIMIT.code]
)
def test_a_limit_is_called_by_the_code_of_its_error(code: str) -> None:
    assert limit_of(code) == code


def test_other_errors_are_no_limits() -> None:
    assert limit_of("provider_error") is None

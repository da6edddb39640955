"""`app.limits.errors`: the same seconds in the header and in the body."""

from app.errors import LimitsUnavailable
from app.limits.errors import LimitReached, TokensPerDayReached


def test_the_header_and_the_body_name_the_same_seconds() -> None:
    error = TokensPerDayReached("No more.", wait_s=7, headers={"x-ratelimit-limit": "3"})

    assert error.headers() == {"retry-after": "7", "x-ratelimit-limit": "3"}
    assert error.details() == {"retryAfter": 7}
    assert (error.status, error.public_message) == (429, "No more.")


def test_who_does_not_know_when_says_nothing_of_it() -> None:
    error = LimitReached("Your plan has no such model.")

    assert (error.headers(), error.details()) == ({}, {})


def test_a_store_that_is_down_is_no_limit() -> None:
    error = LimitsUnavailable("redis://secret")

    assert (error.status, error.details()) == (503, {})
    assert error.headers() == {"retry-after": "5"}
    assert "secret" not in error.public_message

"""`app.store.redis_reasons`: what the log says of an error holds nothing of anybody's."""

import pytest
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from app.store.redis_reasons import Unsuitable, reason_of, refused


def _caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Unsuitable("A sentence."), "A sentence."),
        (AuthenticationError("user alice"), "it does not accept the user or the password"),
        (ResponseError("MISCONF alice's disk"), "MISCONF"),
        (ResponseError("alice's own words"), "ResponseError"),
        (ResponseError("Err mixed"), "ResponseError"),
        (NoPermissionError("alice may not"), "NoPermissionError"),
        (RedisConnectionError("at alice's"), "ConnectionError"),
        (
            _caused(RedisConnectionError("at alice's"), OSError(111, "Connection refused")),
            "ConnectionError, Connection refused",
        ),
        (_caused(RedisConnectionError("x"), OSError("alice")), "ConnectionError"),
    ],
)
def test_a_reason_is_a_type_a_code_or_the_systems(error: Exception, reason: str) -> None:
    assert reason_of(error) == reason
    assert "alice" not in reason
    assert refused(error).log_text.endswith(f"Redis refused: {reason}")

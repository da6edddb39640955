"""Why a Redis cannot be used, in words that hold nothing of anybody's."""

from redis.exceptions import AuthenticationError, ResponseError

from app.errors import StoreUnavailable


class Unsuitable(Exception):
    """What is there cannot be used. The message is a sentence."""


def refused(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"Redis refused: {reason_of(error)}")


def reason_of(error: Exception) -> str:
    """Return why, in words that hold nothing of anybody's: types and the server's error codes."""
    if isinstance(error, Unsuitable):
        return str(error)
    if isinstance(error, AuthenticationError):
        return "it does not accept the user or the password"
    if isinstance(error, ResponseError):
        code = str(error).partition(" ")[0]
        return code if code.isalpha() and code.isupper() else type(error).__name__
    cause = error.__cause__ or error.__context__
    if isinstance(cause, OSError) and cause.strerror:
        return f"{type(error).__name__}, {cause.strerror}"
    return type(error).__name__

"""Which errors say that somebody has hit a limit, for the metrics."""

# By the code of the error, which is also what the limit is called.
_LIMITS = frozenset(
    {
        # A request was refused.
        *("too_many_turns", "turns_per_minute", "running_turns", "tokens_per_day", "limited"),
        *("limits_unavailable", "body_too_large", "too_many_messages"),
        # A turn was ended.
        *("answer_too_long", "deadline_exceeded"),
        # The model's side refused us.
        "rate_limited",
    }
)


def limit_of(error_code: str) -> str | None:
    """Return the limit that an error speaks of; None if it is another kind of error."""
    return error_code if error_code in _LIMITS else None

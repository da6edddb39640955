"""`app.limits.quota`: what is counted, refused and told."""

import pytest

from app.events import Usage
from app.limits import quota
from app.limits.errors import LimitReached
from app.limits.limits import Limits
from app.store.limits import Taken, Use, Window

ALL = Limits(turns_per_minute=3, running_turns=2, tokens_per_day=100)
TURNS = Window(name="turns", length_s=60.0, limit=3)
DAY = "You have used up your 100 tokens of today; please try again in 7200 seconds, at 00:00 UTC."
PLACES = "You may have 2 answers at once; please wait for one to end, or try again in 5 seconds."
TOKENS = Window(name="tokens", length_s=86_400.0, limit=100, amount=0, is_by_clock=True)


def test_a_turn_uses_one_of_the_minute_and_looks_at_the_day() -> None:
    assert quota.windows_of(ALL) == [TURNS, TOKENS]
    assert quota.windows_of(Limits(tokens_per_day=100)) == [TOKENS]
    assert quota.windows_of(Limits(running_turns=1)) == []


def test_who_looks_uses_nothing_and_is_never_refused() -> None:
    assert quota.looking(quota.windows_of(ALL)) == [
        Window(name="turns", length_s=60.0, amount=0),
        Window(name="tokens", length_s=86_400.0, amount=0, is_by_clock=True),
    ]


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (Usage(input_tokens=7, output_tokens=5), 12),
        (Usage(output_tokens=5, reasoning_tokens=4, cached_input_tokens=3), 5),
        (Usage(), 0),
    ],
)
def test_input_and_output_count_once_the_model_has_told_them(usage: Usage, tokens: int) -> None:
    counted = quota.used_by(ALL, usage)

    assert [window.amount for window in counted] == ([tokens] if tokens else [])
    assert all((one.name, one.limit, one.is_by_clock) == ("tokens", None, True) for one in counted)
    assert quota.used_by(Limits(turns_per_minute=1), usage) == []


def test_a_turn_that_did_not_begin_is_taken_back() -> None:
    assert quota.taken_back(ALL) == [Window(name="turns", length_s=60.0, amount=-1)]
    assert quota.taken_back(Limits(running_turns=1)) == []


@pytest.mark.parametrize(
    ("uses", "code", "wait_s", "sentence"),
    [
        (
            # Of two the one that takes longer, or he would be told twice to try again.
            [Use(3, 12.1), Use(100, 7200.0)],
            "tokens_per_day",
            7200,
            DAY,
        ),
        (
            [Use(3, 12.1), Use(99, 7200.0)],
            "turns_per_minute",
            13,
            "You may send 3 messages a minute; please try again in 13 seconds.",
        ),
        (
            [Use(2, 12.1), Use(99, 7200.0)],
            "running_turns",
            5,
            PLACES,
        ),
    ],
)
def test_a_refusal_says_what_is_too_much_and_when_to_come_back(
    uses: list[Use], code: str, wait_s: int, sentence: str
) -> None:
    error = quota.refusal(ALL, Taken(False, uses, 2))

    assert isinstance(error, LimitReached)
    assert (error.code, error.public_message) == (code, sentence)
    assert error.details() == {"retryAfter": wait_s}
    assert error.headers()["retry-after"] == str(wait_s)
    assert error.headers()["x-ratelimit-limit"] == "3"


def test_one_is_one() -> None:
    one = Limits(turns_per_minute=1)

    error = quota.refusal(one, Taken(False, [Use(1, 0.2)], 0))

    assert error.public_message == (
        "You may send 1 message a minute; please try again in 1 second."
    )
    error = quota.refusal(Limits(tokens_per_day=1), Taken(False, [Use(1, 60.0)], 0))
    assert "your 1 token of today" in error.public_message
    error = quota.refusal(Limits(running_turns=1), Taken(False, [], 1))
    assert "1 answer at once" in error.public_message


def test_headers_tell_of_the_minute_only() -> None:
    taken = Taken(True, [Use(1, 59.2), Use(50, 100.0)], 1)

    assert quota.rate_headers(ALL, taken) == {
        "x-ratelimit-limit": "3",
        "x-ratelimit-remaining": "2",
        "x-ratelimit-reset": "60",
    }
    # More than the limit, since a rule has lowered it.
    over = quota.rate_headers(Limits(turns_per_minute=1), Taken(False, [Use(4, 9.0)], 0))
    assert over["x-ratelimit-remaining"] == "0"
    assert quota.rate_headers(Limits(tokens_per_day=1), Taken(True, [Use(0, 9.0)], 0)) == {}


def test_what_is_limited_is_shown_with_its_use() -> None:
    taken = Taken(True, [Use(1, 59.2), Use(150, 100.0)], 1)

    assert quota.shown(ALL, taken) == {
        "turnsPerMinute": {"limit": 3, "used": 1, "remaining": 2, "resetS": 60},
        "runningTurns": {"limit": 2, "used": 1, "remaining": 1},
        "tokensPerDay": {"limit": 100, "used": 150, "remaining": 0, "resetS": 100},
    }
    assert quota.shown(Limits(running_turns=2), Taken(True, [], 0)) == {
        "turnsPerMinute": None,
        "runningTurns": {"limit": 2, "used": 0, "remaining": 2},
        "tokensPerDay": None,
    }

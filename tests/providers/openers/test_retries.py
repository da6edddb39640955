"""When to send a request again, and how long to wait."""

from collections.abc import Mapping

import pytest

from app.providers.openers.retries import is_worth_a_retry, retry_after_s, retry_delay_s

NOW = 1_767_225_600.0  # Thu, 01 Jan 2026 00:00:00 GMT


@pytest.mark.parametrize(
    ("status", "headers", "worth"),
    [
        (400, {}, False),
        (401, {}, False),
        (404, {}, False),
        (408, {}, True),
        (409, {}, True),
        (429, {}, True),
        (500, {}, True),
        (503, {}, True),
        (429, {"x-should-retry": "false"}, False),
        (400, {"x-should-retry": "true"}, True),
        (500, {"x-should-retry": "maybe"}, True),
    ],
)
def test_a_retry_is_worth_it_for_what_may_pass(
    status: int, headers: Mapping[str, str], worth: bool
) -> None:
    assert is_worth_a_retry(status, headers) is worth


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:20 GMT"}, 20.0),
        ({"retry-after": "Wed, 31 Dec 2025 23:59:00 GMT"}, 0.0),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
    ],
)
def test_the_server_may_say_how_long(headers: Mapping[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, NOW) == seconds


def test_delays_double_and_vary_downwards() -> None:
    def delays(random: float) -> list[float | None]:
        return [
            retry_delay_s(retry, {}, clock=lambda: NOW, random=lambda: random)
            for retry in (0, 1, 2, 10)
        ]

    assert delays(0.0) == [0.5, 1.0, 2.0, 8.0]
    assert delays(1.0) == [0.375, 0.75, 1.5, 6.0]


@pytest.mark.parametrize(("asked", "delay_s"), [("2", 2.0), ("3", None)])
def test_a_longer_wait_than_a_client_has_patience_for_is_not_waited(
    asked: str, delay_s: float | None
) -> None:
    delay = retry_delay_s(0, {"retry-after": asked}, clock=lambda: NOW, random=lambda: 0.0)

    assert delay == delay_s

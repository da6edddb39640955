"""How often a request is sent again, and after how long."""

from collections.abc import Iterator, Mapping

import pytest

from app.errors import (
    OutOfDescriptors,
    ProviderError,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnreachable,
)
from app.providers.openers.attempts import Attempts, Failed, refused, unanswered

LOST = unanswered(ProviderUnreachable("lost"))
NOW = 1_767_225_600.0  # Thu, 01 Jan 2026 00:00:00 GMT


class Sleeper:
    """Counts the seconds instead of sleeping them."""

    def __init__(self) -> None:
        self.naps: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.naps.append(seconds)


def busy(headers: Mapping[str, str]) -> Failed:
    return refused(ProviderError("busy"), 503, headers)


async def result_of(*outcomes: str | Failed, max_retries: int = 2) -> tuple[str, list[float]]:
    """Return what comes of attempts that go like this, and the pauses between them."""
    sleeper = Sleeper()
    attempts: Attempts[str] = Attempts(
        max_retries, sleep=sleeper, clock=lambda: NOW, random_=lambda: 0.0
    )
    waiting: Iterator[str | Failed] = iter(outcomes)

    async def attempt() -> str | Failed:
        return next(waiting)

    opened = await attempts.until_open(attempt)
    assert next(waiting, None) is None
    return opened, sleeper.naps


async def test_the_first_that_opens_is_the_last() -> None:
    assert await result_of("a") == ("a", [])


async def test_the_pause_gets_longer() -> None:
    assert await result_of(LOST, busy({}), "a") == ("a", [0.5, 1.0])


async def test_the_server_may_say_how_long() -> None:
    told = busy({"retry-after": "1"}), busy({"retry-after": "Thu, 01 Jan 2026 00:00:02 GMT"})

    assert await result_of(*told, "a") == ("a", [1.0, 2.0])


@pytest.mark.parametrize(
    ("outcomes", "error"),
    [
        ([LOST, LOST, unanswered(OutOfDescriptors("none"))], OutOfDescriptors),
        ([unanswered(ProviderTimeout("slow"))], ProviderTimeout),
        ([refused(ProviderRefused("wrong"), 500, {})], ProviderRefused),
        ([refused(ProviderError("no"), 404, {})], ProviderError),
        ([busy({"retry-after": "500"})], ProviderError),
        ([busy({"x-should-retry": "false"})], ProviderError),
    ],
)
async def test_what_another_attempt_will_not_mend_is_final(
    outcomes: list[Failed], error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        await result_of(*outcomes)

    assert caught.value is outcomes[-1].error

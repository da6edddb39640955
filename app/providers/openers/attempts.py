"""Sends a request again while that may help; see `retries` for when and how long to wait."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

import msgspec

from app.errors import OutOfDescriptors, ProviderError, ProviderRefused, ProviderTimeout
from app.providers.openers.retries import is_worth_a_retry, retry_delay_s

logger = logging.getLogger(__name__)

S = TypeVar("S")


class Failed(msgspec.Struct, frozen=True):
    """An attempt that brought no stream.

    Attributes:
        headers: of the response, empty if there was none.
    """

    error: ProviderError | OutOfDescriptors
    may_retry: bool
    headers: Mapping[str, str] = {}


class Attempts(Generic[S]):
    """Repeats attempts at getting an ``S``.

    Args:
        max_retries: how often a request is sent again.
        sleep, clock, random_: as `retries` needs them; ``clock`` gives Unix time in seconds.
    """

    def __init__(
        self,
        max_retries: int,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: Callable[[], float] = time.time,
        random_: Callable[[], float] = random.random,
    ) -> None:
        self._max_retries = max_retries
        self._sleep = sleep
        self._clock = clock
        self._random = random_

    async def until_open(self, attempt: Callable[[], Awaitable[S | Failed]]) -> S:
        """Return what the first successful attempt brings.

        Raises:
            ProviderError, OutOfDescriptors: the error of the last one.
        """
        retry = 0
        while True:
            outcome = await attempt()
            if not isinstance(outcome, Failed):
                return outcome
            delay_s = None
            if outcome.may_retry and retry < self._max_retries:
                delay_s = retry_delay_s(
                    retry, outcome.headers, clock=self._clock, random=self._random
                )
            if delay_s is None:
                raise outcome.error
            retry += 1
            text = "retry %d of the model's server in %.1f s: %s"
            logger.info(text, retry, delay_s, outcome.error.log_text)
            await self._sleep(delay_s)


def unanswered(error: ProviderError | OutOfDescriptors) -> Failed:
    """Return the failure of an attempt to which there was no response.

    A server that was silent for the whole time-out may be at work all the same.
    """
    return Failed(error, may_retry=not isinstance(error, ProviderTimeout))


def refused(error: ProviderError, status: int, headers: Mapping[str, str]) -> Failed:
    """Return the failure of an attempt whose response is ``error``.

    A request that is itself wrong is not sent again, whatever the status: llama.cpp says 500 to an
    image.
    """
    is_hopeless = isinstance(error, ProviderRefused)
    return Failed(error, is_worth_a_retry(status, headers) and not is_hopeless, headers)

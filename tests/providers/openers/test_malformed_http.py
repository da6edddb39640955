"""A response whose framing breaks ends the stream at once, whichever opener reads it."""

import asyncio
from contextlib import aclosing

import pytest

from app.errors import ProviderError
from tests.providers.malformed_http import (
    BODY_IS_WHOLE,
    FAULTS,
    ORDERS,
    Afterwards,
    Arrival,
    BrokenResponse,
)
from tests.providers.openers.every_opener import EVERY_OPENER
from tests.providers.upstream import serve

BODY = b'{"model":"m","messages":[],"stream":true}'
GOOD = b"data: a\n\n"


@pytest.mark.parametrize(("arrival", "afterwards"), ORDERS)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("opener_name", EVERY_OPENER)
async def test_what_came_before_the_fault_is_read_and_then_the_stream_ends(
    opener_name: str, fault: str, arrival: Arrival, afterwards: Afterwards
) -> None:
    broken = BrokenResponse(GOOD, FAULTS[fault], arrival, afterwards)
    received, failure = b"", None

    async with (
        asyncio.timeout(10),
        serve(broken.play) as upstream,
        # The silence of a connection that stays open must not be what ends the stream.
        aclosing(EVERY_OPENER[opener_name](base_url=upstream.url, read_timeout_s=100)) as opener,
        aclosing(await opener.open("/chat/completions", BODY)) as stream,
    ):
        try:
            while data := await stream.read():
                received += data
                if GOOD in received:
                    broken.good_was_read.set()
        except ProviderError as error:
            failure = error
        await stream.aclose()
        await broken.is_closed.wait()

    assert received.startswith(GOOD)
    if fault != BODY_IS_WHOLE:
        assert type(failure) is ProviderError
    assert len(upstream.requests) == 1

"""The three ways in which a streamed response can end: plain handlers for the Lambda runtime.

``_HANDLER=examples.outcomes.happy_path`` and so on. A caller gets the first bytes of all three. How
the response ended is in the `InvokeComplete` event, not in the HTTP status.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Protocol

_STEP_S = 0.2


class Context(Protocol):
    """The part of the runtime's context that is used here."""

    def get_remaining_time_in_millis(self) -> int: ...


async def happy_path(event: Any, context: Context) -> AsyncIterator[bytes]:
    """Send three lines and end."""
    for number in (1, 2, 3):
        yield f"line {number} of 3\n".encode()
        await asyncio.sleep(_STEP_S)


async def midstream_error(event: Any, context: Context) -> AsyncIterator[bytes]:
    """Send two lines of three and fail."""
    for number in (1, 2):
        yield f"line {number} of 3\n".encode()
        await asyncio.sleep(_STEP_S)
    raise RuntimeError("something went wrong after the second line")


async def timeout(event: Any, context: Context) -> AsyncIterator[bytes]:
    """Send one line and then exceed the function's time limit."""
    yield b"line 1 of 3\n"
    await asyncio.sleep(context.get_remaining_time_in_millis() / 1000 + 5)
    yield b"line 2 of 3\n"


for _handler in (happy_path, midstream_error, timeout):
    _handler.content_type = "text/plain; charset=utf-8"  # type: ignore[attr-defined]

"""How much memory a running answer holds, and that its length adds nothing.

The figures are of Python's own objects (`tests.stream_memory`), so they are the same on a busy
machine; only another version of Python, or of a library, moves them by a few per cent.
"""

import asyncio
import json
import sys

import pytest

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

_MOST_BYTES_A_STREAM = 29_000
# The list of one answer's tokens would take 8 bytes each, and their text more than 50.
_MOST_BYTES_A_TOKEN = 6


async def test_a_running_answer_is_small_and_does_not_grow() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.stream_memory"), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()

    figures = json.loads(output)
    assert figures["bytes_a_stream"] < _MOST_BYTES_A_STREAM
    assert figures["bytes_a_token"] < _MOST_BYTES_A_TOKEN

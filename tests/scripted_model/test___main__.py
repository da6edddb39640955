"""The command that serves the scripted model by itself."""

import asyncio
import signal
import sys

import pytest

from tests.scripted_model.client import HELLO, client_of


@pytest.mark.real
@pytest.mark.timeout(30)
async def test_it_runs_as_a_command_until_it_is_told_to_end() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.scripted_model", "--port", "0", "--delay", "0"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    async with client_of(line.strip().split("=")[1]) as client:
        completion = await client.chat.completions.create(model="scripted", messages=HELLO)

    process.send_signal(signal.SIGTERM)
    _, errors = await process.communicate()

    assert "Parrot" in (completion.choices[0].message.content or "")
    assert (process.returncode, errors) == (0, b"")

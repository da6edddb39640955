"""The life of an environment: its report, and its end when files change."""

import asyncio
import re
from pathlib import Path

import pytest

from tests.emulator.emulation import (
    INVOKE,
    Gate,
    emulator,
    post,
    posting,
)

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


async def test_changed_files_start_a_new_environment(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("1")
    async with emulator(watch=tmp_path) as running:
        await post(running, INVOKE, {"chunks": ["x"]})
        await running.logged("END RequestId")
        module.write_text("22")
        await running.logged("module.py changed")
        await post(running, INVOKE, {"chunks": ["x"]})
        await running.logged("END RequestId", 2)

    assert running.log.count("Init Duration") == 2


async def test_a_busy_environment_ends_after_its_response_when_files_change(tmp_path: Path) -> None:
    async with emulator(watch=tmp_path) as running, Gate() as gate:
        order = {"chunks": ["x"], "gate": gate.port}
        first = asyncio.create_task(post(running, INVOKE, order))
        await gate.arrival()
        (tmp_path / "new.py").write_text("1")
        await running.logged("new.py changed")
        await gate.release()
        response = await first
        await post(running, INVOKE, {"chunks": ["y"]})

    assert response.text == "x"
    assert running.log.count("START RequestId") == running.log.count("Init Duration") == 2


async def test_the_log_tells_what_an_invocation_did() -> None:
    async with emulator(memory_mb=500) as running:
        async with posting(running, INVOKE, {"chunks": ["ab", "c"]}) as response:
            await response.aread()
        log = await running.logged("REPORT")

    request_id = response.headers["x-amzn-requestid"]
    assert log.splitlines()[:4] == [
        f"function#1 START RequestId: {request_id} Version: $LATEST",
        "function#1 working",
        "function#1 first answer: 202",
        f"function#1 END RequestId: {request_id}",
    ]
    assert re.fullmatch(
        rf"function#1 REPORT RequestId: {request_id}\tDuration: [\d.]+ ms\t"
        r"Billed Duration: \d+ ms\tMemory Size: 500 MB\tMax Memory Used: [1-9]\d* MB\t"
        r"Init Duration: [\d.]+ ms\tBytes Streamed: 3\tTime To First Byte: [\d.]+ ms",
        log.splitlines()[4],
    )

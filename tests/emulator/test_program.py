"""The program: it serves until it is told to stop, and explains why it cannot start."""

import argparse
import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncIterator

import httpx2
import pytest

from app.emulator.arguments import add_arguments
from app.emulator.program import run
from tests.emulator.emulation import INVOKE, PATIENCE_S, RAW, Gate

PROGRAM = """
import argparse, sys
from app.emulator.arguments import add_arguments
from app.emulator.program import run
parser = argparse.ArgumentParser()
add_arguments(parser)
sys.exit(run(parser.parse_args()))
"""


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_arguments(parser)
    return parser.parse_args(arguments)


@contextlib.asynccontextmanager
async def program(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, *arguments,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.real
@pytest.mark.timeout(180)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_program_serves_until_it_is_told_to_stop(number: signal.Signals) -> None:
    async with program("--port", "0", "--", *RAW) as process, asyncio.timeout(PATIENCE_S):
        assert process.stderr is not None
        first = (await process.stderr.readline()).decode()
        url = first.removeprefix("Lambda emulator on ").strip()
        async with httpx2.AsyncClient() as client:
            known = (await client.post(url + INVOKE, json={"do": "report"})).json()
        process.send_signal(number)
        log = (await process.stderr.read()).decode()
        status = await process.wait()

    assert known["event"] == {"do": "report"}
    assert status == 0
    assert "Function URL" in log
    assert "stopping\n" in log


@contextlib.asynccontextmanager
async def stopping(
    number: signal.Signals,
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Gate, "asyncio.Task[httpx2.Response]"]]:
    """Run an emulator that was told to stop while an invocation waits at the gate."""
    async with (
        Gate() as gate,
        program("--port", "0", "--", *RAW) as process,
        asyncio.timeout(PATIENCE_S),
    ):
        assert process.stderr is not None
        first = (await process.stderr.readline()).decode()
        url = first.removeprefix("Lambda emulator on ").strip()
        async with httpx2.AsyncClient() as client:
            order = {"chunks": ["x"], "gate": gate.port}
            waiting = asyncio.create_task(client.post(url + INVOKE, json=order))
            await gate.arrival()
            process.send_signal(number)
            while b"stopping" not in await process.stderr.readline():
                pass
            yield process, gate, waiting
        await process.stderr.read()

        assert await process.wait() == 0


@pytest.mark.real
@pytest.mark.timeout(180)
async def test_who_asks_twice_waits_for_no_invocation() -> None:
    async with stopping(signal.SIGINT) as (process, _, waiting):
        assert not waiting.done()
        process.send_signal(signal.SIGINT)
        with pytest.raises(httpx2.HTTPError):
            await waiting


@pytest.mark.real
@pytest.mark.timeout(180)
async def test_an_invocation_that_ends_in_time_is_waited_for() -> None:
    async with stopping(signal.SIGTERM) as (_, gate, waiting):
        await gate.release()
        response = await waiting

        assert response.text == "x"


@pytest.mark.real
@pytest.mark.timeout(180)
def test_a_taken_port_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status = run(parse("--port", str(port), "--", *RAW))

    assert status == 1
    assert capsys.readouterr().err == (
        f"emulate: port {port} on 127.0.0.1 is taken; stop what listens there, "
        "or choose another: --port\n"
    )


def test_a_command_that_does_not_exist_ends_the_program(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(parse("--", "no-such-command")) == 2
    assert "was not found" in capsys.readouterr().err


def test_an_address_that_is_not_ours_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(parse("--host", "192.0.2.1", "--", *RAW)) == 1
    assert "cannot listen on 192.0.2.1:9000" in capsys.readouterr().err

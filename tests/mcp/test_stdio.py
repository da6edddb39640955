"""A program with pipes, whatever it does."""

import asyncio
import logging
import os
import sys
from pathlib import Path

import pytest

from app.mcp.stdio import stdio
from tests.mcp import real

pytest.importorskip("mcp")
pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


class Ends:
    def __init__(self) -> None:
        self.event = asyncio.Event()

    def __call__(self) -> None:
        self.event.set()


def program(script: str, **options: object):  # type: ignore[no-untyped-def]
    values = {"env": {}, "cwd": None, "on_end": lambda: None, **options}
    return stdio("x", sys.executable, ["-c", script], **values)  # type: ignore[arg-type]


async def test_what_is_no_message_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "deltaline.mcp")
    script = (
        "import sys; print('Welcome!', flush=True)\n"
        "print('a\\x1bnote', file=sys.stderr, flush=True)\n"
        'print(\'{"jsonrpc":"2.0","method":"notifications/x"}\', flush=True); sys.stdin.read()'
    )

    async with program(script) as (incoming, _):
        message = await incoming.receive()
        await real.until(lambda: "MCP server x: anote" in caplog.text)

    assert message.message.method == "notifications/x"
    assert "MCP server x writes what is not JSON-RPC" in caplog.text


async def test_a_program_that_ends_is_noticed() -> None:
    ends = Ends()

    async with program("pass", on_end=ends):
        async with asyncio.timeout(real.PATIENCE_S):
            await ends.event.wait()


async def test_a_line_without_end_ends_the_program() -> None:
    ends = Ends()
    script = "import sys\nwhile True: sys.stdout.write('x' * 65536)"

    async with program(script, on_end=ends, most_line_bytes=2**20):
        async with asyncio.timeout(real.PATIENCE_S):
            await ends.event.wait()


async def test_a_program_that_ignores_everything_is_killed_with_its_children(
    tmp_path: Path,
) -> None:
    pids = tmp_path / "pids"
    script = f"""
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(pids)!r}, "w").write(f"{{os.getpid()}} {{child.pid}}\\n")
time.sleep(600)
"""
    async with program(script):
        await real.until(lambda: pids.exists() and pids.read_text().endswith("\n"))

    for pid in pids.read_text().split():
        await real.until(lambda pid=pid: not _runs(int(pid)))  # type: ignore[misc]


async def test_a_cancelled_session_leaves_no_program_behind(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = (
        f"import os, sys; open({str(pids)!r}, 'w').write(f'{{os.getpid()}}\\n'); sys.stdin.read()"
    )

    async def hold() -> None:
        async with program(script):
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await real.until(lambda: pids.exists() and pids.read_text().endswith("\n"))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    await real.until(lambda: not _runs(int(pids.read_text())))


async def test_the_program_gets_no_secret_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    script = (
        "import os, json, sys\n"
        'print(json.dumps({"jsonrpc":"2.0","method":"x","params":dict(os.environ)}), flush=True)\n'
        "sys.stdin.read()"
    )

    async with program(script, env={"LEVEL": "1"}) as (incoming, _):
        params = (await incoming.receive()).message.params

    assert "OPENAI_API_KEY" not in params
    assert params["LEVEL"] == "1"
    assert params["PATH"] == os.environ["PATH"]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return b"Z" not in Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2][:3]
    except OSError:
        return False

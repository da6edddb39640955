"""The command line: what it accepts, what it says, and that it ends."""

import argparse
import asyncio
import contextlib
import io
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from app.emulator.arguments import UsageError, add_arguments, read_options
from app.emulator.bandwidth import BURST_BYTES, BYTES_PER_S, Bandwidth
from app.emulator.cors import Cors
from app.emulator.options import Options
from app.emulator.output import Console, FunctionLog, Output
from app.emulator.program import run
from app.emulator.variables import EnvFileError, parse_env_file
from app.emulator.watch import changed_files, snapshot
from tests.emulator.emulation import INVOKE, PATIENCE_S, RAW

PROGRAM = """
import argparse, sys
from app import emulator
parser = argparse.ArgumentParser()
emulator.add_arguments(parser)
sys.exit(emulator.run(parser.parse_args()))
"""


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_arguments(parser)
    return parser.parse_args(arguments)


def options_of(*arguments: str, environ: dict[str, str] | None = None) -> Options:
    return read_options(parse(*arguments, "--", sys.executable, "-V"), environ or {})


def test_every_option_reaches_the_emulator(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    (tmp_path / "run").chmod(0o755)
    (tmp_path / "notes.txt").write_text("")
    env_file = tmp_path / ".env"
    env_file.write_text("A=from the file\n")

    options = options_of(
        "--host", "::1", "--port", "0", "--timeout", "2.5", "--memory", "256",
        "--concurrency", "3", "--function", "a=b:c", "--function", "d=e=f",
        "--extensions", str(tmp_path), "--env-file", str(env_file), "--cors", '{"MaxAge":1}',
        "--raw-invoke", "--buffered", "--bandwidth", "--watch",
        environ={"A": "outside", "B": "kept"},
    )  # fmt: skip

    assert options == Options(
        command=(sys.executable, "-V"),
        handlers={"a": "b:c", "d": "e=f"},
        extensions=(tmp_path / "run",),
        variables={"A": "from the file", "B": "kept"},
        timeout_s=2.5,
        memory_mb=256,
        concurrency=3,
        raw_invoke=True,
        buffered=True,
        bandwidth=True,
        watch=Path.cwd(),
        cors=Cors(max_age=1),
        host="::1",
        port=0,
    )


def test_the_command_is_our_runtime_unless_another_is_given() -> None:
    options = read_options(parse(), {})

    assert options.command == (str(Path(__file__).parents[2] / "bootstrap"),)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--port", "65536"), ("--port", "-1"), ("--timeout", "0"), ("--timeout", "soon"),
        ("--timeout", "nan"), ("--memory", "0"), ("--concurrency", "many"),
        ("--function", "name"), ("--function", "=handler"), ("--cors", "*"),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_with_its_option_named(arguments: tuple[str, str]) -> None:
    with pytest.raises(argparse.ArgumentError, match=arguments[0]):
        parse(*arguments)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--env-file", "/nonexistent"), "No such file"),
        (("--extensions", "/nonexistent"), "is not a folder"),
        (("--", "no-such-command"), "'no-such-command' was not found"),
    ],
)
def test_what_cannot_be_carried_out_is_said(arguments: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        read_options(parse(*arguments), {})


def test_a_bad_line_of_an_env_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text("A=1\nnonsense\n")

    with pytest.raises(UsageError, match="line 2 is not NAME=value"):
        options_of("--env-file", str(path))


def test_an_env_file_is_read_as_people_write_it() -> None:
    text = """
# a comment
PLAIN=value with spaces # and a comment
export EXPORTED=1
EMPTY=
HASH=a#b
SINGLE='as $IT is # here'   # comment
DOUBLE="two\\nlines, \\"quoted\\""
"""

    assert parse_env_file(text) == {
        "PLAIN": "value with spaces",
        "EXPORTED": "1",
        "EMPTY": "",
        "HASH": "a#b",
        "SINGLE": "as $IT is # here",
        "DOUBLE": 'two\nlines, "quoted"',
    }


@pytest.mark.parametrize("line", ["A='open", 'A="open', "1A=b", "A"])
def test_a_line_that_is_no_variable_is_refused(line: str) -> None:
    with pytest.raises(EnvFileError, match="line 1"):
        parse_env_file(line)


async def test_bandwidth_is_free_for_six_megabytes_and_then_two_a_second() -> None:
    now = 0.0
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds

    bandwidth = Bandwidth(clock=lambda: now, sleep=sleep)
    for _ in range(6):
        await bandwidth.take(BURST_BYTES // 6)
    assert slept == []

    await bandwidth.take(BYTES_PER_S)
    await bandwidth.take(BYTES_PER_S // 2)
    assert slept == [1.0, 0.5]

    now += 3600.0
    await bandwidth.take(BURST_BYTES)
    await bandwidth.take(BYTES_PER_S)
    assert slept == [1.0, 0.5, 1.0]


def test_a_snapshot_sees_what_changes_and_leaves_out_what_nobody_edits(tmp_path: Path) -> None:
    for name in ("app/a.py", "app/b.py", "node_modules/x.js", ".git/index", "app/.swp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    before = snapshot(tmp_path)

    (tmp_path / "app/a.py").write_text("22")
    (tmp_path / "app/b.py").unlink()
    (tmp_path / "app/c.py").write_text("3")
    (tmp_path / "node_modules/x.js").write_text("22")

    assert sorted(before) == ["app/a.py", "app/b.py"]
    assert changed_files(before, snapshot(tmp_path)) == ["app/a.py", "app/b.py", "app/c.py"]


def test_the_log_tail_is_its_last_four_kilobytes() -> None:
    log = FunctionLog(Console(io.StringIO()), "name", 1)
    log.function_line(b"before")

    log.mark()
    for _ in range(100):
        log.function_line(b"x" * 99)

    assert log.tail() == (b"x" * 95 + b"\n") + (b"x" * 99 + b"\n") * 40


def test_colours_are_for_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    file, terminal, plain = io.StringIO(), Terminal(), Terminal()
    Console(file).problem("text")
    Console(terminal).problem("text")
    monkeypatch.setenv("NO_COLOR", "1")
    Console(plain).problem("text")

    assert file.getvalue() == plain.getvalue() == "text\n"
    assert terminal.getvalue() == "\x1b[31mtext\x1b[0m\n"


def test_output_is_cut_into_lines_and_none_is_lost() -> None:
    lines: list[bytes] = []
    output = Output(lines.append)

    os.write(output.write_end, b"one\r\ntw")
    output.drain()
    assert lines == [b"one"]
    os.write(output.write_end, b"o\n\nthree")
    output.close()

    assert lines == [b"one", b"two", b"", b"three"]


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    lines: list[bytes] = []
    output = Output(lines.append)

    for _ in range(10):
        os.write(output.write_end, b"x" * 60_000)
        output.drain()
    output.close()

    assert [len(line) for line in lines] == [300_000, 300_000]


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

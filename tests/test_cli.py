"""The command line as a person meets it: help, versions, mistakes."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app import __version__
from app.cli import COMMANDS, main

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])

    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert said.startswith(f"usage: deltaline {name}")
    assert "--" in said.split("options:")[1]


def test_the_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])

    said = capsys.readouterr().out
    assert ended.value.code == 0
    for name, (_, does) in COMMANDS.items():
        assert name in said
        assert does in " ".join(said.split())


def test_without_a_command_the_help_is_shown_as_a_mistake(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == 2

    assert capsys.readouterr().out.startswith("usage: deltaline")


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])

    assert ended.value.code == 0
    assert capsys.readouterr().out == f"deltaline {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["dance"], "invalid choice: 'dance'"),
        (["serve", "--port", "http"], "'http' is not a port from 0 to 65535"),
        (["serve", "--port", "65536"], "'65536' is not a port from 0 to 65535"),
        (["serve", "--port", "-1"], "--port"),
        (["serve", "--shutdown-grace", "soon"], "'soon' is not a number of seconds"),
        (["serve", "--shutdown-grace", "-1"], "--shutdown-grace"),
        (["serve", "--shutdown-grace", "inf"], "'inf' is not a number of seconds"),
        (["serve", "--shutdown-grace", "nan"], "'nan' is not a number of seconds"),
        (["serve", "--dance"], "--dance"),
    ],
)
def test_a_mistake_is_said_in_one_line_below_the_usage(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith("usage: deltaline")
    assert complaint in said.splitlines()[-1]


def test_the_package_runs_as_the_command_does() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "app", "--version"], cwd=ROOT, capture_output=True, text=True
    )

    assert (ran.returncode, ran.stdout) == (0, f"deltaline {__version__}\n")


def test_an_interrupt_ends_a_command_with_status_130(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(io.BytesIO):
        def write(self, data: object) -> int:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(Interrupted()))

    assert main(["words"]) == 130


def test_the_status_of_a_command_is_that_of_the_program(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["words", "--delay", "0"]) == 0
    assert main(["tool", "dance"]) == 2

    assert capsys.readouterr().err.startswith("deltaline: ")


def test_a_reader_that_leaves_ends_a_command_quietly() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "app", "words", "--delay", "0.01"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        complaints = process.stderr.read()

    assert complaints == b""
    assert process.returncode == 141


def test_output_that_nobody_reads_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    output = open(writer, "w")  # noqa: SIM115 - closed by the command
    monkeypatch.setattr(sys, "stdout", output)

    assert main(["words", "--delay", "0"]) == 141
    assert output.closed

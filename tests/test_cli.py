"""The command line as a person meets it: help, versions, mistakes."""

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


@pytest.mark.real
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("CHAT_MODLE", "x", "CHAT_MODLE is not a setting; did you mean CHAT_MODEL?"),
        (
            "CHAT_STATUS_WAIT_S",
            "soon",
            (
                "CHAT_STATUS_WAIT_S has a bad value: should be a valid number, "
                "unable to parse string as a number."
            ),
        ),
        (
            "OPENAI_BASE_URL",
            "localhost:11434",
            "OPENAI_BASE_URL has a bad value: must start with http:// or https://.",
        ),
        ("CHAT_RESUME", "redis", "CHAT_RESUME has a bad value: should be 'off'."),
    ],
)
def test_a_setting_that_cannot_be_used_stops_the_start_with_one_sentence(
    name: str, value: str, sentence: str
) -> None:
    started = _serve(**{name: value})

    assert started.returncode == 2
    assert started.stderr == f"deltaline: {sentence}\n"
    assert started.stdout == ""


@pytest.mark.real
@pytest.mark.timeout(180)
def test_an_address_that_is_not_ours_is_said_in_one_sentence() -> None:
    # 192.0.2.0/24 is for documentation: no machine has such an address.
    started = _serve("--host", "192.0.2.1")

    assert started.returncode == 1
    assert started.stderr.startswith("deltaline: cannot listen on 192.0.2.1 port 0: ")
    assert started.stderr.count("\n") == 1


def _serve(*options: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "app", "serve", "--port", "0", *options],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )

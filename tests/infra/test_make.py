"""`make deploy`, `make destroy`, `make logs` and `make cost`, with stand-ins for the programs."""

import os
import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder in front of the path, with a `pulumi` that notes what it is asked."""
    _program(
        tmp_path / "pulumi",
        'echo "pulumi $*" >>"$(dirname "$0")/asked"\n'
        'case "$*" in "stack output logs"*) echo "aws logs tail /aws/lambda/x";; esac',
    )
    return tmp_path


def _program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def _make(programs: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # What is set up is set up already: the tests install nothing.
    ready = ("--old-file=.venv/.ready-infra", "--old-file=.venv/.ready-dev")
    return subprocess.run(
        ["make", "--silent", *ready, *arguments],
        cwd=_ROOT,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "MAKELEVEL": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def _asked(programs: Path) -> list[str]:
    return (programs / "asked").read_text().splitlines()


@pytest.mark.parametrize(
    ("target", "command"), [("deploy", "pulumi up"), ("destroy", "pulumi destroy")]
)
def test_only_with_yes_nothing_is_asked(programs: Path, target: str, command: str) -> None:
    asking = _make(programs, target, "STACK=prod")
    unattended = _make(programs, target, "STACK=prod", "YES=1")

    assert asking.returncode == unattended.returncode == 0, asking.stderr
    asked = [line.strip() for line in _asked(programs) if line.startswith(command)]
    assert asked == [f"{command} --stack prod", f"{command} --stack prod --yes --non-interactive"]


def test_destroying_says_how_to_forget_the_stack_and_keep_its_file(programs: Path) -> None:
    done = _make(programs, "destroy", "STACK=dev")

    assert "pulumi stack rm dev --preserve-config" in done.stdout


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        ("echo aws-cli/1.45.11 Python/3.11.7", "This needs version 2 of the AWS CLI; here is 1."),
        ("echo no such thing; exit 127", "This needs the AWS CLI, version 2."),
    ],
)
def test_following_the_log_needs_version_2_of_the_aws_cli(
    programs: Path, version: str, sentence: str
) -> None:
    _program(programs / "aws", version)

    done = _make(programs, "logs")

    assert done.returncode != 0
    assert done.stdout.strip() == sentence


def test_the_log_is_followed_by_the_command_of_the_stack(programs: Path) -> None:
    _program(
        programs / "aws",
        'case "$1" in --version) echo aws-cli/2.31.0 Python/3.13;; *) echo "followed: $*";; esac',
    )

    done = _make(programs, "logs", "STACK=prod")

    assert done.stdout == "followed: logs tail /aws/lambda/x\n"
    assert _asked(programs) == ["pulumi stack output logs --stack prod"]


def test_make_cost_computes_for_the_stack_that_is_named(programs: Path) -> None:
    done = _make(programs, "cost", "STACK=prod", "COST=--turns 7")

    assert done.stdout.startswith("Stack prod: ")
    assert "7 such turns a day" in done.stdout

"""The command line: what it accepts, and what it says of mistakes."""

import argparse
import sys
from pathlib import Path

import pytest

from app.emulator.arguments import UsageError, add_arguments, read_options
from app.emulator.cors import Cors
from app.emulator.options import Options


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

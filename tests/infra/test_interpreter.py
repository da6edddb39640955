"""`infra.interpreter`: which Python makes the byte code of the zip file."""

import sys
from pathlib import Path

import pytest

from infra.interpreter import cache_tag, find_interpreter
from infra.package_zip import find_compiler

_OURS = f"{sys.version_info.major}.{sys.version_info.minor}"
_WHOLE = f"{_OURS}.{sys.version_info.micro}"
# uv has nothing to fetch for it, so nothing is asked of the network.
_NOWHERE = "3.99"


def _python(path: Path, says: str) -> str:
    """Make a program that says what an interpreter of this version would."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(0o755)
    return str(path)


def test_the_interpreter_that_runs_the_build_will_do_if_its_version_is_right() -> None:
    assert find_interpreter(_OURS) == (sys.executable, _WHOLE)
    assert cache_tag(_OURS) == sys.implementation.cache_tag


def test_one_on_the_path_is_asked_and_a_shim_that_refuses_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _python(
        tmp_path / "shims" / "python3.99", "echo 'pyenv: python3.99: command not found'; exit 127"
    )
    _python(tmp_path / "odd" / "python3.99", "echo cpython-399 alpha 3.99.0")
    _python(tmp_path / "old" / "python3.99", "echo cpython-398 final 3.98.1")
    right = _python(tmp_path / "right" / "python3.99", "echo cpython-399 final 3.99.4")
    folders = [str(tmp_path / name) for name in ("shims", "none", "odd", "old", "right")]
    monkeypatch.setenv("PATH", ":".join([*folders, "/usr/bin", "/bin"]))

    assert find_interpreter(_NOWHERE) == (right, "3.99.4")


def test_one_that_pyenv_has_installed_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "versions" / "3.99.1" / "bin" / "python3.99"
    right = _python(path, "echo cpython-399 final 3.99.1")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))

    assert find_interpreter(_NOWHERE) == (right, "3.99.1")


@pytest.mark.real
@pytest.mark.timeout(240)
def test_without_one_the_zip_has_no_byte_code_and_a_line_says_what_it_costs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    compiler = find_compiler(_NOWHERE, is_wanted=None)

    line = capsys.readouterr().err
    assert compiler is None
    assert line.startswith("There is no Python 3.99 on this machine, and uv cannot fetch one: ")
    assert "as with --no-bytecode, every cold start compiles all modules" in line
    assert line.count("\n") == 1


@pytest.mark.real
@pytest.mark.timeout(240)
def test_who_asks_for_byte_code_gets_it_or_a_failure() -> None:
    with pytest.raises(SystemExit, match=r"There is no Python 3\.99"):
        find_compiler(_NOWHERE, is_wanted=True)


def test_who_wants_none_gets_none() -> None:
    assert find_compiler(_OURS, is_wanted=False) is None

"""Builds the real Lambda Web Adapter, once: `python -m tests.aws.build_adapter`.

It is a crate; there is no other way to get it from a package registry. The tests are content with a
build that is not optimized, which takes a third of the time; `--release` makes the one that
`make bench` measures. Both are kept in `.cache/`, by their version. In CI a build has to work;
elsewhere, without cargo, the tests that need it skip.

Imports nothing but the standard library, so that it can begin before anything is installed.
"""

import argparse
import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# The Dockerfile takes the image of the same version.
VERSION = "1.0.0-rc1"
_CACHE = Path(__file__).parents[2] / ".cache" / "lambda-web-adapter"
_RELEASE = _CACHE / VERSION
_QUICK = _CACHE / f"{VERSION}-not-optimized"
_BINARY = Path("bin/lambda-adapter")


def find_adapter() -> Path | None:
    """Return the adapter, if there is one; while it is being built, wait."""
    with _lock():
        found = (root / _BINARY for root in (_RELEASE, _QUICK))
        return next((path for path in found if path.exists()), None)


def built_adapter() -> Path:
    """Return the adapter, as `find_adapter` does; skip the test without it."""
    import pytest

    path = find_adapter()
    if path is None:
        pytest.skip("the Lambda Web Adapter is not built: make adapter")
    return path


def main() -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.aws.build_adapter", description=__doc__)
    parser.add_argument("--release", action="store_true", help="optimized")
    parser.add_argument("--detach", action="store_true", help="return as soon as it has begun")
    options = parser.parse_args()
    if (_RELEASE / _BINARY).exists() or (not options.release and (_QUICK / _BINARY).exists()):
        return 0
    if shutil.which("cargo") is None:
        sys.stderr.write("cargo is not installed: tests with the Lambda Web Adapter will skip.\n")
        return 1 if os.environ.get("CI") == "true" else 0
    if options.detach:
        return _detach()
    with _lock():
        sys.stdout.write("Building the Lambda Web Adapter, once …\n")
        sys.stdout.flush()
        return _build(_RELEASE if options.release else _QUICK)


def _detach() -> int:
    """Build in a process of its own; return once it holds the lock, so that tests wait for it."""
    command = [sys.executable, "-m", "tests.aws.build_adapter"]
    building = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert building.stdout is not None
    sys.stdout.write(building.stdout.readline().decode())
    return 0


def _build(root: Path) -> int:
    command = ["cargo", "install", "--quiet", "--locked", "--root", str(root)]
    if root == _QUICK:
        command.append("--debug")
    os.nice(10)  # what waits for it waits for other things longer
    environment = {**os.environ, "CARGO_PROFILE_DEV_DEBUG": "0"}
    done = subprocess.run(
        [*command, "lambda_web_adapter", "--version", VERSION], env=environment, check=False
    )
    return done.returncode


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    """Hold the lock of all that build or look for the adapter."""
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())

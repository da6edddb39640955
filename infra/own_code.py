"""The user's own code in ``my_app/``: which files of it ship, and whether its lock file is right.

    python -m infra.own_code check   say what is wrong with my_app/requirements.lock
    python -m infra.own_code lock    write it: `make lock-my-app`

Its packages are installed beside ours, so they are locked with ours as constraints. The first line
of the lock file has the digest of its ``requirements.txt``: times of files mean nothing in a clone.
"""

import argparse
import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = "my_app"
# What everything in .venv has to fit; it holds what the server needs, in the same versions.
CONSTRAINTS = "requirements-dev.lock"

_REQUIREMENTS = f"{FOLDER}/requirements.txt"
_LOCK = f"{FOLDER}/requirements.lock"
_HOW = "run `make lock-my-app`"
# As .dockerignore leaves them out of the image.
_SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules"})
_TESTS = "tests"
# As in the `lock` target of the Makefile.
_COMPILE = ("--universal", "--generate-hashes", "--python-version", "3.11", "--no-annotate")


class OwnCodeError(Exception):
    """The user's own code cannot be shipped as it is; the message is one sentence."""


def own_files(root: Path = ROOT) -> Iterator[tuple[str, Path]]:
    """Yield what ships of the user's own code, by its name below the root.

    Everything, data files too, but for tests, byte code and what is hidden.
    """
    for path in sorted((root / FOLDER).rglob("*")):
        parts = path.relative_to(root / FOLDER).parts
        if (
            path.is_file()
            and parts[0] != _TESTS
            and not _SKIPPED_FOLDERS & set(parts)
            and not any(part.startswith(".") for part in parts)
            and path.suffix != ".pyc"
        ):
            yield path.relative_to(root).as_posix(), path


def own_lock(root: Path = ROOT) -> str:
    """Return the lock file of the user's own packages; ``""`` if he has none.

    Raises:
        OwnCodeError: it is not what would be made now.
    """
    requirements, lock = root / _REQUIREMENTS, root / _LOCK
    if not requirements.exists():
        if lock.exists():
            raise OwnCodeError(f"{_LOCK} has no {_REQUIREMENTS} beside it; delete one or add one.")
        return ""
    if not lock.exists():
        raise OwnCodeError(f"{_REQUIREMENTS} has no lock file yet: {_HOW}.")
    text = lock.read_text(encoding="utf-8")
    if _digest(requirements) not in text.partition("\n")[0]:
        raise OwnCodeError(f"{_REQUIREMENTS} has changed since {_LOCK} was made: {_HOW}.")
    for file in ("requirements.lock", CONSTRAINTS):
        ours = _versions((root / file).read_text(encoding="utf-8"))
        for name, theirs in _versions(text).items():
            if name in ours and not theirs <= ours[name]:
                raise OwnCodeError(
                    f"{_LOCK} has {name} {_either(theirs)}, and {file} has "
                    f"{_either(ours[name])}: {_HOW}."
                )
    return text


def write_lock(root: Path = ROOT, *, upgrade: bool = False) -> None:
    """Write the lock file, with the versions of our own packages where both need one.

    Args:
        upgrade: take the newest versions; otherwise those that are locked already, if they fit.

    Raises:
        OwnCodeError: there is no version of everything that fits.
    """
    from infra.interpreter import find_uv

    requirements, lock = root / _REQUIREMENTS, root / _LOCK
    if not requirements.exists():
        raise OwnCodeError(f"There is no {_REQUIREMENTS}; name a package a line in it.")
    command = [find_uv(), "pip", "compile", "--quiet", "--no-header", *_COMPILE]
    command += ["--upgrade"] if upgrade else []
    done = subprocess.run(
        [*command, "--constraints", CONSTRAINTS, "--output-file", _LOCK, _REQUIREMENTS],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise OwnCodeError(
            f"{_REQUIREMENTS} cannot be locked together with what Deltaline needs "
            f"({CONSTRAINTS}); uv says:\n{done.stderr.strip()}"
        )
    first = (
        f"# Made by `make lock-my-app` of a requirements.txt with SHA-256 {_digest(requirements)}."
    )
    lock.write_text(f"{first}\n{lock.read_text(encoding='utf-8')}", encoding="utf-8")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _versions(lock: str) -> Mapping[str, set[str]]:
    """Return the locked versions by package; several where they depend on the platform."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", lock, re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


def _either(versions: set[str]) -> str:
    return " or ".join(sorted(versions))


def main() -> int:
    """Carry out the command line; return the exit status."""
    parser = argparse.ArgumentParser(description="Check or write the lock file of my_app/.")
    parser.add_argument("what", choices=("check", "lock"))
    parser.add_argument("--upgrade", action="store_true", help="lock the newest versions")
    options = parser.parse_args()
    try:
        if options.what == "lock":
            write_lock(upgrade=options.upgrade)
        else:
            own_lock()
    except OwnCodeError as error:
        sys.stderr.write(f"deltaline: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

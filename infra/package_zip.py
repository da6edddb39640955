"""Builds the zip file that Lambda runs: ``make zip``.

    bootstrap          starts the runtime; executable
    app/ examples/     our own source
    my_app/            the user's own code
    aiohttp/ …         the packages of both lock files, as wheels for Lambda's Linux

The same sources and the same lock give the same bytes: files are sorted and all have one date. The
zip file holds nothing that only developers need.

The folder of a function is read-only, so without byte code every cold start compiles all modules
again, which takes longer than the rest of the start. So they are compiled here, by a Python of the
function's version; a function with another version ignores the byte code. It is not held against
its source (an unchecked hash), and nothing of the code is left out (no ``-O``).
"""

import argparse
import hashlib
import json
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from infra.interpreter import cache_tag, fetch_interpreter, find_interpreter, find_uv
from infra.lean_packages import APP_FOLDERS, PACKAGES, without
from infra.own_code import OwnCodeError, own_files, own_lock

ROOT = Path(__file__).resolve().parent.parent

# Both python3.13 and provided.al2023 are Amazon Linux 2023, which has glibc 2.34.
_PLATFORMS = {"x86_64": "x86_64-manylinux_2_34", "arm64": "aarch64-manylinux_2_34"}
# The limit of Lambda, unzipped and with all layers.
_MAX_UNZIPPED_BYTES = 250 * 1024 * 1024

# It would be a third of the zip file, and uvicorn runs without it behind the adapter.
_WITHOUT = frozenset({"uvloop"})
# Nor does our runtime need a web server; behind the adapter, only the whole zip file will do.
_LEAN_WITHOUT = PACKAGES | {"uvicorn", "click"}

# The handlers among the examples. The others do not run on Lambda.
_EXAMPLES = ("__init__.py", "words.py", "outcomes.py")

_SKIPPED_FOLDERS = frozenset({"__pycache__", "bin", "tests"})
# Type stubs, C sources, documentation, and the records of an installer.
_SKIPPED_SUFFIXES = frozenset({".pyc", ".pyi", ".pyx", ".pxd", ".c", ".h", ".hash", ".md"})
_SKIPPED_NAMES = frozenset({"INSTALLER", "RECORD", "REQUESTED"})

_TASK_ROOT = "/var/task"
_COST_WITHOUT = "every cold start compiles all modules, and takes more than twice as long"
_DATE = (1980, 1, 1, 0, 0, 0)


def main() -> int:
    """Build the zip file; return the exit status."""
    parser = argparse.ArgumentParser(description="Build the zip file for AWS Lambda.")
    parser.add_argument("--arch", choices=sorted(_PLATFORMS), default="x86_64")
    parser.add_argument("--python", default="3.13", help="version of the function's Python")
    parser.add_argument(
        "--lean",
        action="store_true",
        help="leave out the openai client, uvicorn, the scripted model and the local Lambda",
    )
    parser.add_argument(
        "--bytecode",
        action=argparse.BooleanOptionalAction,
        help="compile now and not at every cold start; by default if there is a Python of the "
        "function's version on this machine, or one can be fetched",
    )
    parser.add_argument("--output", type=Path, default=ROOT / "dist" / "function.zip")
    options = parser.parse_args()
    try:
        # Whole: what it needs of ours, it needs in every form of the zip file.
        own = own_lock()
    except OwnCodeError as error:
        sys.stderr.write(f"deltaline: {error}\n")
        return 1
    compiler = find_compiler(options.python, is_wanted=options.bytecode)
    lock = (ROOT / "requirements.lock").read_text()
    lock = without(lock, _LEAN_WITHOUT if options.lean else _WITHOUT)
    with tempfile.TemporaryDirectory() as folder:
        installed = Path(folder, "installed")
        _install(lock, own, installed, platform=_PLATFORMS[options.arch], python=options.python)
        files = dict(_theirs(installed)) | dict(_ours(is_lean=options.lean)) | dict(own_files())
        if compiler is not None:
            files |= _compile(
                files, Path(folder, "compiled"), by=compiler[0], tag=cache_tag(options.python)
            )
        unzipped = sum(path.stat().st_size for path in files.values())
        if unzipped > _MAX_UNZIPPED_BYTES:
            sys.stderr.write(f"Unzipped it has {unzipped} bytes, more than Lambda accepts.\n")
            return 1
        write_zip(files, options.output)
        target = f"{options.arch}, Python {options.python}"
        made_by = f"of Python {compiler[1]}" if compiler else f"none: {_COST_WITHOUT}"
        _report(files, options.output, target, made_by)
    return 0


def find_compiler(version: str, *, is_wanted: bool | None) -> tuple[str, str] | None:
    """Return the interpreter that makes the byte code and its whole version; None for none.

    Args:
        version: of the function's Python, such as "3.13".
        is_wanted: None for byte code if such an interpreter is here or can be fetched.

    Raises:
        SystemExit: byte code is wanted and cannot be made.
    """
    if is_wanted is False:
        return None
    compiler = find_interpreter(version) or fetch_interpreter(version)
    if compiler is None:
        none = f"There is no Python {version} on this machine, and uv cannot fetch one"
        if is_wanted:
            raise SystemExit(f"{none}.")
        sys.stderr.write(f"{none}: as with --no-bytecode, {_COST_WITHOUT}.\n")
    return compiler


def _install(lock: str, own: str, target: Path, *, platform: str, python: str) -> None:
    # uv evaluates the markers of the lock for the target, pip for the building machine.
    command = [find_uv(), "pip", "install", "--quiet", "--target", str(target), "--no-deps"]
    command += ["--python-platform", platform, "--python-version", python]
    command += ["--only-binary", ":all:", "--require-hashes", "--link-mode", "copy"]
    for name, text in (("requirements.lock", lock), ("own.lock", own)):
        lock_file = target.with_name(name)
        lock_file.write_text(text)
        command += ["--requirements", str(lock_file)]
    subprocess.run(command, check=True)


# Runs in the function's version of Python; reads triples [source, byte code, name in tracebacks].
# UNCHECKED_HASH leaves the date of the source out, so that every build gives the same bytes.
_COMPILER = """
import json, py_compile, sys
for source, compiled, name in json.load(sys.stdin):
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(source, compiled, name, doraise=True, invalidation_mode=mode)
"""


def _compile(files: dict[str, Path], target: Path, *, by: str, tag: str) -> dict[str, Path]:
    """Compile all modules; return the byte code by the names under which Python looks for it."""
    compiled: dict[str, Path] = {}
    triples: list[tuple[str, str, str]] = []
    # In one order on every machine: what a module shares with those before shows in its byte code.
    for name, path in sorted(files.items()):
        if path.suffix == ".py":
            module = PurePosixPath(name)
            cached = str(module.parent / "__pycache__" / f"{module.stem}.{tag}.pyc")
            compiled[cached] = target / cached
            triples.append((str(path), str(target / cached), f"{_TASK_ROOT}/{name}"))
    interpreter = [by, "-I", "-c", _COMPILER]
    subprocess.run(interpreter, input=json.dumps(triples), text=True, check=True)
    return compiled


def _ours(*, is_lean: bool) -> Iterator[tuple[str, Path]]:
    left_out = {ROOT / folder for folder in APP_FOLDERS} if is_lean else set()
    examples = (ROOT / "examples" / name for name in _EXAMPLES)
    for path in (ROOT / "bootstrap", *(ROOT / "app").rglob("*.py"), *examples):
        if not left_out & set(path.parents):
            yield path.relative_to(ROOT).as_posix(), path


def _theirs(installed: Path) -> Iterator[tuple[str, Path]]:
    for path in installed.rglob("*"):
        name = path.relative_to(installed)
        if (
            path.is_file()
            and not _SKIPPED_FOLDERS & set(name.parts)
            and not any(part.startswith(".") for part in name.parts)
            and path.suffix not in _SKIPPED_SUFFIXES
            and path.name not in _SKIPPED_NAMES
        ):
            yield name.as_posix(), path


def write_zip(files: dict[str, Path], output: Path) -> None:
    """Write the files under their names. The same files always give the same bytes."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix on every building machine, so that the modes count
            mode = 0o755 if name == "bootstrap" else 0o644
            entry.external_attr = (stat.S_IFREG | mode) << 16
            archive.writestr(entry, files[name].read_bytes())


def _report(files: dict[str, Path], output: Path, target: str, byte_code: str) -> None:
    parts: Counter[str] = Counter()
    for name, path in files.items():
        parts[name.partition("/")[0]] += path.stat().st_size
    digest = hashlib.sha256(output.read_bytes()).hexdigest()
    lines = [
        f"{output} ({target})",
        f"  size      {_megabytes(output.stat().st_size)}",
        f"  unzipped  {_megabytes(parts.total())}",
        f"  sha256    {digest}",
        f"  byte code {byte_code}",
        "  biggest parts, unzipped:",
        *(f"    {_megabytes(size)}  {name}" for name, size in parts.most_common(8)),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:6.2f} MB"


if __name__ == "__main__":
    sys.exit(main())

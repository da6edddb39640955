"""An interpreter of one version of Python: one that is on this machine, or one that uv fetches.

Byte code belongs to the minor version of the Python that made it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

FETCHED = Path(__file__).resolve().parent.parent / ".cache" / "python"

# What an interpreter says of itself. Those before the release have byte code of their own.
_ASK = (
    "import sys; v = sys.version_info; "
    "print(sys.implementation.cache_tag, v.releaselevel, '.'.join(map(str, v[:3])))"
)
_ASK_TIMEOUT_S = 20.0
_FETCH_TIMEOUT_S = 180.0


def find_uv() -> str:
    """Return the path of uv."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        raise SystemExit("uv is missing; `pip install uv` installs it.")
    return uv


def find_interpreter(version: str) -> tuple[str, str] | None:
    """Return an interpreter and its whole version, such as "3.13.14"; None if there is none here.

    Args:
        version: such as "3.13".
    """
    for path in _candidates(version):
        whole = _version(path, cache_tag(version))
        if whole is not None:
            return path, whole
    return None


def fetch_interpreter(version: str) -> tuple[str, str] | None:
    """Let uv fetch an interpreter into the cache of this checkout; None if it cannot."""
    command = [find_uv(), "python", "install", "--quiet", "--no-bin", version]
    try:
        subprocess.run(
            [*command, "--install-dir", str(FETCHED)],
            capture_output=True,
            check=True,
            timeout=_FETCH_TIMEOUT_S,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return None
    return find_interpreter(version)


def cache_tag(version: str) -> str:
    """Return what stands in the names of byte code: "cpython-313" for "3.13"."""
    return f"cpython-{version.replace('.', '')}"


def _candidates(version: str) -> Iterator[str]:
    """Yield what may be an interpreter of this version, the likely ones first."""
    name = f"python{version}"
    yield sys.executable
    # Every folder of the path: the first may hold a shim of pyenv that refuses.
    for folder in os.get_exec_path():
        for known_as in (name, "python3"):
            if found := shutil.which(known_as, path=folder):
                yield found
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for root, pattern in ((pyenv / "versions", f"{version}.*"), (FETCHED, f"cpython-{version}*")):
        for installed in sorted(root.glob(pattern)):
            yield str(installed / "bin" / name)
    command = [find_uv(), "python", "find", "--no-project", "--no-python-downloads", version]
    found_by_uv = subprocess.run(command, capture_output=True, text=True, check=False)
    if found_by_uv.returncode == 0:
        yield found_by_uv.stdout.strip()


def _version(path: str, tag: str) -> str | None:
    """Return the whole version of the interpreter if it makes byte code with this tag."""
    try:
        said = subprocess.run(
            [path, "-I", "-c", _ASK],
            capture_output=True,
            text=True,
            check=True,
            timeout=_ASK_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match said.stdout.split():
        case [found, "final", whole] if found == tag:
            return whole
    return None

"""Builds and installs what a run needs: two C programs and the npm packages."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
NATIVE = HERE / "native"
BUILT = HERE.parent / ".cache" / "bench"


class CannotPrepare(Exception):
    """Something the benchmark needs is not on this machine; the message names it."""


def compile_programs() -> tuple[Path, Path]:
    """Compile the mock of the model and the load generator, unless these very sources were."""
    upstream = _compile("upstream", "upstream.c", "answers.c")
    load = _compile("load", "load.c")
    return upstream, load


def install_packages(peer: Path) -> None:
    """Run `npm ci`, unless the packages of the lock file are installed.

    Raises:
        CannotPrepare: npm is missing or fails.
    """
    lock = peer / "package-lock.json"
    mark = peer / "node_modules" / ".package-lock.json"  # written by npm, last
    if mark.exists() and mark.stat().st_mtime >= lock.stat().st_mtime:
        return
    if shutil.which("npm") is None:
        raise CannotPrepare("npm is not installed.")
    command = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=peer, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotPrepare(f"npm ci fails in {peer.name}: {done.stderr.strip()[-300:]}")


def _compile(program: str, *sources: str) -> Path:
    # Named after what it is made of: checkouts may share the folder.
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(NATIVE.iterdir())))
    target = BUILT / f"{program}-{digest.hexdigest()[:12]}"
    if target.exists():
        return target
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise CannotPrepare("A C compiler is needed (cc or gcc), and none is installed.")
    BUILT.mkdir(parents=True, exist_ok=True)
    unfinished = BUILT / f"{target.name}.{os.getpid()}"
    files = [str(NATIVE / source) for source in sources]
    subprocess.run([compiler, "-O2", "-o", str(unfinished), *files], check=True)
    unfinished.rename(target)
    return target

"""The zip file for Lambda, unpacked and started as Lambda does it."""

import sys
import zipfile
from pathlib import Path

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def unzip(package: Path, folder: Path) -> Path:
    """Unpack ``package`` into ``folder``, and return it."""
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    # Lambda and `unzip` set the modes; Python's zipfile does not.
    (folder / "bootstrap").chmod(0o755)
    return folder


def environment(folder: Path) -> dict[str, str]:
    """Return an environment with an interpreter that knows no packages but those of the zip.

    Args:
        folder: where the interpreter is laid.
    """
    tools = folder / "tools"
    tools.mkdir()
    interpreter = Path(sys.base_prefix, "bin", f"python{VERSION}")
    wrapper = tools / "python3"
    wrapper.write_text(f'#!/bin/sh\nexec {interpreter} -B -S "$@"\n')
    wrapper.chmod(0o755)
    return {"PATH": f"{tools}:/usr/bin:/bin"}

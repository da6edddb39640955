"""Files that a stack is made from, of whose content nobody looks at more than is here."""

import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Files:
    """What a stack is made from."""

    dockerfile: str
    package: str
    page: str


def write_package(path: Path, *, machine: str = "aarch64", mode: int = 0o755) -> Path:
    """Write a zip file that looks like that of `make zip`, of which only names and modes count."""
    with zipfile.ZipFile(path, "w") as archive:
        start = zipfile.ZipInfo("bootstrap")
        start.external_attr = (0o100000 | mode) << 16
        archive.writestr(start, "#!/bin/sh\n")
        archive.writestr(f"msgspec/_core.cpython-313-{machine}-linux-gnu.so", b"")
    return path


def write_files(folder: Path) -> Files:
    """Write files of every kind whose content nobody looks at."""
    page = folder / "page"
    page.mkdir()
    (page / "index.html").write_text("<!doctype html>")
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text("FROM scratch\n")
    return Files(str(dockerfile), str(write_package(folder / "function.zip")), str(page))

"""Writes a software bill of materials of the image: ``make sbom``.

    python -m infra.sbom --variant lean --arch arm64 --target runtime --output dist/sbom.cdx.json

CycloneDX, by its own tool for Python, from the wheels that the image's lock names for its platform:
each package with its licence, what it needs, and the SHA-256 of the very file that is installed.
The Lambda Web Adapter is added where the target brings it. What the base image holds is its makers'
to say, and the registry's scanner finds it.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
# As the Dockerfile chooses by VARIANT; lib C of its base, Debian 13.
_LOCKS = {
    "full": "requirements.lock",
    "production": "requirements.lock",
    "lean": "requirements-lean.lock",
}
_GLIBC_MINORS = (*range(41, 16, -1), 12, 5)
_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
_PYTHON = "3.13"
_SPECIFICATION = "1.6"


def main() -> int:
    """Write the file; return the exit status."""
    parser = argparse.ArgumentParser(description="Write the image's bill of materials (CycloneDX).")
    parser.add_argument("--variant", choices=_LOCKS, default="full")
    parser.add_argument("--arch", choices=_MACHINES, default="x86_64")
    parser.add_argument("--target", choices=("web-adapter", "runtime"), default="web-adapter")
    parser.add_argument("--output", type=Path, default=ROOT / "dist" / "sbom.cdx.json")
    options = parser.parse_args()
    lock = (ROOT / _LOCKS[options.variant]).read_text()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        requirements = folder / "requirements.txt"
        requirements.write_text("".join(for_platform(lock, _MACHINES[options.arch])))
        wheels = _download(requirements, folder / "wheels", _MACHINES[options.arch])
        bill = _bill(wheels, folder / "site")
        _add_hashes(bill, wheels)
    if options.target == "web-adapter":
        bill["components"].append(_adapter((ROOT / "Dockerfile.streaming").read_text()))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(bill, indent=2) + "\n")
    sys.stdout.write(f"{options.output}: {len(bill['components'])} components\n")
    return 0


def for_platform(lock: str, machine: str) -> Iterator[str]:
    """Yield the requirements of a lock that hold on the image's platform, without their markers.

    pip would hold the markers against the machine that it runs on.
    """
    environment = {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{_PYTHON}.0",
        "python_version": _PYTHON,
        "sys_platform": "linux",
    }
    for entry in re.split(r"\n(?=[^\s#])", lock.strip()):
        requirement = Requirement(entry.partition("\\")[0].strip())
        if requirement.marker is None or requirement.marker.evaluate(environment):
            hashes = " ".join(re.findall(r"--hash=\S+", entry))
            yield f"{requirement.name}{requirement.specifier} {hashes}\n"


def _download(requirements: Path, folder: Path, machine: str) -> list[Path]:
    """Let pip choose and check the wheels, as it does when the image is built."""
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in _GLIBC_MINORS]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--dest", str(folder), "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    command += ["--python-version", _PYTHON, "--implementation", "cp"]
    for platform in (*platforms, f"manylinux2014_{machine}", "any"):
        command += ["--platform", platform]
    subprocess.run([*command, "--requirement", str(requirements)], check=True)
    return sorted(folder.iterdir())


def _bill(wheels: list[Path], site: Path) -> dict[str, Any]:
    """Let CycloneDX's tool describe an environment that holds what the wheels say of themselves."""
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site, [name for name in archive.namelist() if ".dist-info/" in name])
    # The tool asks an interpreter where its packages are; this one knows no others.
    python = site.with_name("python")
    python.write_text(f'#!/bin/sh\nPYTHONPATH={site} exec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    command = [sys.executable, "-m", "cyclonedx_py", "environment", str(python)]
    command += ["--pyproject", str(ROOT / "pyproject.toml"), "--output-reproducible"]
    command += ["--spec-version", _SPECIFICATION, "--output-format", "JSON"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    bill: dict[str, Any] = json.loads(done.stdout)
    return bill


def _add_hashes(bill: dict[str, Any], wheels: list[Path]) -> None:
    digests = {
        _key(*wheel.name.split("-")[:2]): hashlib.sha256(wheel.read_bytes()).hexdigest()
        for wheel in wheels
    }
    for component in bill["components"]:
        digest = digests[_key(component["name"], component["version"])]
        component["hashes"] = [{"alg": "SHA-256", "content": digest}]


def _key(name: str, version: str) -> tuple[str, str]:
    """Return a package as it is the same in the names of files and in metadata."""
    return re.sub(r"[-_.]+", "-", name).lower(), version


def _adapter(dockerfile: str) -> dict[str, Any]:
    image = re.search(r"^ARG ADAPTER_IMAGE=(\S+):(\S+?)(?:@(sha256:\S+))?$", dockerfile, re.M)
    assert image is not None
    purl = f"pkg:docker/{image[1].partition('/')[2]}@{image[2]}"
    return {
        "type": "application",
        "bom-ref": purl,
        "name": image[1].rpartition("/")[2],
        "version": image[2],
        "purl": f"{purl}?repository_url={image[1].partition('/')[0]}",
        "description": "AWS Lambda Web Adapter, the extension of the target web-adapter",
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }


if __name__ == "__main__":
    sys.exit(main())

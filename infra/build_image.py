"""Builds the container image with the docker or podman of this machine: ``make image``.

    python3 -m infra.build_image --target runtime --tag deltaline --build-arg WEB=page

The image is labelled with the commit that it was built from. Imports nothing but the standard
library, so that nothing has to be installed for it.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Older clients speak to BuildKit themselves if they are asked to, these by the plugin buildx.
_FIRST_WITH_PLUGIN = 23


class BuilderMissing(Exception):
    """There is nothing here that could build the image; the text says how to get it."""


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Build; return the exit status of the builder.

    Args:
        argv: what is not known here goes to ``docker build``.
        environ: of the builder.
    """
    parser = argparse.ArgumentParser(
        prog="python -m infra.build_image", description="Build the container image."
    )
    parser.add_argument("--docker", default=shutil.which("docker") or "podman")
    parser.add_argument("--target", default="web-adapter")
    parser.add_argument("--tag", default="deltaline")
    parser.add_argument("--context", default=ROOT, help="the root of the checkout")
    parser.add_argument("--dockerfile", default=ROOT / "Dockerfile.streaming")
    options, more = parser.parse_known_args(argv)
    try:
        check_builder(options.docker)
    except BuilderMissing as error:
        sys.stderr.write(f"{error}\n")
        return 1
    command = [options.docker, "build", "--file", str(options.dockerfile)]
    command += ["--target", options.target, "--tag", options.tag]
    command += [f"--build-arg={name}={value}" for name, value in labels_of(ROOT).items()]
    command += [*more, str(options.context)]
    variables = {**environ, "DOCKER_BUILDKIT": "1"}
    return subprocess.run(command, env=variables, check=False).returncode


def check_builder(docker: str) -> None:
    """See that this program can build: podman, or docker with BuildKit and a daemon.

    Args:
        docker: name or path of docker or podman.

    Raises:
        BuilderMissing
    """
    if shutil.which(docker) is None:
        raise BuilderMissing(
            "Neither docker nor podman is installed; on Debian: apt install docker.io, from "
            "Debian 13 on with docker-buildx."
        )
    if "podman" in _said(docker, "--version")[1]:
        return
    _, said = _said(docker, "version", "--format", "{{.Client.Version}} {{.Server.Version}}")
    found = re.search(r"^(\d+)\.\S+ \d", said, re.MULTILINE)
    if found is None:
        raise BuilderMissing(f"No docker daemon answers; is it started? {said.strip()}")
    if int(found[1]) >= _FIRST_WITH_PLUGIN and _said(docker, "buildx", "version")[0] != 0:
        raise BuilderMissing(
            "This docker has no BuildKit, since its plugin buildx is missing: apt install "
            "docker-buildx, or docker-buildx-plugin where docker comes from Docker itself."
        )


def labels_of(checkout: Path) -> dict[str, str]:
    """Return the build arguments that label an image with its commit; none without git."""

    def git(*words: str) -> str:
        return _said("git", "-C", str(checkout), *words, errors=False)[1].strip()

    if shutil.which("git") is None or not (revision := git("rev-parse", "HEAD")):
        return {}
    changed = "-changed" if git("status", "--porcelain", "--untracked-files=no") else ""
    labels = {"REVISION": revision + changed, "CREATED": git("show", "-s", "--format=%cI", "HEAD")}
    # Only an address that others can open, and without the name and password that may be in it.
    origin = git("config", "remote.origin.url")
    public = re.fullmatch(r"(?:https://(?:[^/@]*@)?|git@)([\w.-]+)[:/](.+?)(?:\.git)?", origin)
    return labels | ({"SOURCE": f"https://{public[1]}/{public[2]}"} if public else {})


def _said(*command: str, errors: bool = True) -> tuple[int, str]:
    """Return a program's exit status and what it printed."""
    to = subprocess.STDOUT if errors else subprocess.DEVNULL
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=to, text=True, check=False)
    return done.returncode, done.stdout


if __name__ == "__main__":
    sys.exit(main())

"""Spoils the Dockerfile, and sees which test of the image notices: ``make image-mutations``.

    python -m tests.container.mutations [NAME …]

Builds each spoiled image and runs the tests of the image with it, up to the first that fails; some
minutes each. `test_dockerfile.py` sees meanwhile, without building anything, that a rule notices.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.container.docker import ROOT

TESTS = tuple(
    f"tests/container/check_{name}.py" for name in ("content", "image", "variants", "own_code")
)
# Parts of names of tests that build more images or ask for more than the image.
_SLOW = ("check_variants", "check_own_code", "wheel", "leaves", "locked", "page", "ai_sdk", "stage")


@dataclass(frozen=True, slots=True)
class Mutation:
    """One way to spoil the Dockerfile.

    Attributes:
        old: a regular expression of what is replaced, once.
        rule: what of `dockerfile_rules` it breaks.
    """

    old: str
    new: str
    rule: str


MUTATIONS = {
    "no byte code of the packages": Mutation(
        r" && \\\n    /opt/python/bin/python -m compileall .*", "",
        "packages_come_with_their_byte_code",
    ),
    "no byte code of the app": Mutation(
        r"    python -m compileall .* app my_app && \\\n", "", "the_app_comes_with_its_byte_code"
    ),
    "no byte code of the standard library": Mutation(
        r"RUN python -m compileall (.*\\\n)+.*\n", "",
        "the_standard_library_comes_with_its_byte_code",
    ),
    "byte code that is held against its source": Mutation(
        r"unchecked-hash /opt", "checked-hash /opt", "packages_come_with_their_byte_code"
    ),
    "a health check that always fails": Mutation(
        r"CMD \[.*health\"\]", "CMD /bin/false", "docker_asks_soon_and_by_our_program"
    ),
    "a health check that never fails": Mutation(
        r"CMD \[.*health\"\]", "CMD /bin/true", "docker_asks_soon_and_by_our_program"
    ),
    "a health check that comes late": Mutation(
        "--interval=2s", "--interval=30s", "docker_asks_soon_and_by_our_program"
    ),
    "root": Mutation("USER 10001:10001", "USER 0:0", "nobody_is_root"),
    "no port": Mutation(r"    PORT=8080 \\\n", "", "the_port_is_said_and_exposed"),
    "an invoke mode that does not stream": Mutation(
        "AWS_LWA_INVOKE_MODE=response_stream", "AWS_LWA_INVOKE_MODE=buffered",
        "it_streams_on_lambda",
    ),
    "packages without their hashes": Mutation(
        r" --require-hashes", "", "packages_are_those_of_the_lock"
    ),
    "an app without its examples": Mutation(
        r"COPY app/ app/\n", "COPY app/ app/\nRUN rm -r app/examples\n",
        "only_the_full_variant_holds_the_local_lambda"
    ),
    "an image without the user's own code": Mutation(
        r"COPY my_app/ my_app/\n", "RUN mkdir my_app\n", "the_whole_app_is_in_it"
    ),
    "the user's own packages left out": Mutation(
        "--from=own-dependencies", "--from=dependencies", "the_whole_app_is_in_it"
    ),
    "an app without its bootstrap": Mutation(
        "COPY bootstrap LICENSE", "COPY LICENSE", "the_whole_app_is_in_it"
    ),
    "the entry point of the other target": Mutation(
        r'"web-adapter"\]', '"runtime"]', "each_target_starts_what_it_is_called"
    ),
    "an entry point in a shell": Mutation(
        r'ENTRYPOINT \["(.*)", "-m", "(.*)", "runtime"\]', r"ENTRYPOINT \1 -m \2 runtime",
        "each_target_starts_what_it_is_called",
    ),
    "no page": Mutation(
        r"COPY --from=web .*\n", "", "the_page_is_in_it_if_asked_for"
    ),
    "files as the clone had them": Mutation(
        r" && \\\n    chmod -R a\+rX \.", "", "everybody_may_read_it"
    ),
    "the adapter in another folder": Mutation(
        "/opt/extensions/lambda-adapter", "/opt/lambda-adapter",
        "the_adapter_is_where_lambda_starts_extensions",
    ),
    "a lean image with every package": Mutation(
        "lock=requirements-lean.lock", "lock=requirements.lock", "packages_are_those_of_the_lock"
    ),
    "a local Lambda in production": Mutation(
        r'"\$VARIANT" != full', '"$VARIANT" = none',
        "only_the_full_variant_holds_the_local_lambda",
    ),
    "packages after the app": Mutation(
        r"COPY requirements.lock requirements-lean.lock /tmp/",
        "COPY app/ /tmp/app/\nCOPY requirements.lock requirements-lean.lock /tmp/",
        "no_change_of_the_app_makes_the_packages_anew",
    ),
    "no labels": Mutation(r"LABEL (.*\\\n)+.*\n", "", "it_says_what_it_is"),
}  # fmt: skip


def spoiled(text: str, mutation: Mutation) -> str:
    """Return the Dockerfile with the mutation.

    Raises:
        ValueError: it does not say what the mutation replaces.
    """
    changed, count = re.subn(mutation.old, mutation.new, text, count=1)
    if count == 0:
        raise ValueError(f"the Dockerfile does not say {mutation.old}")
    return changed


def main() -> int:
    """Print a row for each mutation; return 0 if each was noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.container.mutations")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MUTATIONS))
    names = parser.parse_args().names or list(MUTATIONS)
    text = (ROOT / "Dockerfile.streaming").read_text()
    missed = 0
    for name in names:
        noticed = _first_failure(spoiled(text, MUTATIONS[name]))
        missed += noticed is None
        sys.stdout.write(f"| {name} | {noticed or '**nothing**'} |\n")
        sys.stdout.flush()
    return 1 if missed else 0


def _first_failure(text: str) -> str | None:
    """Return the test that fails first with this Dockerfile.

    Those come first that need no build of their own.
    """
    slow = " or ".join(_SLOW)
    return _first_failure_of(text, f"not ({slow})") or _first_failure_of(text, slow)


def _first_failure_of(text: str, choice: str) -> str | None:
    with tempfile.TemporaryDirectory() as folder:
        dockerfile = Path(folder) / "Dockerfile"
        dockerfile.write_text(text)
        command = [sys.executable, "-m", "pytest", "-q", "-x", "--tb=line", "-rfE", "-k", choice]
        command += TESTS
        environ = {**os.environ, "IMAGE_DOCKERFILE": str(dockerfile)}
        done = subprocess.run(
            command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
        )
    found = re.search(r"^(?:FAILED|ERROR) tests/container/(\S+)", done.stdout, re.MULTILINE)
    if found is not None:
        return found[1]
    if done.returncode != 0:
        raise SystemExit(done.stdout[-4000:])
    return None


if __name__ == "__main__":
    sys.exit(main())

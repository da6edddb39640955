"""What our Dockerfile has to say, as rules that a text keeps or breaks.

They need no container engine, so `make test` holds the Dockerfile to them. What the image really is
and does, `check_image.py` and `check_content.py` see in a built one.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

from app.commands.container import CHAINS
from infra.lean_packages import APP_FOLDERS
from tests.aws.build_adapter import VERSION

Instruction: TypeAlias = tuple[str, str]
Rule: TypeAlias = Callable[["Dockerfile"], None]

_PYTHON = "/opt/python/bin/python"
_PROGRAM = "app.commands.container"


class Dockerfile:
    """The instructions of a Dockerfile, by stage; those before the first in the stage ``""``."""

    def __init__(self, text: str) -> None:
        self.stages: dict[str, list[Instruction]] = {"": []}
        stage = ""
        for word, rest in _instructions(text):
            if word == "FROM":
                stage = rest.rpartition(" AS ")[2]
                self.stages[stage] = []
            self.stages[stage].append((word, rest))

    def said(self, stage: str, word: str) -> list[str]:
        """Return what follows this word in a stage, in order."""
        return [rest for found, rest in self.stages[stage] if found == word]

    def variables(self, stage: str) -> dict[str, str]:
        pairs = re.findall(r'(\w+)=("[^"]*"|\S+)', " ".join(self.said(stage, "ENV")))
        return {name: value.strip('"') for name, value in pairs}


def _instructions(text: str) -> Iterator[Instruction]:
    """Yield each instruction with its lines joined and its blanks made one."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    whole = "\n".join(lines).replace("\\\n", " ")
    for line in filter(None, map(str.strip, whole.splitlines())):
        word, _, rest = line.partition(" ")
        yield word, " ".join(rest.split())


def _compiles(dockerfile: Dockerfile, stage: str, what: str) -> None:
    mode = "-m compileall -q --invalidation-mode unchecked-hash"
    (command,) = [run for run in dockerfile.said(stage, "RUN") if "compileall" in run]
    assert mode in command
    assert what in command.partition(mode)[2].partition("&&")[0]


def packages_come_with_their_byte_code(dockerfile: Dockerfile) -> None:
    for stage in ("dependencies", "own-dependencies"):
        _compiles(dockerfile, stage, "/opt/python/lib")


def the_app_comes_with_its_byte_code(dockerfile: Dockerfile) -> None:
    _compiles(dockerfile, "built", " app my_app")


def the_standard_library_comes_with_its_byte_code(dockerfile: Dockerfile) -> None:
    _compiles(dockerfile, "common", 'sysconfig.get_path("stdlib")')


def packages_are_those_of_the_lock(dockerfile: Dockerfile) -> None:
    (install,) = [run for run in dockerfile.said("dependencies", "RUN") if " install " in run]
    _, _, options = install.partition(" install ")

    assert "--require-hashes" in options
    assert "--only-binary :all:" in options
    assert '-r "/tmp/$lock"' in options
    (own,) = [run for run in dockerfile.said("own-dependencies", "RUN") if " install " in run]
    assert "--require-hashes" in own.partition(" install ")[2]
    assert "full|production) lock=requirements.lock;;" in install
    assert "lean) lock=requirements-lean.lock;;" in install


def no_change_of_the_app_makes_the_packages_anew(dockerfile: Dockerfile) -> None:
    assert dockerfile.said("dependencies", "COPY") == [
        "requirements.lock requirements-lean.lock /tmp/"
    ]
    assert dockerfile.said("own-dependencies", "FROM") == ["dependencies AS own-dependencies"]
    assert dockerfile.said("own-dependencies", "COPY") == [
        "LICENSE my_app/requirements* /tmp/my_app/"
    ]


def only_the_full_variant_holds_the_local_lambda(dockerfile: Dockerfile) -> None:
    (run,) = dockerfile.said("built", "RUN")

    folders = " ".join(sorted(APP_FOLDERS))
    assert run.startswith(f'if [ "$VARIANT" != full ]; then rm -r {folders}; fi && ')


def docker_asks_soon_and_by_our_program(dockerfile: Dockerfile) -> None:
    (check,) = dockerfile.said("common", "HEALTHCHECK")
    options, _, command = check.partition(" CMD ")

    interval = re.search(r"--interval=(\d+)s", options)
    assert interval is not None
    assert int(interval[1]) <= 2
    assert json.loads(command) == [_PYTHON, "-m", _PROGRAM, "health"]


def nobody_is_root(dockerfile: Dockerfile) -> None:
    last = [
        dockerfile.said(stage, "USER")[-1]
        for stage in ("common", *CHAINS)
        if dockerfile.said(stage, "USER")
    ]
    assert last == ["10001:10001"]


def the_port_is_said_and_exposed(dockerfile: Dockerfile) -> None:
    assert dockerfile.variables("common")["PORT"] == "8080"
    assert dockerfile.said("common", "EXPOSE") == ["8080"]


def it_streams_on_lambda(dockerfile: Dockerfile) -> None:
    assert dockerfile.variables("common")["AWS_LWA_INVOKE_MODE"] == "response_stream"
    assert dockerfile.variables("web-adapter") == {"AWS_LWA_READINESS_CHECK_PATH": "/health"}


def each_target_starts_what_it_is_called(dockerfile: Dockerfile) -> None:
    for chain in CHAINS:
        (command,) = dockerfile.said(chain, "ENTRYPOINT")
        # As JSON: a shell would be in between, and would keep what `docker run` adds.
        assert json.loads(command) == [_PYTHON, "-m", _PROGRAM, chain]


def the_adapter_is_where_lambda_starts_extensions(dockerfile: Dockerfile) -> None:
    (image,) = re.findall(r"ADAPTER_IMAGE=(\S+)", " ".join(dockerfile.said("", "ARG")))

    name, _, digest = image.partition("@")
    assert name.endswith(f"/aws-lambda-adapter:{VERSION}")
    assert re.fullmatch("|sha256:[0-9a-f]{64}", digest)
    assert dockerfile.said("web-adapter", "COPY") == [
        "--from=adapter /lambda-adapter /opt/extensions/lambda-adapter"
    ]


def the_whole_app_is_in_it(dockerfile: Dockerfile) -> None:
    assert {"app/ app/", "my_app/ my_app/", "bootstrap LICENSE ./"} <= set(
        dockerfile.said("built", "COPY")
    )
    assert dockerfile.said("built", "WORKDIR") == dockerfile.said("common", "WORKDIR")
    assert dockerfile.said("common", "WORKDIR") == ["/var/task"]
    assert dockerfile.said("common", "COPY") == [
        "--from=own-dependencies /opt/python /opt/python",
        "--from=built /var/task /var/task",
    ]


def the_page_is_in_it_if_asked_for(dockerfile: Dockerfile) -> None:
    assert dockerfile.said("web", "FROM") == ["web-${WEB} AS web"]
    copied = dockerfile.said("built", "COPY")
    built = dockerfile.said("web-page", "RUN")[-1]
    for page in ("useChat-demo", "minimal"):
        assert f"--from=web /web/{page}/dist/ web/{page}/dist/" in copied
        assert f"npm run build --prefix {page}" in built
    # The other one's build does it itself.
    assert "compress.mjs minimal/dist" in built


def everybody_may_read_it(dockerfile: Dockerfile) -> None:
    assert dockerfile.said("built", "RUN")[-1].endswith(" && chmod -R a+rX .")


def it_says_what_it_is(dockerfile: Dockerfile) -> None:
    (labels,) = dockerfile.said("common", "LABEL")
    names = ("title", "licenses", "version", "revision", "created", "source")

    assert all(f"org.opencontainers.image.{name}=" in labels for name in names)
    # Last, since they change with each commit.
    assert dockerfile.stages["common"][-1] == ("LABEL", labels)


RULES: tuple[Rule, ...] = (
    packages_come_with_their_byte_code,
    the_app_comes_with_its_byte_code,
    the_standard_library_comes_with_its_byte_code,
    packages_are_those_of_the_lock,
    no_change_of_the_app_makes_the_packages_anew,
    only_the_full_variant_holds_the_local_lambda,
    docker_asks_soon_and_by_our_program,
    nobody_is_root,
    the_port_is_said_and_exposed,
    it_streams_on_lambda,
    each_target_starts_what_it_is_called,
    the_adapter_is_where_lambda_starts_extensions,
    the_whole_app_is_in_it,
    the_page_is_in_it_if_asked_for,
    everybody_may_read_it,
    it_says_what_it_is,
)


def broken(text: str) -> set[str]:
    """Return the names of the rules that a Dockerfile breaks."""
    dockerfile = Dockerfile(text)
    names: set[str] = set()
    for rule in RULES:
        try:
            rule(dockerfile)
        except (AssertionError, KeyError, ValueError, IndexError):
            names.add(rule.__name__)
    return names

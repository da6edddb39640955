"""What the tests of the image share: the engine, what is built from, and what was built."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.commands.container import CHAINS
from tests.container.docker import ROOT, Container, Docker, installed

pytest.register_assert_rewrite(
    "tests.container.cases", "tests.container.dockerfile_rules", "tests.own_clone"
)

from tests.container import stand_ins  # noqa: E402  (after what it imports was registered)

WITH_STAND_INS = os.environ.get("CI") == "true" or "STAND_INS" in os.environ
_IGNORED = shutil.ignore_patterns("__pycache__", "node_modules", "dist")


@pytest.fixture(scope="session")
def docker() -> Iterator[Docker]:
    if WITH_STAND_INS:
        with stand_ins.engine() as engine:
            yield engine
    else:
        yield installed()


@pytest.fixture(scope="session")
def arguments() -> dict[str, str]:
    """The build arguments that every build has."""
    return stand_ins.BUILD_ARGUMENTS if WITH_STAND_INS else {}


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone as somebody with the strictest umask has it."""
    folder = tmp_path_factory.mktemp("clone") / "clone"
    shutil.copytree(ROOT, folder, ignore=lambda path, names: _kept_at_home(Path(path), names))
    for path in folder.rglob("*"):
        path.chmod(path.stat().st_mode & ~0o077)
    return folder


def _kept_at_home(path: Path, names: list[str]) -> set[str]:
    if path != ROOT:
        return _IGNORED(str(path), names)
    return set(names) - {
        *(".dockerignore", "LICENSE", "app", "bootstrap", "my_app", "web"),
        *(name for name in names if name.startswith("requirements")),
    }


@pytest.fixture(scope="session")
def images(
    docker: Docker, checkout: Path, arguments: dict[str, str], request: pytest.FixtureRequest
) -> dict[str, str]:
    """Build both targets; gives target → tag."""
    tags = {target: f"deltaline-check:{target}" for target in CHAINS}
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    assert reporter is not None
    reporter.write_line("")
    for target, tag in tags.items():
        docker.build(tag, target, arguments, checkout)
        reporter.write_line(f"image {target}: {docker.size_mb(tag):.0f} MB")
    return tags


@pytest.fixture(scope="module", params=CHAINS)
def target(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def container(docker: Docker, images: dict[str, str], target: str) -> Iterator[Container]:
    from tests.container.cases import TIMEOUT_S

    variables = {"CHAT_PROVIDER": "scripted"}
    with docker.container(images[target], "--timeout", str(TIMEOUT_S), **variables) as container:
        container.wait_until_healthy()
        yield container

"""The user's own code is in the image and is called, with its packages."""

from pathlib import Path

import pytest

from app.commands.container import CHAINS
from tests.container.docker import Docker, DockerError
from tests.own_clone import SETTINGS, call_everything, make_clone

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]


@pytest.fixture(scope="session")
def own_images(
    docker: Docker, arguments: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Build both targets of a clone that has code of its own; gives target → tag."""
    clone = make_clone(tmp_path_factory.mktemp("own"))
    tags = {target: f"deltaline-check-own:{target}" for target in CHAINS}
    for target, tag in tags.items():
        docker.build(tag, target, arguments, clone)
    return tags


@pytest.mark.parametrize("direct", ["false", "true"])
async def test_the_code_of_a_clones_own_is_in_it_and_is_called(
    docker: Docker, own_images: dict[str, str], target: str, direct: str
) -> None:
    with docker.container(own_images[target], **SETTINGS, CHAT_DIRECT=direct) as container:
        container.wait_until_healthy()
        await call_everything(container.url)
        files = container.execute("find", "/var/task/my_app", "-type", "f").split()
        theirs = container.execute("find", "/opt/python", "-path", "*/humanize/*.pyc").split()

    names = {file.removeprefix("/var/task/my_app/") for file in files}
    assert {"tools.py", "__pycache__/tools.cpython-313.pyc"} <= names
    assert not [name for name in names if name.startswith("tests/")]
    assert "__init__.cpython-313.pyc" in {Path(file).name for file in theirs}


def test_an_old_lock_file_of_a_clones_own_stops_the_build(
    docker: Docker, arguments: dict[str, str], tmp_path: Path
) -> None:
    clone = make_clone(tmp_path)
    with (clone / "my_app" / "requirements.txt").open("a") as requirements:
        requirements.write("idna\n")

    with pytest.raises(DockerError, match=r"my_app/requirements\.lock is missing or old: run"):
        docker.build("deltaline-check-own:old", "runtime", arguments, clone)

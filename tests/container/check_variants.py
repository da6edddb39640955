"""The images for production: what they leave out, and that they chat without it."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.chatting import data_body
from tests.container.cases import INVOKE
from tests.container.docker import Container, Docker, DockerError
from tests.rie import invoked, rie

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

_PYTHON = "/opt/python/bin/python"
# Beside the app in one network, so that its address is loopback.
_MODEL = {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "http://127.0.0.1:8081/v1"}


@pytest.fixture(scope="module")
def lean(docker: Docker, arguments: dict[str, str], checkout: Path) -> str:
    tag = "deltaline-check:lean"
    docker.build(tag, "runtime", {**arguments, "VARIANT": "lean"}, checkout)
    return tag


@pytest.fixture(scope="module")
def production(docker: Docker, arguments: dict[str, str], checkout: Path) -> str:
    tag = "deltaline-check:production"
    docker.build(tag, "web-adapter", {**arguments, "VARIANT": "production"}, checkout)
    return tag


@pytest.fixture
def model(docker: Docker, images: dict[str, str]) -> Iterator[Container]:
    """The scripted model in a container of its own, which the whole image can be.

    A new one for each test: AWS's emulator does not listen where another server has just stopped.
    """
    command = ("-m", "app.scripted_model", "--port", "8081", "--delay", "0")
    options = ("--entrypoint", _PYTHON)
    with docker.container(images["runtime"], *command, options=options) as container:
        yield container


def _held(docker: Docker, tag: str, *paths: str) -> list[str]:
    """Return which of these modules and folders are in the image."""
    find = "for path; do ls -d /var/task/$path /opt/python/lib/python3.13/site-packages/$path; done"
    run = ("run", "--rm", "--entrypoint", "sh", tag, "-c", f"({find}) 2>/dev/null || true", "sh")
    return [line.rpartition("/")[2] for line in docker.run(*run, *paths).split()]


def test_a_lean_image_holds_neither_the_local_lambda_nor_openai_and_is_smaller(
    docker: Docker, images: dict[str, str], lean: str
) -> None:
    left_out = ("app/emulator", "app/scripted_model", "openai", "uvloop", "httpx2", "jiter")

    assert len(_held(docker, images["runtime"], *left_out)) == len(left_out)
    assert _held(docker, lean, *left_out, "uvicorn", "fastapi") == ["uvicorn", "fastapi"]
    assert docker.size_mb(lean) < docker.size_mb(images["runtime"]) - 30


def test_an_image_for_production_holds_every_package_and_no_local_lambda(
    docker: Docker, production: str
) -> None:
    names = ("app/emulator", "app/scripted_model", "openai", "uvloop")

    assert _held(docker, production, *names) == ["openai", "uvloop"]


@pytest.mark.parametrize("variant", ["lean", "production"])
def test_it_serves_the_app_alone(
    docker: Docker, variant: str, model: Container, request: pytest.FixtureRequest
) -> None:
    tag = request.getfixturevalue(variant)
    with docker.container(tag, CHAT_DIRECT="true", beside=model.identifier, **_MODEL) as container:
        container.wait_until_healthy()
        answer = httpx2.post(
            model.url + "/api/chat", json=data_body("scenario: text tokens=3"), timeout=30
        )
        status, log = container.stop(), container.log

    assert b'\n0:"word0' in answer.content
    assert answer.content.splitlines()[-1].startswith(b'd:{"finishReason":"stop"')
    assert status == 0
    assert "Traceback" not in log


@pytest.mark.parametrize(("variant", "chain"), [("lean", "runtime"), ("production", "web-adapter")])
def test_it_answers_under_the_emulator_of_aws(
    docker: Docker, variant: str, chain: str, model: Container, request: pytest.FixtureRequest
) -> None:
    tag = request.getfixturevalue(variant)
    command = (_PYTHON, "-m", "app.commands.container", chain)
    options = ("--volume", f"{rie()}:/rie:ro", "--entrypoint", "/rie")
    # Its front takes the port 8080.
    variables = {**_MODEL, "AWS_LAMBDA_FUNCTION_TIMEOUT": "20", "PORT": "8082"}
    with docker.container(tag, *command, options=options, beside=model.identifier, **variables):
        answer = invoked(model.url + INVOKE, data_body("scenario: text tokens=3"))

    assert b'\n0:"word0' in answer.content


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, "This image holds no local Lambda, since it was built with VARIANT=production"),
        ({"CHAT_MODELL": "x"}, "CHAT_MODELL is not a setting; did you mean CHAT_MODEL?"),
        (
            {"CHAT_DIRECT": "true", "CHAT_CLIENT": "openai"},
            "CHAT_CLIENT=openai needs the openai package, which is not here",
        ),
        (
            {"CHAT_DIRECT": "true", "CHAT_PROVIDER": "scripted"},
            "CHAT_PROVIDER=scripted needs the scripted model, which is not here",
        ),
    ],
)
def test_what_a_lean_image_cannot_do_it_says_in_one_sentence(
    docker: Docker, lean: str, variables: dict[str, str], sentence: str
) -> None:
    with docker.container(lean, **{"OPENAI_API_KEY": "sk-1", **variables}) as container:
        status, log = container.wait(), container.log

    assert status == 2
    assert log.startswith(f"deltaline: {sentence}")
    assert log.count("\n") == 1


def test_a_variant_that_there_is_not_stops_the_build_and_names_those_that_there_are(
    docker: Docker, arguments: dict[str, str], checkout: Path
) -> None:
    with pytest.raises(DockerError, match="VARIANT is 'slim'; it must be full, production or lean"):
        docker.build("deltaline-check:slim", "runtime", {**arguments, "VARIANT": "slim"}, checkout)

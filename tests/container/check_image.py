"""The image, built from the repository's own Dockerfile and run as users run it.

`make image-test` names this file to pytest; `make test` does not come here, for it takes minutes.
In CI, where no image can be pulled, base and adapter images are stand-ins made from nothing.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from app.commands.container import CHAINS
from tests.aws.build_adapter import VERSION, built_adapter
from tests.chatting import Reader, data_body, ui_body
from tests.conformance.running import IS_INSTALLED, OK, run_client
from tests.container import stand_ins
from tests.container.cases import AI_SDK_FLOWS, CASES, INVOKE, TIMEOUT_S, Case
from tests.container.curl import came_one_after_another, chat
from tests.container.docker import ROOT, Container, Docker, DockerError, installed
from tests.own_clone import SETTINGS, call_everything, make_clone
from tests.rie import invoked, rie

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

_WITH_STAND_INS = os.environ.get("CI") == "true" or "STAND_INS" in os.environ
only_stand_ins = pytest.mark.skipif(not _WITH_STAND_INS, reason="there are no stand-ins here")
needs_node = pytest.mark.skipif(not IS_INSTALLED, reason="needs node and its packages: make test")


@pytest.fixture(scope="session")
def docker() -> Iterator[Docker]:
    if _WITH_STAND_INS:
        with stand_ins.engine() as engine:
            yield engine
    else:
        yield installed()


@pytest.fixture(scope="session")
def images(docker: Docker, request: pytest.FixtureRequest) -> dict[str, str]:
    """Build both targets; gives target → tag."""
    arguments = stand_ins.BUILD_ARGUMENTS if _WITH_STAND_INS else {}
    tags = {target: f"deltaline-check:{target}" for target in CHAINS}
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    assert reporter is not None
    reporter.write_line("")
    for target, tag in tags.items():
        docker.build(tag, target, arguments)
        reporter.write_line(f"image {target}: {docker.size_mb(tag):.0f} MB")
    return tags


@pytest.fixture(scope="session")
def own_images(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Build both targets of a clone that has code of its own; gives target → tag."""
    arguments = stand_ins.BUILD_ARGUMENTS if _WITH_STAND_INS else {}
    clone = make_clone(tmp_path_factory.mktemp("own"))
    tags = {target: f"deltaline-check-own:{target}" for target in CHAINS}
    for target, tag in tags.items():
        docker.build(tag, target, arguments, root=clone)
    return tags


@pytest.fixture(scope="module", params=CHAINS)
def target(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def container(docker: Docker, images: dict[str, str], target: str) -> Iterator[Container]:
    variables = {"CHAT_PROVIDER": "scripted"}
    with docker.container(images[target], "--timeout", str(TIMEOUT_S), **variables) as container:
        container.wait_until_healthy()
        yield container


@only_stand_ins
def test_the_base_holds_debian_python_and_a_ca_bundle_and_nothing_else(docker: Docker) -> None:
    def listed(command: str) -> list[str]:
        return docker.run("run", "--rm", stand_ins.BASE, "sh", "-c", command).split()

    packages = (Path(__file__).parent / "base-packages.txt").read_text().split()
    assert listed("dpkg-query --show --showformat '${Package}\\n'") == packages
    assert listed("find /usr/local /opt /srv /home /root ! -type d | sort") == [
        "/root/.bashrc",
        "/root/.profile",
        "/usr/local/bin/python",
        "/usr/local/bin/python3",
        "/usr/local/man",
    ]
    assert listed("python --version")[1].startswith("3.13.")


@only_stand_ins
def test_the_adapters_image_holds_only_what_cargo_built(docker: Docker, tmp_path: Path) -> None:
    docker.run("save", "--output", str(tmp_path / "image.tar"), stand_ins.ADAPTER_IMAGE)
    with tarfile.open(tmp_path / "image.tar") as image:
        (layer,) = [name for name in image.getnames() if name.endswith("layer.tar")]
        image.extract(layer, tmp_path, filter="data")
    with tarfile.open(tmp_path / layer) as files:
        assert files.getnames() == ["lambda-adapter"]
        binary = files.extractfile("lambda-adapter")
        assert binary is not None
        assert binary.read() == built_adapter().read_bytes()


def test_the_dockerfile_takes_the_adapter_that_is_tested() -> None:
    dockerfile = (ROOT / "Dockerfile.streaming").read_text()

    assert f"aws-lambda-adapter:{VERSION}\n" in dockerfile


def test_every_locked_package_has_a_wheel_for_arm64(tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "uv", "pip", "install", "--dry-run", "--target", str(tmp_path),
        "--no-build", "--python-version", "3.13", "--python-platform", "aarch64-manylinux_2_28",
        "--require-hashes", "--requirement", "requirements.lock",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert " + pydantic-core==" in done.stderr


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
async def test_case(container: Container, case: Case) -> None:
    async with httpx2.AsyncClient(base_url=container.url, timeout=30) as client:
        await case(client)


def test_curl_sees_the_lines_arrive_one_after_another(container: Container) -> None:
    assert came_one_after_another(list(chat(container.url)))


@needs_node
@pytest.mark.parametrize("client", ["4", "7"])
async def test_the_ai_sdk_chats_with_the_container(container: Container, client: str) -> None:
    results = await run_client(container.url, client, AI_SDK_FLOWS)

    assert results == dict.fromkeys(AI_SDK_FLOWS, OK)


def test_nobody_in_it_is_root_and_nothing_in_it_can_be_changed(
    docker: Docker, images: dict[str, str], target: str
) -> None:
    # Without --read-only, so that permissions are all that protects.
    find = "find / -xdev -writable ! -type l ! -path '/proc/*' ! -path '/dev/*' 2>/dev/null"
    run = ("run", "--rm", "--entrypoint", "sh", images[target], "-c")
    user, *writable = docker.run(*run, f"id -u; {find} | sort").split()

    assert user == "10001"
    assert set(writable) <= {"/tmp", "/var/tmp", "/run/lock", "/run/lock/subsys"}


def test_it_holds_byte_code_and_no_build_tools(container: Container, target: str) -> None:
    def found(*expression: str) -> list[str]:
        return container.execute("find", "/opt", "/var/task", *expression).split()

    sources = found("-name", "*.py", "-path", "*/app/*")
    assert len(found("-name", "*.cpython-313.pyc", "-path", "*/app/*")) == len(sources) > 100
    assert found("(", "-name", "pip", "-o", "-name", "setuptools", ")") == []
    tools = container.execute("sh", "-c", "command -v gcc cc make cargo git npm || echo none")
    assert tools.split() == ["none"]
    assert container.execute("ls", "-A", "/var/task").split() == [
        "LICENSE", "app", "bootstrap", "my_app", "web",
    ]  # fmt: skip
    extensions = ["/opt/extensions/lambda-adapter"] if target == "web-adapter" else []
    assert found("-path", "/opt/extensions/*") == extensions


def test_its_start_compiles_nothing(container: Container, target: str) -> None:
    modules = "app.commands.serve, app.lambda_runtime.runtime, app.main"
    said = container.execute("sh", "-c", f"python -v -c 'import {modules}' 2>&1")

    loaded = [line for line in said.splitlines() if line.startswith("# code object from ")]
    assert len(loaded) > 100
    assert [line for line in loaded if not line.endswith(".pyc'")] == []


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


def test_an_old_lock_file_of_a_clones_own_stops_the_build(docker: Docker, tmp_path: Path) -> None:
    arguments = stand_ins.BUILD_ARGUMENTS if _WITH_STAND_INS else {}
    clone = make_clone(tmp_path)
    with (clone / "my_app" / "requirements.txt").open("a") as requirements:
        requirements.write("idna\n")

    with pytest.raises(DockerError, match=r"my_app/requirements\.lock is missing or old: run"):
        docker.build("deltaline-check-own:old", "runtime", arguments, root=clone)


def test_without_a_key_it_says_what_is_missing(
    docker: Docker, images: dict[str, str], target: str
) -> None:
    with docker.container(images[target]) as container:
        container.wait_until_healthy()
        http = httpx2.post(container.url + "/api/chat", json=ui_body("Hi"), timeout=30)
        direct = httpx2.post(container.url + INVOKE, json=data_body("Hi"), timeout=30)

    sentence = b'{"success":false,"error":"OpenAI API key not configured"}'
    assert (http.status_code, http.content) == (500, sentence)
    assert direct.content == sentence


def test_a_direct_container_serves_the_app_and_ends_well(
    docker: Docker, images: dict[str, str], target: str
) -> None:
    variables = {"CHAT_DIRECT": "true", "CHAT_PROVIDER": "scripted"}
    with docker.container(images[target], **variables) as container:
        container.wait_until_healthy()
        answered = httpx2.post(container.url + "/api/chat", json=data_body("Hi"), timeout=30)
        no_lambda = httpx2.post(container.url + INVOKE, json={}, timeout=30)
        status, log = container.stop(), container.log

    assert answered.headers["x-vercel-ai-data-stream"] == "v1"
    assert no_lambda.status_code == 404
    assert status == 0
    assert "Traceback" not in log


def test_the_runtime_target_answers_under_the_emulator_of_aws(
    docker: Docker, images: dict[str, str]
) -> None:
    command = ["/opt/python/bin/python", "-m", "app.commands.container", "runtime"]
    options = ["--volume", f"{rie()}:/rie:ro", "--entrypoint", "/rie"]
    variables = {"CHAT_PROVIDER": "scripted", "AWS_LAMBDA_FUNCTION_TIMEOUT": "20"}
    with docker.container(images["runtime"], *command, options=options, **variables) as container:
        answer = invoked(container.url + INVOKE, data_body("scenario: text tokens=3"))

    assert b'\n0:"word0"\n' in answer.content


def test_docker_itself_finds_it_healthy_soon(
    docker: Docker, images: dict[str, str], target: str
) -> None:
    with docker.container(images[target], CHAT_PROVIDER="scripted") as container:
        assert container.health_within(15) == "healthy"


@pytest.mark.parametrize("variables", [{}, {"CHAT_DIRECT": "true"}], ids=["lambda", "direct"])
async def test_docker_stop_ends_what_runs_with_an_error_part(
    docker: Docker, images: dict[str, str], target: str, variables: dict[str, str]
) -> None:
    body = data_body("scenario: stall after=2 gate=never")
    with docker.container(images[target], CHAT_PROVIDER="scripted", **variables) as container:
        container.wait_until_healthy()
        async with (
            httpx2.AsyncClient(base_url=container.url, timeout=60) as client,
            client.stream("POST", "/api/chat", json=body) as response,
        ):
            reader = Reader(response)
            await reader.until(b"word1")
            stopping = asyncio.create_task(asyncio.to_thread(container.stop))
            with contextlib.suppress(httpx2.RemoteProtocolError):  # after the last part, as Lambda
                await reader.rest()
        status = await stopping

    assert b'3:"The server is restarting; please send your message again."\n' in reader.seen
    assert reader.seen.splitlines()[-1].startswith(b'd:{"finishReason":"error"')
    assert status == 0


def test_a_stopped_container_ends_at_once_and_well(
    docker: Docker, images: dict[str, str], target: str
) -> None:
    with docker.container(images[target], CHAT_PROVIDER="scripted") as container:
        container.wait_until_healthy()
        httpx2.get(container.url + "/health", timeout=30)
        status, log = container.stop(), container.log

    assert status == 0
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"CHAT_MODELL": "x"}, "CHAT_MODELL is not a setting; did you mean CHAT_MODEL?"),
        ({"PORT": "http"}, "PORT has a bad value"),
        ({"PORT": "0"}, "PORT is 0; in a container"),
        ({"CHAT_TOOL_MODULES": "nope"}, "The module nope of CHAT_TOOL_MODULES cannot be imported"),
        ({"AWS_LWA_INVOKE_MODE": "stream"}, "AWS_LWA_INVOKE_MODE is 'stream'; it must be"),
    ],
)
def test_wrong_settings_stop_the_start_with_one_sentence(
    docker: Docker, images: dict[str, str], target: str, variables: dict[str, str], sentence: str
) -> None:
    with docker.container(images[target], **variables) as container:
        status, log = container.wait(), container.log

    assert status == 2
    assert log.startswith(f"deltaline: {sentence}")
    assert log.count("\n") == 1

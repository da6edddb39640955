"""The image, built from the repository's own Dockerfile and run as users run it.

`make image-test` names this file to pytest; `make test` does not come here, for it takes minutes.
In CI, where no image can be pulled, base and adapter images are stand-ins made from nothing.
"""

import asyncio
import contextlib

import httpx2
import pytest

from tests.chatting import Reader, data_body, ui_body
from tests.conformance.running import IS_INSTALLED, OK, run_client
from tests.container.cases import AI_SDK_FLOWS, CASES, INVOKE, Case
from tests.container.curl import came_one_after_another, chat
from tests.container.docker import Container, Docker
from tests.rie import invoked, rie

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

needs_node = pytest.mark.skipif(not IS_INSTALLED, reason="needs node and its packages: make test")


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


def test_a_local_lambda_runs_what_the_target_is_called(container: Container, target: str) -> None:
    assert f"-m app.commands.container {target}" in container.log


def test_the_example_tools_may_be_named(
    docker: Docker, images: dict[str, str], target: str
) -> None:
    variables = {"CHAT_PROVIDER": "scripted", "CHAT_TOOLS": "get_weather,slow_process"}
    with docker.container(images[target], **variables) as container:
        container.wait_until_healthy()


def test_docker_itself_finds_it_sick_where_nobody_listens(
    docker: Docker, images: dict[str, str], target: str
) -> None:
    soon = ("--health-interval=1s", "--health-retries=1", "--health-start-period=1ms")
    options = ("--entrypoint", "sleep", *soon)
    with docker.container(images[target], "60", options=options) as container:
        assert container.health_within(30) == "unhealthy"


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

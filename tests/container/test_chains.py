"""Both chains of the image, as processes of this machine, pass the same cases."""

import asyncio
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.aws.event_stream import EventDecoder, InvokeComplete, PayloadChunk
from app.commands.container import CHAINS
from tests.aws.adapting import VARIABLES
from tests.aws.build_adapter import built_adapter
from tests.chatting import Reader, data_body, ui_body
from tests.conformance.running import IS_INSTALLED, OK, run_client
from tests.container.cases import AI_SDK_FLOWS, CASES, INVOKE, STREAM, TIMEOUT_S, Case
from tests.container.entrypoint import Started, started
from tests.lambda_events import http_api

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(180, func_only=True),
    pytest.mark.usefixtures("adapter"),
]

STALLED = "scenario: stall after=2 gate=never"
SLOW = {"args": {"message": "hello", "steps": 100}}

needs_node = pytest.mark.skipif(not IS_INSTALLED, reason="needs node and its packages: make test")


def _options(chain: str, *, timeout_s: float = TIMEOUT_S) -> tuple[list[str], dict[str, str]]:
    """Return the arguments and variables that the image brings along."""
    arguments = [chain, "--host", "127.0.0.1", "--timeout", str(timeout_s)]
    if chain == "runtime":
        return arguments, {}
    return [*arguments, "--extensions", str(built_adapter().parent)], dict(VARIABLES)


@pytest.fixture(scope="module", params=CHAINS)
def chain(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, adapter: Path
) -> Iterator[Started]:
    arguments, variables = _options(request.param)
    variables["CHAT_PROVIDER"] = "scripted"
    with started(arguments, tmp_path_factory.mktemp("chain") / "log", variables) as running:
        yield running


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
async def test_case(chain: Started, case: Case) -> None:
    async with httpx2.AsyncClient(base_url=chain.url, timeout=30) as client:
        await case(client)


@needs_node
@pytest.mark.parametrize("client", ["4", "7"])
async def test_the_ai_sdk_chats_with_the_chain(chain: Started, client: str) -> None:
    results = await run_client(chain.url, client, AI_SDK_FLOWS)

    assert results == dict.fromkeys(AI_SDK_FLOWS, OK)


def test_only_the_runtime_tells_lambda_that_a_turn_has_failed(chain: Started) -> None:
    event = ui_body("scenario: error-inside after=3")
    answer = httpx2.post(chain.url + STREAM, json=event, timeout=30)
    decoder = EventDecoder()
    *pieces, complete = decoder.feed(answer.content)
    decoder.close()

    body = b"".join(piece.payload for piece in pieces if isinstance(piece, PayloadChunk))
    assert b'\ndata: {"type":"error"' in body
    assert body.endswith(b"data: [DONE]\n\n")
    if chain.name == "runtime":
        assert body.startswith(b"data: ")
        assert isinstance(complete, InvokeComplete)
        assert complete.error_code == "Deltaline.provider_error"
    else:
        assert body.startswith(b'{"statusCode":200,')
        assert complete == InvokeComplete()


@pytest.mark.parametrize("name", CHAINS)
def test_without_a_key_the_answer_says_what_is_missing(name: str, tmp_path: Path) -> None:
    arguments, variables = _options(name)
    with started(arguments, tmp_path / "log", variables) as running:
        http = httpx2.post(running.url + "/api/chat", json=ui_body("Hi"), timeout=30)
        direct = httpx2.post(running.url + INVOKE, json=data_body("Hi"), timeout=30)

    sentence = b'{"success":false,"error":"OpenAI API key not configured"}'
    assert (http.status_code, http.content) == (500, sentence)
    assert direct.content == sentence


@pytest.mark.parametrize("path", ["/prod/health", "/health"])
def test_an_http_api_with_a_stage_reaches_the_app(chain: Started, path: str) -> None:
    event = http_api(path)
    event["requestContext"]["http"]["method"] = "GET"

    answer = httpx2.post(chain.url + INVOKE, json=event, timeout=30)

    assert b"There is nothing at" not in answer.content
    assert b'"scripted"' in answer.content.replace(b'\\"', b'"')


@pytest.mark.parametrize("name", CHAINS)
def test_the_token_is_asked_of_http_clients_and_not_of_who_may_invoke(
    name: str, tmp_path: Path
) -> None:
    arguments, variables = _options(name)
    variables |= {"CHAT_PROVIDER": "scripted", "CHAT_AUTH_TOKEN": "secret"}
    spoofed = {"x-amzn-request-context": "null"}
    with started(arguments, tmp_path / "log", variables) as running:
        direct = httpx2.post(running.url + INVOKE, json=data_body("Hi"), timeout=30)
        http = [
            httpx2.post(running.url + path, json=data_body("Hi"), headers=spoofed, timeout=30)
            for path in ("/api/chat", "/events")
        ]

    assert b'\nd:{"finishReason":"stop"' in direct.content
    assert [answer.status_code for answer in http] == [401, 401]


@pytest.mark.parametrize(
    ("path", "body", "end"),
    [
        ("/api/chat", ui_body(STALLED), b"data: [DONE]\n\n"),
        (STREAM, data_body(STALLED), b""),
        ("/api/tools/slow_process/invoke", SLOW, b"}\n"),
    ],
)
@pytest.mark.parametrize("name", CHAINS)
async def test_what_runs_in_a_container_that_is_stopped_ends_with_an_error_part(
    name: str, path: str, body: dict[str, Any], end: bytes, tmp_path: Path
) -> None:
    arguments, variables = _options(name, timeout_s=60)
    variables |= {"CHAT_PROVIDER": "scripted", "CHAT_TOOLS": "slow_process"}
    with started(arguments, tmp_path / "log", variables) as running:
        async with (
            httpx2.AsyncClient(base_url=running.url, timeout=60) as client,
            client.stream("POST", path, json=body) as response,
        ):
            reader = Reader(response)
            await reader.more()
            stopping = asyncio.create_task(asyncio.to_thread(running.stop))
            # A turn that fails is a failure of the function, for which Lambda cuts the connection.
            is_cut = name == "runtime" and path == "/api/chat"
            with pytest.raises(httpx2.RemoteProtocolError) if is_cut else nullcontext():
                await reader.rest()
        status = await stopping

    assert b"The server is restarting; please send your message again." in reader.seen
    assert reader.seen.endswith(end)
    assert status == 0
    assert "Traceback" not in running.log


@pytest.mark.parametrize("name", CHAINS)
async def test_an_answer_that_ends_soon_is_whole_although_the_container_is_stopped(
    name: str, tmp_path: Path
) -> None:
    arguments, variables = _options(name)
    variables["CHAT_PROVIDER"] = "scripted"
    body = data_body("scenario: text tokens=20 delay=0.05")
    with started(arguments, tmp_path / "log", variables) as running:
        async with (
            httpx2.AsyncClient(base_url=running.url, timeout=60) as client,
            client.stream("POST", "/api/chat", json=body) as response,
        ):
            reader = Reader(response)
            await reader.more()
            stopping = asyncio.create_task(asyncio.to_thread(running.stop))
            whole = await reader.rest()
        status = await stopping

    assert b'\nd:{"finishReason":"stop"' in whole
    assert status == 0


@pytest.mark.parametrize("name", CHAINS)
def test_a_container_that_is_stopped_ends_at_once_and_well(name: str, tmp_path: Path) -> None:
    arguments, variables = _options(name)
    variables["CHAT_PROVIDER"] = "scripted"
    with started(arguments, tmp_path / "log", variables) as running:
        httpx2.get(running.url + "/health", timeout=30)

        assert running.stop() == 0

    assert "Traceback" not in running.log

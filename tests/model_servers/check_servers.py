"""Chats with the real model servers, through both openers and both APIs.

`make model-servers-test` names this file to pytest; `make test` does not come here, for the servers
take half a gigabyte and half a minute to start. What they send is kept in tests/traces, so that the
decoders meet it there (`python -m tests.model_servers.record`).
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, Literal, TypeAlias

import httpx2
import pytest

from app.tools import tool
from tests.chatting import Chat, Reader, chatting, ui_body
from tests.model_servers.running import KEY, Servers, Side, running
from tests.model_servers.scripts import BERGEN, IMAGE, OSLO, SCRIPTS, TOO_LONG, looped
from tests.providers.openai.test_responses_turns import chunks, of_type

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

Api: TypeAlias = Literal["chat", "responses"]
Client: TypeAlias = Literal["httptools", "aiohttp", "openai"]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with running(tmp_path_factory.mktemp("servers")) as servers:
        yield servers


# LiteLLM passes chat completions on alike, whatever is behind it.
@pytest.fixture(
    params=["llama", "llama responses", "proxied", "proxied responses", "bridged responses"]
)
def place(request: pytest.FixtureRequest) -> str:
    place: str = request.param
    return place


@pytest.fixture
def side(servers: Servers, place: str) -> Side:
    side: Side = getattr(servers, place.partition(" ")[0])
    return side


@pytest.fixture
def api(place: str) -> Api:
    return "responses" if place.endswith("responses") else "chat"


@pytest.fixture(params=["httptools", "aiohttp", "openai"])
def client(request: pytest.FixtureRequest) -> Client:
    client: Client = request.param
    return client


class Tools:
    """The tools that the model calls, and what they were called with."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, str]] = []

        @tool
        async def get_weather(city: str) -> str:
            """Tell the weather in a city."""
            self.ran.append(("get_weather", city))
            return "mild"

        @tool
        async def delete_city(city: str) -> str:
            """Delete a city from the map."""
            self.ran.append(("delete_city", city))
            return "deleted"

        self.all = (get_weather, delete_city)


@pytest.fixture
def tools() -> Tools:
    return Tools()


@pytest.fixture
async def chat(side: Side, api: Api, client: Client, tools: Tools) -> AsyncIterator[Chat]:
    async with chatting(side.base_url, *tools.all, **_settings(side, api, client)) as chat:
        chat.http.timeout = 120
        yield chat


def _settings(side: Side, api: Api, client: Client) -> dict[str, Any]:
    return {"model": side.model, "openai_api_key": KEY, "api": api, "client": client}


def joined(found: list[dict[str, Any]], kind: str) -> str:
    return "".join(chunk["delta"] for chunk in of_type(found, kind))


def with_history(body: dict[str, Any], *earlier: dict[str, Any]) -> dict[str, Any]:
    return {**body, "messages": [*earlier, *body["messages"]]}


def message(role: str, number: int, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"id": f"e{number}", "role": role, "parts": list(parts)}


def finish_of(found: list[dict[str, Any]]) -> dict[str, Any]:
    assert of_type(found, "error") == []
    (finish,) = of_type(found, "finish")
    return finish


async def test_a_text(chat: Chat) -> None:
    found = chunks(await chat.post(ui_body("text")))

    assert joined(found, "text-delta") == SCRIPTS["text"]
    finish = finish_of(found)
    assert finish["finishReason"] == "stop"
    assert finish["messageMetadata"]["usage"]["outputTokens"] > 5
    assert finish["messageMetadata"]["usage"]["inputTokens"] > 100


async def test_a_call_runs_and_the_model_hears_its_result(chat: Chat, tools: Tools) -> None:
    found = chunks(await chat.post(ui_body("call")))

    assert tools.ran == [OSLO]
    assert joined(found, "text-delta") == SCRIPTS["result"]
    assert finish_of(found)["finishReason"] == "stop"


async def test_each_of_two_calls_runs_once_with_its_own_arguments(chat: Chat, tools: Tools) -> None:
    found = chunks(await chat.post(ui_body("two-calls")))

    assert sorted(tools.ran) == [BERGEN, OSLO]
    assert len(of_type(found, "tool-output-available")) == 2
    assert joined(found, "text-delta") == SCRIPTS["result"]
    finish_of(found)


async def test_a_call_may_follow_a_text(chat: Chat, tools: Tools) -> None:
    found = chunks(await chat.post(ui_body("text-and-call")))

    assert tools.ran == [OSLO]
    said, heard = SCRIPTS["text-and-call"].partition("\n")[0], SCRIPTS["result"]
    assert "".join(joined(found, "text-delta").split("\n")) == said + heard
    finish_of(found)


async def test_reasoning_is_not_mixed_up_with_the_answer(chat: Chat) -> None:
    found = chunks(await chat.post(ui_body("think")))

    assert joined(found, "reasoning-delta").strip() == "Let me see."
    assert joined(found, "text-delta").strip() == "I have thought."
    finish_of(found)


async def test_a_conversation_with_texts_thoughts_and_calls_goes_on(
    chat: Chat, tools: Tools
) -> None:
    call = {
        "type": "tool-get_weather",
        "toolCallId": "call_1",
        "state": "output-available",
        "input": {"city": "Oslo"},
        "output": "mild",
    }
    earlier = [
        message("user", 1, {"type": "text", "text": "Hello"}),
        message("assistant", 2, {"type": "text", "text": "Hello."}),
        message("user", 3, {"type": "text", "text": "The weather?"}),
        message(
            "assistant",
            4,
            {"type": "step-start"},
            {"type": "reasoning", "text": "Hm."},
            {"type": "text", "text": "I will look."},
            call,
            {**call, "toolCallId": "call_2"},
            {"type": "step-start"},
            {"type": "text", "text": "It is mild."},
        ),
    ]

    found = chunks(await chat.post(with_history(ui_body("call"), *earlier)))

    assert tools.ran == [OSLO]
    assert joined(found, "text-delta") == SCRIPTS["result"]
    finish_of(found)


async def test_a_conversation_that_is_too_long_is_told_as_such(chat: Chat) -> None:
    response = await chat.post(ui_body(TOO_LONG))

    assert response.status_code == 400
    assert "too long" in response.json()["error"]


async def test_a_refused_image_is_told_as_such(
    chat: Chat,
) -> None:
    image = {"type": "file", "mediaType": "image/png", "url": IMAGE}
    body = ui_body("What is this?")
    body["messages"][0]["parts"].append(image)

    response = await chat.post(body)

    assert response.status_code == 400
    assert "cannot read files" in response.json()["error"]


async def test_an_answer_that_is_cut_says_so(side: Side, api: Api, client: Client) -> None:
    settings = _settings(side, api, client)
    async with chatting(side.base_url, max_output_tokens=20, **settings) as chat:
        found = chunks(await chat.post(ui_body("endless")))

    assert joined(found, "text-delta") == looped(20)
    assert finish_of(found)["finishReason"] == "length"


async def test_a_call_that_is_cut_is_never_run(
    side: Side, api: Api, client: Client, tools: Tools
) -> None:
    settings = {**_settings(side, api, client), "max_steps": 1}
    for limit in (9, 13, 17):  # before, within and behind the arguments
        async with chatting(side.base_url, *tools.all, max_output_tokens=limit, **settings) as chat:
            finish_of(chunks(await chat.post(ui_body("call"))))

    assert set(tools.ran) <= {OSLO}


async def test_an_unknown_model_is_told_as_such(
    side: Side, api: Api, client: Client, servers: Servers
) -> None:
    async with chatting(side.base_url, **{**_settings(side, api, client), "model": "x"}) as chat:
        response = await chat.post(ui_body("text"))

    if side == servers.llama:  # it has one model and takes any name for it
        assert joined(chunks(response), "text-delta") == SCRIPTS["text"]
    else:
        assert response.status_code == 502
        assert "check CHAT_MODEL" in response.json()["error"]


async def test_who_leaves_stops_the_model(chat: Chat, servers: Servers) -> None:
    async with chat.stream(ui_body("endless")) as response:
        await Reader(response).until(b" on")

    async with httpx2.AsyncClient(base_url=servers.llama_root, timeout=30) as http:
        while busy := [s for s in (await http.get("/slots")).json() if s["is_processing"]]:
            for slot in busy:  # it would go on until its context is full
                assert slot["n_prompt_tokens"] < slot["n_ctx"] * 0.9
            await asyncio.sleep(0.05)


@pytest.fixture(params=["chat", "responses"])
async def scripted(
    servers: Servers, request: pytest.FixtureRequest, client: Client
) -> AsyncIterator[Chat]:
    """Chat with our scripted model behind LiteLLM."""
    side = servers.scripted
    async with chatting(side.base_url, **_settings(side, request.param, client)) as chat:
        chat.http.timeout = 120
        yield chat


async def test_litellm_hands_on_an_answer_and_its_sources(scripted: Chat) -> None:
    found = chunks(await scripted.post(ui_body("scenario: sources")))

    assert len(of_type(found, "source-url")) == 2
    assert finish_of(found)["finishReason"] == "stop"


@pytest.mark.parametrize("scenario", ["error-inside", "break-off", "failed"])
async def test_litellm_hands_on_a_failure_in_mid_stream(scripted: Chat, scenario: str) -> None:
    # Slowly, since LiteLLM reads ahead: a failure before it has responded is a status.
    body = ui_body(f"scenario: {scenario} after=10 delay=0.05")

    found = chunks(await scripted.post(body))

    (error,) = of_type(found, "error")
    assert error["errorText"].startswith("The model's server failed")
    assert len(of_type(found, "text-start")) == len(of_type(found, "text-end"))


@pytest.mark.parametrize(
    ("scenario", "status", "words"),
    [
        ("error status=429", 429, "too many requests"),
        ("error status=400", 400, "too long"),
        ("error status=500", 502, "server failed"),
    ],
)
async def test_litellm_hands_on_a_refusal_of_the_request(
    scripted: Chat, scenario: str, status: int, words: str
) -> None:
    response = await scripted.post(ui_body(f"scenario: {scenario}"))

    assert response.status_code == status
    assert words in response.json()["error"]

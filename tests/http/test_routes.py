"""The HTTP surface around the answers: bad requests, tokens, CORS, the small routes."""

import asyncio
import threading
from typing import Any

import pytest

from app.scripted_model.control import Control
from app.tools import tool
from tests.chatting import NOWHERE, chatting, data_body, logged, ui_body

JSON_TYPE = {"content-type": "application/json"}
DEEP = b'{"messages":' + b"[" * 200_000 + b"]" * 200_000 + b"}"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{nope", "The request body is not valid JSON (line 1, column 2)."),
        (b"", "The request body is empty; it must be a JSON document."),
        (b'"text"', "The request body must be a JSON object."),
        (b"[1]", "The request body must be a JSON object."),
        (b'{"messages":"\xff"}', "The request body is not valid UTF-8."),
        (DEEP, "The request body is nested more than 100 levels deep."),
        (b'{"action":"dance","payload":{}}', "The action is unknown; use one of chat, "),
        (b'{"action":"chat"}', "payload must be an object."),
        (b'{"messages":[]}', "messages must hold at least one message of a user or an assistant."),
        (b'{"messages":"Hello"}', "messages must be a list."),
        (b'{"messages":[7]}', "messages[0] must be an object."),
        (b'{"messages":[{"role":"wizard","content":"x"}]}', "messages[0].role "),
        (b'{"id":7,"messages":[{"role":"user","content":"x"}]}', "id must be a string."),
        (b'{"prompt":7}', "prompt must be a string."),
        (b'{"prompt":"x","stream":"no"}', "stream must be true or false."),
        (b'{"prompt":"x","protocol":"morse"}', "Unknown protocol 'morse'; known are data, ui, "),
        (b'{"prompt":"x","sdk":"2"}', "Unknown sdk '2'; known are 3.4, 4, 5.0, 5, 6, 7."),
        (b'{"prompt":"x","sdk":"4","protocol":"ui"}', "AI SDK 4 does not read the protocol 'ui'."),
        (b'{"body":"!!","isBase64Encoded":true}', "body is not the base64 that isBase64Encoded "),
        (b'{"body":"{}","isBase64Encoded":"yes"}', "isBase64Encoded must be true or false."),
        (b'{"body":{"body":{}}}', "The request is wrapped more than once."),
        (b'{"unknown":1}', "The request has none of the keys messages, message, "),
    ],
    ids=lambda value: value[:30] if isinstance(value, bytes) else "",
)
async def test_a_bad_body_is_400_in_one_sentence(body: bytes, sentence: str) -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.http.post("/api/chat", content=body, headers=JSON_TYPE)

    assert response.status_code == 400
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    answer = response.json()
    assert answer.keys() == {"success", "error"}
    assert answer["success"] is False
    assert answer["error"].startswith(sentence)
    assert answer["error"].endswith(".")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("protocol=morse", "Unknown protocol 'morse'"),
        ("sdk=8", "Unknown sdk '8'"),
        ("sdk=5&protocol=data", "AI SDK 5 does not read the protocol 'data'."),
        ("stream=maybe", "stream must be true or false, not 'maybe'."),
    ],
)
async def test_a_bad_override_is_400(query: str, sentence: str) -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.post(data_body("Hello"), f"/api/chat?{query}")

    assert response.status_code == 400
    assert response.json()["error"].startswith(sentence)


@pytest.mark.parametrize("content_type", ["text/html", "multipart/form-data; boundary=x", "nope"])
async def test_another_content_type_is_415(content_type: str) -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.http.post(
            "/api/chat", content=b"{}", headers={"content-type": content_type}
        )

    assert response.status_code == 415
    assert response.json()["success"] is False


async def test_a_host_header_that_is_no_host_is_no_error_of_ours() -> None:
    with logged() as log:
        async with chatting(NOWHERE) as chat:
            response = await chat.http.get("/nope", headers={"host": "["})

    assert response.status_code == 404
    assert [record for record in log.records if record.exc_info] == []


# ---- the small routes -------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/chat/c1/stream", "/c1/stream"])
async def test_there_is_no_stream_to_resume(path: str) -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.http.get(path)

    assert (response.status_code, response.content) == (204, b"")


@pytest.mark.parametrize("path", ["/api/chat?chatId=c1", "/?chatId=c1", "/api/chat"])
async def test_ai_sdk_4_gets_an_empty_stream_since_it_takes_204_for_an_error(path: str) -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.http.get(path)

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"].startswith("text/plain")


async def test_there_is_no_turn_to_stop() -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.http.post("/api/chat/c1/stop")

    assert (response.status_code, response.content) == (204, b"")


async def test_health_never_touches_the_model(model: str, control: Control) -> None:
    async with chatting(model, model="small") as chat:
        response = await chat.http.get("/health")

    assert response.status_code == 200
    assert response.json()["status"] == "ok"
    assert (response.json()["provider"], response.json()["model"]) == ("openai", "small")
    assert list(control.requests) == []


async def test_health_counts_the_threads_of_tools_that_hang(model: str) -> None:
    go_on = threading.Event()
    hanging: list[threading.Thread] = []

    @tool(timeout_s=0.05)
    def hang() -> None:
        """Hang."""
        hanging.append(threading.current_thread())
        go_on.wait()

    @tool(timeout_s=0.05)
    def late() -> str:
        """Come too late for a place."""
        return "done"

    @tool
    def work() -> str:
        """Work."""
        return "done"

    async with chatting(model, hang, late, work, tool_threads=1) as chat:
        over = (await chat.post({"args": {}}, "/api/tools/hang/invoke?stream=false")).json()
        hung = (await chat.http.get("/health")).json()
        no_place = (await chat.post(call_of("late"))).text
        go_on.set()
        await asyncio.to_thread(hanging[0].join)
        after = (await chat.post(call_of("work"))).text
        healed = (await chat.http.get("/health")).json()

    assert over["error_code"] == "TIMEOUT"
    assert (hung["status"], hung["hungToolThreads"]) == ("ok", 1)
    assert "late did not finish within 0.05 s." in no_place
    assert '"output":"done"' in after
    assert "hungToolThreads" not in healed


def call_of(name: str) -> dict[str, Any]:
    return ui_body(f"scenario: call tool={name} arguments='{{}}'")


async def test_the_root_says_what_this_is() -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.http.get("/")

    assert response.status_code == 200
    if response.headers["content-type"] == "application/json":
        assert (response.json()["name"], response.json()["chat"]) == ("deltaline", "POST /api/chat")
    else:  # the demo page has been built
        assert "<html" in response.text.lower()


@pytest.mark.parametrize(
    "event",
    [
        {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
        {"source": "serverless-plugin-warmup"},
    ],
)
async def test_events_that_are_no_chat_are_acknowledged(event: object) -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.post(event, "/events")

    assert response.status_code == 200
    assert response.json()["success"] is True
    assert response.json()["ignored"]


async def test_a_bad_chat_among_the_events_is_an_error() -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.post({"action": "dance", "payload": {}}, "/events")

    assert response.status_code == 400

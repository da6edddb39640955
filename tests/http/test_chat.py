"""What a client gets for a chat request, over a real socket, with the scripted model behind."""

import base64
import json
from typing import Any

import httpx2
import pytest

from app.protocols.negotiation import PROTOCOLS
from app.scripted_model.control import Control
from tests.chatting import NOWHERE, Reader, chatting, data_body, logged, ui_body

SAY_HI = "scenario: say text='Hi there.'"
MEDIA_TYPES = {
    "data": "text/plain; charset=utf-8",
    "ui": "text/event-stream; charset=utf-8",
    "text": "text/plain; charset=utf-8",
    "ndjson": "application/x-ndjson",
}


def _said(response: httpx2.Response) -> str:
    """Return the text of an answer in the data or the UI stream."""
    text = ""
    for line in response.text.splitlines():
        if line.startswith("0:"):
            text += json.loads(line[2:])
        elif line.startswith('data: {"type":"text-delta"'):
            text += json.loads(line[6:])["delta"]
    return text


def _protocol_of(response: httpx2.Response) -> str:
    if "x-vercel-ai-data-stream" in response.headers:
        return "data"
    if "x-vercel-ai-ui-message-stream" in response.headers:
        return "ui"
    return "ndjson" if "ndjson" in response.headers["content-type"] else "text"


# ---- shapes, protocols, overrides -------------------------------------------------------------

SHAPES: dict[str, tuple[Any, str]] = {
    "ai sdk 5": (ui_body(SAY_HI), "ui"),
    "ai sdk 4": (data_body(SAY_HI), "data"),
    "ai sdk 3.4": ({"messages": [{"role": "user", "content": SAY_HI}]}, "data"),
    "only the last message": (
        {"id": "c", "message": ui_body(SAY_HI)["messages"][0], "trigger": "submit-message"},
        "ui",
    ),
    "prompt": ({"prompt": SAY_HI}, "ui"),
    "prompt of ai sdk 4": ({"prompt": SAY_HI, "sdk": "4"}, "data"),
    "direct chat": ({"action": "chat", "payload": {"text": SAY_HI}}, "data"),
    "direct chat-stream": ({"action": "chat-stream", "payload": {"text": SAY_HI}}, "data"),
    "direct chat-v2-stream": (
        {"action": "chat-v2-stream", "payload": {"messages": data_body(SAY_HI)["messages"]}},
        "data",
    ),
    "direct with a protocol in its payload": (
        {"action": "chat", "payload": {"text": SAY_HI, "protocol": "ui"}},
        "ui",
    ),
    "wrapped text": (
        {"body": json.dumps({"action": "chat", "payload": {"text": SAY_HI}})},
        "data",
    ),
    "wrapped object": ({"body": ui_body(SAY_HI)}, "ui"),
    "wrapped base64": (
        {
            "body": base64.b64encode(json.dumps(data_body(SAY_HI)).encode()).decode(),
            "isBase64Encoded": True,
        },
        "data",
    ),
    "body key protocol": (data_body(SAY_HI, protocol="ui"), "ui"),
    "body key sdk": (data_body(SAY_HI, sdk="7"), "ui"),
}


@pytest.mark.parametrize("path", ["/api/chat", "/", "/events"])
async def test_every_shape_is_answered_in_its_protocol(model: str, path: str) -> None:
    async with chatting(model) as chat:
        for name, (body, protocol) in SHAPES.items():
            response = await chat.post(body, path)

            assert (name, response.status_code) == (name, 200)
            assert (name, _protocol_of(response)) == (name, protocol)
            assert (name, _said(response)) == (name, "Hi there.")


@pytest.mark.parametrize(
    ("query", "body", "protocol"),
    [
        ("protocol=data", ui_body(SAY_HI), "data"),
        ("protocol=ui", data_body(SAY_HI), "ui"),
        ("protocol=text", ui_body(SAY_HI), "text"),
        ("protocol=ndjson", ui_body(SAY_HI), "ndjson"),
        ("sdk=3.4", ui_body(SAY_HI), "data"),
        ("sdk=4", ui_body(SAY_HI), "data"),
        ("sdk=5.0", data_body(SAY_HI), "ui"),
        ("sdk=6", data_body(SAY_HI), "ui"),
        ("protocol=ui", data_body(SAY_HI, protocol="data"), "ui"),
        ("sdk=6", data_body(SAY_HI, sdk="4"), "ui"),
        ("protocol=", data_body(SAY_HI), "data"),
    ],
)
async def test_the_query_string_overrides_body_and_shape(
    model: str, query: str, body: object, protocol: str
) -> None:
    async with chatting(model) as chat:
        response = await chat.post(body, f"/api/chat?{query}")

    assert _protocol_of(response) == protocol


async def test_ai_sdk_3_4_gets_no_line_that_it_does_not_know(model: str) -> None:
    async with chatting(model) as chat:
        response = await chat.post({"messages": [{"role": "user", "content": SAY_HI}]})

    assert {line[0] for line in response.text.splitlines()} <= set("0123456789abcde")


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_stream_carries_the_headers_that_keep_proxies_from_holding_it_back(
    model: str, protocol: str
) -> None:
    async with chatting(model) as chat:
        response = await chat.post(data_body(SAY_HI), f"/api/chat?protocol={protocol}")

    assert response.headers["cache-control"] == "no-cache, no-transform"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers["content-type"] == MEDIA_TYPES[protocol]
    assert response.headers["x-request-id"]
    assert response.headers.get("x-vercel-ai-data-stream") == ("v1" if protocol == "data" else None)
    assert response.headers.get("x-vercel-ai-ui-message-stream") == (
        "v1" if protocol == "ui" else None
    )
    assert "content-length" not in response.headers
    assert response.headers["transfer-encoding"] == "chunked"


# ---- one JSON object --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "more"),
    [("?stream=false", {}), ("?stream=0", {"stream": True}), ("", {"stream": False})],
)
async def test_an_answer_in_one_piece_is_one_json_object(
    model: str, query: str, more: dict[str, Any]
) -> None:
    async with chatting(model) as chat:
        response = await chat.post(ui_body(SAY_HI, **more), f"/api/chat{query}")

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    assert answer["success"] is True
    assert (answer["id"], answer["text"], answer["finishReason"]) == ("chat-1", "Hi there.", "stop")
    assert answer["usage"]["outputTokens"] == 3
    message = answer["message"]
    assert (message["role"], message["parts"][-1]["text"]) == ("assistant", "Hi there.")


async def test_an_answer_in_one_piece_has_the_models_error_as_its_status(model: str) -> None:
    async with chatting(model) as chat:
        response = await chat.post(data_body("scenario: error status=401", stream=False))

    assert response.status_code == 502
    assert response.json() == {
        "success": False,
        "error": "The model's server refused our credentials; check OPENAI_API_KEY.",
    }


async def test_an_answer_in_one_piece_that_fails_half_way_is_an_error_with_what_was_said(
    model: str,
) -> None:
    with logged() as log:
        async with chatting(model) as chat:
            response = await chat.post(data_body("scenario: error-inside after=2", stream=False))

            line = await log.request()

    assert response.status_code == line["status"] == 502
    assert response.json()["success"] is False
    assert response.json()["message"]["parts"][-1]["text"] == "word0 word1"


# ---- token by token, and silence --------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_token_is_readable_while_the_model_still_waits(
    model: str, control: Control, protocol: str
) -> None:
    async with chatting(model) as chat:
        body = data_body("scenario: stall after=1 gate=behind-the-first")
        async with chat.stream(body, f"/api/chat?protocol={protocol}") as response:
            reader = Reader(response)
            first = await reader.until(b"word0")
            await control.gate("behind-the-first").reached()
            assert control.open_streams == 1

            control.gate("behind-the-first").open()
            whole = await reader.rest()

    assert b"word1" not in first
    assert b"word10" in whole


async def test_the_headers_are_readable_before_the_first_token(
    model: str, control: Control
) -> None:
    async with chatting(model) as chat:
        body = data_body("scenario: stall after=0 gate=before-the-first")
        async with chat.stream(body) as response:
            await control.gate("before-the-first").reached()

            assert response.status_code == 200

            control.gate("before-the-first").open()


@pytest.mark.parametrize(
    ("protocol", "ping"),
    [("data", b"\n\n\n"), ("ui", b": ping\n\n: ping\n"), ("ndjson", b'{"type":"heartbeat"')],
)
async def test_silence_is_filled_with_what_the_protocol_ignores(
    model: str, control: Control, protocol: str, ping: bytes
) -> None:
    async with chatting(model, keep_alive_s=0.02) as chat:
        body = data_body("scenario: stall after=1 gate=silence")
        async with chat.stream(body, f"/api/chat?protocol={protocol}") as response:
            reader = Reader(response)
            await reader.until(ping)

            control.gate("silence").open()
            whole = await reader.rest()

    assert b"word10" in whole


@pytest.mark.parametrize(
    ("protocol", "ping"),
    [("data", b"\n\n\n"), ("ui", b": ping\n\n: ping\n"), ("ndjson", b'{"type":"heartbeat"')],
)
async def test_silence_before_the_models_headers_is_filled_too(
    model: str, control: Control, protocol: str, ping: bytes
) -> None:
    async with chatting(model, keep_alive_s=0.02, status_wait_s=0) as chat:
        body = data_body("scenario: hang gate=headers")
        async with chat.stream(body, f"/api/chat?protocol={protocol}") as response:
            reader = Reader(response)
            before = await reader.until(ping)
            assert response.status_code == 200

            control.gate("headers").open()
            whole = await reader.rest()

    assert b"here" not in before
    assert b"here" in whole


async def test_text_has_no_keep_alive(model: str, control: Control) -> None:
    async with chatting(model, keep_alive_s=0.001) as chat:
        body = data_body("scenario: stall after=1 seconds=0.1")
        response = await chat.post(body, "/api/chat?protocol=text")

    assert response.text == " ".join(f"word{n}" for n in range(11))


async def test_a_stream_that_flows_has_no_keep_alive(model: str) -> None:
    async with chatting(model) as chat:
        response = await chat.post(data_body("scenario: text tokens=50"))

    assert "\n\n" not in response.text


# ---- the status is held back ------------------------------------------------------------------

UNREACHABLE = "The model's server cannot be reached; check OPENAI_BASE_URL."
FAILED = "The model's server failed; please try again, or check OPENAI_BASE_URL."


@pytest.mark.parametrize("make_body", [data_body, ui_body])
@pytest.mark.parametrize(
    ("scenario", "status", "sentence", "code"),
    [
        (
            "error status=400",
            400,
            "The conversation is too long for the model; please start a new one.",
            "context_length_exceeded",
        ),
        (
            "error status=400 code=invalid_value message=no",
            400,
            "The model refused the request; check CHAT_MODEL and what it accepts.",
            "provider_refused",
        ),
        (
            "error status=401",
            502,
            "The model's server refused our credentials; check OPENAI_API_KEY.",
            "provider_unauthorized",
        ),
        (
            "error status=403",
            502,
            "The model's server refused our credentials; check OPENAI_API_KEY.",
            "provider_unauthorized",
        ),
        (
            "error status=404",
            502,
            "The model was not found; check CHAT_MODEL and OPENAI_BASE_URL.",
            "provider_model_not_found",
        ),
        (
            "error status=429 retry_after=90",
            429,
            "The model is answering too many requests; please try again shortly.",
            "rate_limited",
        ),
    ],
)
async def test_a_refusal_of_the_model_is_a_real_status(
    model: str, make_body: Any, scenario: str, status: int, sentence: str, code: str
) -> None:
    with logged() as log:
        async with chatting(model) as chat:
            response = await chat.post(make_body(f"scenario: {scenario}"))

            line = await log.request()

    assert response.status_code == line["status"] == status
    assert response.json() == {"success": False, "error": sentence}
    assert response.headers["x-request-id"] == line["request_id"]
    assert (line["error_code"], line["finish_reason"]) == (code, "error")
    assert len(log.requests) == 1


async def test_the_models_retry_after_is_passed_on(model: str) -> None:
    async with chatting(model) as chat:
        response = await chat.post(data_body("scenario: error status=429 retry_after=90"))

    assert response.headers["retry-after"] == "90"


@pytest.mark.parametrize(
    ("scenario", "status", "sentence"),
    [
        ("error status=500", 502, FAILED),
        ("error status=503", 502, FAILED),
        ("error status=504", 504, "The model did not answer in time; please try again."),
        ("break-off before=yes", 502, UNREACHABLE),
    ],
)
async def test_a_failure_that_retries_do_not_mend_is_a_real_status(
    model: str, control: Control, scenario: str, status: int, sentence: str
) -> None:
    async with chatting(model) as chat:
        response = await chat.post(data_body(f"scenario: {scenario}"))

    assert (response.status_code, response.json()["error"]) == (status, sentence)
    assert len(control.requests) == 3


async def test_a_failure_that_a_retry_mends_is_none(model: str) -> None:
    async with chatting(model) as chat:
        response = await chat.post(data_body("scenario: error status=503 times=1"))

    assert response.status_code == 200
    assert "went well" in _said(response)


async def test_a_model_that_cannot_be_reached_is_a_real_status() -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.post(data_body("Hello"))

    assert (response.status_code, response.json()["error"]) == (502, UNREACHABLE)


@pytest.mark.parametrize("more", [{}, {"stream": False}])
async def test_without_key_and_base_url_the_answer_says_that_nothing_is_configured(
    more: dict[str, Any],
) -> None:
    async with chatting(None) as chat:
        response = await chat.post(data_body("Hello", **more))

    assert response.status_code == 500
    assert response.text == '{"success":false,"error":"OpenAI API key not configured"}'


@pytest.mark.parametrize(
    ("protocol", "error"),
    [
        ("data", b'3:"The model\'s server refused our credentials; check OPENAI_API_KEY."\n'),
        (
            "ui",
            b'"errorText":"The model\'s server refused our credentials; check OPENAI_API_KEY."}',
        ),
        ("text", b""),
        ("ndjson", b'"error_code":"provider_unauthorized"'),
    ],
)
async def test_once_the_status_is_out_the_same_failure_is_an_error_in_the_stream(
    model: str, control: Control, protocol: str, error: bytes
) -> None:
    with logged() as log:
        async with chatting(model, status_wait_s=0) as chat:
            body = data_body("scenario: error status=401")
            response = await chat.post(body, f"/api/chat?protocol={protocol}")

            line = await log.request()

    assert response.status_code == line["status"] == 200
    assert error in response.content
    assert line["error_code"] == "provider_unauthorized"
    if protocol == "ui":
        assert response.content.startswith(b'data: {"type":"start"')
        assert response.content.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("scenario", ["error-inside after=2", "break-off after=2"])
@pytest.mark.parametrize(
    ("protocol", "error", "end"),
    [
        ("data", '3:"The model', '"finishReason":"error"'),
        ("ui", '"type":"error","errorText":"The model', "data: [DONE]\n\n"),
        ("text", "word1", "word1"),
        (
            "ndjson",
            '{"type":"error","payload":{"error":"The model',
            '"error_code":"provider_error"',
        ),
    ],
)
async def test_a_failure_half_way_ends_the_stream_properly(
    model: str, scenario: str, protocol: str, error: str, end: str
) -> None:
    with logged() as log:
        async with chatting(model) as chat:
            body = data_body(f"scenario: {scenario}")
            response = await chat.post(body, f"/api/chat?protocol={protocol}")

            line = await log.request()

    assert response.status_code == 200
    assert response.text.index("word1") <= response.text.index(error)
    assert end in response.text[response.text.index(error) :]
    assert (line["finish_reason"], line["client_left"]) == ("error", False)


async def test_the_rest_of_the_models_own_words_about_an_error_stays_here(model: str) -> None:
    async with chatting(model) as chat:
        body = data_body("scenario: error-inside after=1 message='sk-secret at /etc'")
        response = await chat.post(body)

    assert "sk-secret" not in response.text


CUT_OFF = "The answer was cut off by the time limit."


# ---- what may be asked ------------------------------------------------------------------------


async def test_a_request_may_name_a_model_that_is_allowed(model: str, control: Control) -> None:
    async with chatting(model, model="small", allowed_models=("large",)) as chat:
        await chat.post(data_body(SAY_HI))
        await chat.post(data_body(SAY_HI, model="large"))
        refused = await chat.post(data_body(SAY_HI, model="huge"))

    assert [request.body["model"] for request in control.requests] == ["small", "large"]
    assert refused.status_code == 400
    assert refused.json()["error"] == "The model 'huge' is not allowed; allowed: large, small."


async def test_the_servers_own_settings_reach_the_model(model: str, control: Control) -> None:
    settings: dict[str, Any] = {"system_prompt": "Be brief.", "temperature": 0.5}
    async with chatting(model, max_output_tokens=2, **settings) as chat:
        response = await chat.post(data_body("scenario: text tokens=5"))

    asked = control.requests[0].body
    assert asked["messages"][0] == {"role": "system", "content": "Be brief."}
    assert asked["temperature"] == 0.5
    assert _said(response) == "word0 word1"
    assert '"finishReason":"length"' in response.text


async def test_system_messages_of_the_client_reach_the_model_only_if_allowed(
    model: str, control: Control
) -> None:
    messages = [{"role": "system", "content": "Obey."}, {"role": "user", "content": SAY_HI}]
    async with chatting(model) as chat:
        await chat.post({"messages": messages})
    async with chatting(model, allow_client_system=True) as chat:
        await chat.post({"messages": messages})

    dropped, kept = (request.body["messages"] for request in control.requests)
    assert "Obey." not in json.dumps(dropped)
    assert kept[0]["content"] == "Obey."


@pytest.mark.parametrize("client", ["httptools", "aiohttp", "openai"])
async def test_both_clients_send_the_same_bytes_on(model: str, client: str) -> None:
    async with chatting(model, client=client, openai_api_key="sk-x") as chat:
        response = await chat.post(data_body("scenario: reasoning tokens=3"), "/api/chat?sdk=4")
        refused = await chat.post(data_body("scenario: error status=404"))

    lines = [line for line in response.text.splitlines() if line[0] in "0g"]
    assert lines[:3] == ['g:"word0"', 'g:" word1"', 'g:" word2"']
    assert response.text.splitlines()[-1].startswith('d:{"finishReason":"stop"')
    assert (refused.status_code, refused.json()["error"]) == (
        502,
        "The model was not found; check CHAT_MODEL and OPENAI_BASE_URL.",
    )


# ---- the log ----------------------------------------------------------------------------------


async def test_a_request_leaves_one_line_with_its_facts_and_none_of_its_content(
    model: str,
) -> None:
    secret = "pineapple-on-pizza"
    with logged() as log:
        async with chatting(model, openai_api_key="sk-in-the-safe", model="small") as chat:
            await chat.post(
                ui_body(f"scenario: say text='{secret}'"), headers={"cookie": "biscuit=crumbs"}
            )

            line = await log.request()

    assert len(log.requests) == 1
    assert line["chat_id"] == "chat-1"
    assert (line["protocol"], line["shape"], line["model"]) == ("ui", "ai-sdk-5", "small")
    assert (line["status"], line["finish_reason"]) == (200, "stop")
    assert line["output_tokens"] > 0
    assert line["input_tokens"] > 0
    assert 0 < line["first_token_ms"] <= line["duration_ms"]
    everything = " ".join(f"{record.getMessage()} {vars(record)}" for record in log.records)
    assert secret not in everything
    assert "in-the-safe" not in everything
    assert "biscuit" not in everything


async def test_a_refused_request_leaves_its_line_too(model: str) -> None:
    with logged() as log:
        async with chatting(model) as chat:
            await chat.post({"action": "dance"}, headers={"x-request-id": "r1"})

            line = await log.request()

    assert (line["request_id"], line["status"], line["error_code"]) == ("r1", 400, "unknown_action")
    assert len(log.requests) == 1

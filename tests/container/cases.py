"""What every way to run the image has to answer, over HTTP and to direct invokes.

Each case is a sentence and a client of the running container. The model behind it is the scripted
one, so nothing here needs more than the address.
"""

import contextlib
import itertools
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import httpx2

from app.aws.event_stream import EventDecoder, InvokeComplete, PayloadChunk
from app.aws.prelude_stripper import PreludeStripper
from tests.chatting import data_body, ui_body

INVOKE = "/2015-03-31/functions/function/invocations"
STREAM = "/2021-11-15/functions/function/response-streaming-invocations"

Case: TypeAlias = Callable[[httpx2.AsyncClient], Awaitable[None]]


async def _read(client: httpx2.AsyncClient, body: object) -> bytes:
    """Return a streamed answer as far as it comes.

    Where the runtime can tell Lambda that a turn failed, Lambda cuts the connection at its end.
    """
    received = b""
    async with client.stream("POST", "/api/chat", json=body) as answer:
        assert answer.status_code == 200
        with contextlib.suppress(httpx2.RemoteProtocolError):
            async for data in answer.aiter_bytes():
                received += data
    return received


async def health_says_what_runs(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/health")

    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert answer.json()["provider"] == "scripted"


async def a_chat_is_answered_in_the_data_stream_of_ai_sdk_4(client: httpx2.AsyncClient) -> None:
    for path in ("/api/chat", "/"):
        answer = await client.post(path, json=data_body("scenario: text tokens=3 delay=0.1"))

        assert answer.headers["x-vercel-ai-data-stream"] == "v1"
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert b'\n0:"word0"\n0:" word1"\n0:" word2"\n' in answer.content
        assert answer.text.splitlines()[-1].startswith('d:{"finishReason":"stop"')


async def a_chat_is_answered_in_the_message_stream_of_later_ones(
    client: httpx2.AsyncClient,
) -> None:
    # So far apart that they are not joined, even where the machine is busy.
    answer = await client.post("/api/chat", json=ui_body("scenario: text tokens=3 delay=0.1"))

    assert answer.headers["x-vercel-ai-ui-message-stream"] == "v1"
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.content.count(b'"type":"text-delta"') == 3
    assert answer.content.endswith(b"data: [DONE]\n\n")


async def lines_arrive_one_after_another(client: httpx2.AsyncClient) -> None:
    body = data_body("scenario: text tokens=5 delay=0.15")
    arrivals: dict[str, float] = {}
    async with client.stream("POST", "/api/chat", json=body) as answer:
        async for line in answer.aiter_lines():
            arrivals[line] = time.monotonic()

    times = [arrivals[f'0:"{word}"'] for word in ("word0", " word1", " word2", " word3", " word4")]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    # A machine that is busy may join two; held back to the end, all would come at once.
    assert times[-1] - times[0] > 0.4
    assert sum(pause > 0.05 for pause in pauses) >= 3


async def any_text_survives(client: httpx2.AsyncClient) -> None:
    text = "naïve – 你好 👩‍👩‍👧 \u2028"
    answer = await client.post("/api/chat", json=data_body(f"scenario: say text='{text}'"))

    pieces = [json.loads(line[2:]) for line in answer.text.split("\n") if line.startswith("0:")]
    assert "".join(pieces) == text


async def a_refusal_of_the_model_is_a_real_status(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/api/chat", json=ui_body("scenario: error status=401"))

    assert answer.status_code == 502
    assert answer.json()["success"] is False
    assert "OPENAI_API_KEY" in answer.json()["error"]


async def what_cannot_be_used_is_refused_in_a_sentence(client: httpx2.AsyncClient) -> None:
    json_type = {"content-type": "application/json"}
    answers = {
        400: await client.post("/api/chat", content=b"{", headers=json_type),
        404: await client.get("/nothing-here"),
        405: await client.delete("/api/chat"),
    }

    for status, answer in answers.items():
        assert answer.status_code == status
        assert answer.json()["error"].endswith(".")


async def a_failure_in_mid_stream_is_told_in_band(client: httpx2.AsyncClient) -> None:
    text = "scenario: error-inside after=3"
    data = await _read(client, data_body(text))
    ui = await _read(client, ui_body(text))

    assert b'\n0:" word2"\n3:"' in data
    assert b'\ndata: {"type":"error","errorText":"' in ui
    assert ui.endswith(b"data: [DONE]\n\n")
    assert b"Lambda-Runtime" not in data + ui


async def a_turn_ends_by_itself_before_lambdas_time_is_over(client: httpx2.AsyncClient) -> None:
    body = ui_body("scenario: stall after=3 seconds=60")
    answer = await _read(client, body)

    assert answer.count(b'"type":"text-delta"') == 3
    assert b'\ndata: {"type":"error","errorText":"' in answer
    assert answer.endswith(b"data: [DONE]\n\n")


async def every_shape_may_be_invoked_directly(client: httpx2.AsyncClient) -> None:
    text = "scenario: text tokens=2"
    useful = data_body(text)
    for event in (
        {"action": "chat", "payload": {"text": text}},
        {"action": "chat-stream", "payload": useful},
        {"body": json.dumps(useful)},
        {"body": useful},
        useful,
    ):
        answer = await client.post(INVOKE, json=event)

        assert b'\n0:"word0"\n0:" word1"\n' in answer.content, event
        assert "x-amz-function-error" not in answer.headers


async def an_sdk_invoke_streams_the_same_answer(client: httpx2.AsyncClient) -> None:
    event = ui_body("scenario: text tokens=3 delay=0.1")
    decoder, stripper = EventDecoder(), PreludeStripper()
    body, arrivals, complete = b"", 0, None
    async with client.stream("POST", STREAM, json=event) as answer:
        async for data in answer.aiter_raw():
            for received in decoder.feed(data):
                match received:
                    case PayloadChunk(payload):
                        body += stripper.feed(payload)
                    case InvokeComplete():
                        complete = received
            arrivals += 1
    decoder.close()

    assert body.startswith(b"data: ")
    assert body.count(b'"type":"text-delta"') == 3
    assert body.endswith(b"data: [DONE]\n\n")
    assert complete == InvokeComplete()
    assert arrivals >= 3


async def a_bad_action_is_refused_by_name(client: httpx2.AsyncClient) -> None:
    answer = await client.post(INVOKE, json={"action": "dance", "payload": {}})

    assert answer.json()["success"] is False
    assert "chat-stream" in answer.json()["error"]


async def what_keeps_a_function_warm_starts_no_turn(client: httpx2.AsyncClient) -> None:
    for event in ({"source": "aws.events", "detail": {}}, {"warmup": True}, {}):
        answer = await client.post(INVOKE, json=event)

        assert answer.json()["success"] is True
        assert "ignored" in answer.json()


async def spoofed_lambda_headers_change_nothing(client: httpx2.AsyncClient) -> None:
    spoofed: dict[str, Any] = {"x-amzn-lambda-context": '{"deadline":1}'}
    body = data_body("scenario: text tokens=2")
    answer = await client.post("/api/chat", json=body, headers=spoofed)

    assert b'\nd:{"finishReason":"stop"' in answer.content


CASES: tuple[Case, ...] = (
    health_says_what_runs,
    a_chat_is_answered_in_the_data_stream_of_ai_sdk_4,
    a_chat_is_answered_in_the_message_stream_of_later_ones,
    lines_arrive_one_after_another,
    any_text_survives,
    a_refusal_of_the_model_is_a_real_status,
    what_cannot_be_used_is_refused_in_a_sentence,
    a_failure_in_mid_stream_is_told_in_band,
    a_turn_ends_by_itself_before_lambdas_time_is_over,
    every_shape_may_be_invoked_directly,
    an_sdk_invoke_streams_the_same_answer,
    a_bad_action_is_refused_by_name,
    what_keeps_a_function_warm_starts_no_turn,
    spoofed_lambda_headers_change_nothing,
)
# What the real AI SDK shows besides, see `tests/conformance`.
AI_SDK_FLOWS = ("text", "unicode", "multi-turn", "error-during")
# The longest that an invocation may take where the cases run, in seconds.
TIMEOUT_S = 6

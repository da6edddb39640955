"""What the query string and the headers ask for: a stream or not, and until when."""

import json
import time
from typing import Any

import httpx2
import pytest

from app.scripted_model.control import Control
from tests.chatting import chatting, data_body, logged, ui_body

SAY_HI = "scenario: say text='Hi there.'"


def _said(response: httpx2.Response) -> str:
    """Return the text of an answer in the data or the UI stream."""
    text = ""
    for line in response.text.splitlines():
        if line.startswith("0:"):
            text += json.loads(line[2:])
        elif line.startswith('data: {"type":"text-delta"'):
            text += json.loads(line[6:])["delta"]
    return text


async def test_the_query_string_may_ask_for_a_stream_after_all(model: str) -> None:
    async with chatting(model) as chat:
        response = await chat.post(data_body(SAY_HI, stream=False), "/api/chat?stream=true")

    assert response.headers["x-vercel-ai-data-stream"] == "v1"


def _lambda_context(left_s: float) -> dict[str, str]:
    return {"x-amzn-lambda-context": json.dumps({"deadline": (time.time() + left_s) * 1000})}


CUT_OFF = "The answer was cut off by the time limit."


@pytest.mark.parametrize("make_body", [data_body, ui_body])
async def test_a_deadline_in_flight_ends_the_stream_properly(
    model: str, control: Control, make_body: Any
) -> None:
    with logged() as log:
        async with chatting(model, deadline_margin_s=10) as chat:
            response = await chat.post(
                make_body("scenario: stall after=2 gate=never"), headers=_lambda_context(10.3)
            )

            line = await log.request()
            await control.client_left()

    assert "word1" in response.text
    assert CUT_OFF in response.text
    assert response.text.index("word1") < response.text.index(CUT_OFF)
    assert line["error_code"] == "deadline_exceeded"


@pytest.mark.parametrize("make_body", [data_body, ui_body])
async def test_a_deadline_that_has_passed_is_an_error_in_the_stream(
    model: str, make_body: Any
) -> None:
    async with chatting(model) as chat:
        response = await chat.post(make_body("Hello"), headers=_lambda_context(-5))

    assert CUT_OFF in response.text


async def test_a_deadline_ends_an_answer_in_one_piece_with_504(model: str) -> None:
    async with chatting(model, deadline_margin_s=10) as chat:
        body = data_body("scenario: stall after=2 gate=never", stream=False)
        response = await chat.post(body, headers=_lambda_context(10.2))

    assert (response.status_code, response.json()["error"]) == (504, CUT_OFF)


@pytest.mark.parametrize(
    "context",
    [
        "",
        "{",
        "[]",
        "7",
        "{}",
        '{"deadline":"soon"}',
        '{"deadline":"-5"}',
        '{"deadline":"\\uff11\\uff12"}',
        '{"deadline":' + "9" * 5000 + "}",
        '{"deadline":NaN}',
        '{"deadline":1e400}',
        '{"deadline":1' + "0" * 400 + "}",
        "[" * 20_000,
    ],
    ids=lambda context: context[:20],
)
async def test_a_context_without_a_usable_deadline_limits_nothing(model: str, context: str) -> None:
    async with chatting(model) as chat:
        response = await chat.post(data_body(SAY_HI), headers={"x-amzn-lambda-context": context})

    assert _said(response) == "Hi there."

"""The routes of the scripted model beside its two APIs, and its error responses."""

import asyncio

import openai
import pytest

from app.scripted_model.serving import serve_scripted
from tests.scripted_model.client import Side, chat


async def test_models_are_listed_and_found_one_by_one(side: Side) -> None:
    listed = [model.id async for model in side.openai.models.list()]
    found = await side.openai.models.retrieve("any/name")

    assert "scripted" in listed
    assert found.id == "any/name"


async def test_a_missing_model_a_wrong_path_and_a_wrong_method_are_error_objects(
    side: Side,
) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        await side.openai.models.retrieve("no-such-model")
    with pytest.raises(openai.NotFoundError) as missing_in_chat:
        await side.openai.chat.completions.create(**{**chat("Hi"), "model": "no-such-model"})
    wrong_path = await side.http.get("nowhere")
    wrong_method = await side.http.get("chat/completions")

    assert missing.value.code == missing_in_chat.value.code == "model_not_found"
    assert (wrong_path.status_code, wrong_method.status_code) == (404, 405)
    assert "GET /v1/nowhere" in wrong_path.json()["error"]["message"]
    assert wrong_method.headers["allow"] == "POST"


async def test_a_client_that_leaves_while_it_sends_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serve_scripted() as url:
        port = int(url.split(":")[2].split("/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n")
        writer.write(b"expect: 100-continue\r\ncontent-length: 9\r\n\r\n")
        await reader.readuntil(b"100 Continue\r\n\r\n")  # the app has asked for the body
        writer.close()
        await writer.wait_closed()

    assert [record for record in caplog.records if "scripted" in record.name] == []

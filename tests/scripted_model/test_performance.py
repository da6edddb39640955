"""How a script is played over a connection: its pauses, its faults and its writes."""

import asyncio
import json
from typing import NoReturn

import httpx2
import openai
import pytest
from starlette.types import Message, Scope

from app.scripted_model.chat_wire import ChatWire
from app.scripted_model.control import Control
from app.scripted_model.performance import Performance
from app.scripted_model.script import Script
from tests.scripted_model.client import Side, chat, finish_of, text_of


async def writes(side: Side, text: str) -> list[bytes]:
    """Say ``text`` and return the server's writes: each is one chunk of HTTP's chunked coding."""
    body = json.dumps({**chat(text), "stream": True}).encode()
    url = side.http.base_url
    head = f"POST {url.path}chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body)
    await reader.readuntil(b"\r\n\r\n")
    found: list[bytes] = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        found.append((await reader.readexactly(size + 2))[:-2])
    writer.close()
    await writer.wait_closed()
    return found


@pytest.mark.parametrize("name", ["error-inside", "failed"])
async def test_an_error_inside_the_stream_comes_behind_the_text(side: Side, name: str) -> None:
    text = f"scenario: {name} after=2 message='It broke.' code=bad_luck"

    with pytest.raises(openai.APIError, match="It broke") as raised:
        await side.stream(text)
    wire = await side.raw(text)

    assert raised.value.code == "bad_luck"
    assert wire.count(b'"content":"') == 3  # the empty one beside the role, and two words
    assert json.loads(wire.strip().splitlines()[-1].removeprefix(b"data: "))["error"]


@pytest.mark.parametrize("when", ["after=2", "before=yes"])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_response_breaks_off(
    side: Side, when: str, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        await side.raw(f"scenario: break-off {when}", stream=stream)
    await side.control.until(lambda seen: seen.open_streams == 0)

    assert side.control.left_by_client == 0
    assert [record for record in caplog.records if "scripted" in record.name] == []


async def test_a_break_off_leaves_other_responses_alone(side: Side) -> None:
    other = await side.openai.chat.completions.create(
        **chat("scenario: stall after=1 gate=other"), stream=True
    )
    await side.control.gate("other").reached()

    with pytest.raises(httpx2.RemoteProtocolError):
        await side.raw("scenario: break-off")

    side.control.gate("other").open()
    assert finish_of([chunk async for chunk in other]) == ["stop"]


async def test_a_stall_lasts_until_its_gate_opens(side: Side) -> None:
    gate = side.control.gate("middle")
    stream = await side.openai.chat.completions.create(
        **chat("scenario: stall after=2 gate=middle"), stream=True
    )
    before = [await anext(stream) for _ in range(3)]

    await gate.reached()
    gate.open()
    behind = [chunk async for chunk in stream]

    assert text_of(before) == "word0 word1"
    assert text_of(behind).startswith(" word2")


async def test_a_client_that_leaves_a_stall_is_seen(side: Side) -> None:
    stream = await side.openai.chat.completions.create(
        **chat("scenario: stall after=1 gate=never"), stream=True
    )
    await side.control.gate("never").reached()

    await stream.close()

    await side.control.client_left()
    assert side.control.open_streams == 0


async def test_a_hang_sends_no_headers_until_its_gate_opens(side: Side) -> None:
    with pytest.raises(openai.APITimeoutError):
        await side.openai.with_options(timeout=0.05).chat.completions.create(
            **chat("scenario: hang gate=start")
        )
    await side.control.client_left()

    side.control.gate("start").open()
    chunks = await side.stream("scenario: hang gate=start")

    assert "here I am" in text_of(chunks)


async def test_a_pause_of_some_seconds_ends_by_itself(side: Side) -> None:
    chunks = await side.stream("scenario: stall after=1 seconds=0.01")

    assert text_of(chunks).count("word") == 11


async def test_line_ends_and_comments_can_be_awkward(side: Side) -> None:
    wire = await side.raw("scenario: text tokens=2 crlf=yes comments=yes")
    chunks = await side.stream("scenario: text tokens=2 crlf=yes comments=yes")

    assert wire.count(b"\n") == wire.count(b"\r\n")
    assert b": scripted\r\n\r\ndata: " in wire
    assert text_of(chunks) == "word0 word1"


async def test_several_events_can_share_a_write_and_one_event_have_several(side: Side) -> None:
    together = await writes(side, "scenario: text tokens=4 events_per_write=3")
    apart = await writes(side, "scenario: text tokens=4 bytes_per_write=7")

    # Role, four words, finish and [DONE]: seven events.
    assert [write.count(b"data: ") for write in together] == [3, 3, 1]
    assert max(map(len, apart)) == 7
    assert b"".join(apart).count(b"data: ") == 7


async def test_a_fault_of_our_own_is_not_hidden() -> None:
    class Fault(Exception):
        pass

    async def receive() -> NoReturn:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        raise Fault

    async def hang_up(scope: Scope) -> None:
        raise AssertionError

    control = Control()
    wire = ChatWire(model="m", created=0, prompt_tokens=0)
    performance = Performance(
        Script(), wire, stream=True, delay_s=0, control=control, hang_up=hang_up
    )

    with pytest.raises(Fault):
        await performance({"type": "http"}, receive, send)

    assert (control.open_streams, control.left_by_client) == (0, 0)

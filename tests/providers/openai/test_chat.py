"""The provider over a real socket, with each opener."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from app.errors import ProviderError, ProviderRateLimited, ProviderTimeout
from app.events import Error, Event, StepEnd, StepStart, TextDelta, ToolInputStart, Usage
from app.messages import Message, StepRequest, TextPart, ToolCallPart, ToolOutputPart
from app.providers.openai.chat import OpenAIChat
from app.providers.openers.httptools_client import HttpToolsOpener
from app.providers.openers.opener import ApiPath, ByteStream, Opener
from tests.providers.openers.every_opener import EVERY_OPENER
from tests.providers.upstream import Connection, Script, Upstream, respond, serve

REQUEST = StepRequest(model="m", messages=[Message("user", [TextPart("Hello")])])
HEL = b'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n'
LO = b'data: {"choices":[{"index":0,"delta":{"content":"lo"}}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"


@pytest.fixture(params=EVERY_OPENER)
def make_opener(request: pytest.FixtureRequest) -> Callable[..., Opener]:
    return EVERY_OPENER[request.param]


@asynccontextmanager
async def provider_of(
    make_opener: Callable[..., Opener], *scripts: Script, read_timeout_s: float = 5.0
) -> AsyncIterator[tuple[OpenAIChat, Upstream]]:
    async with serve(*scripts) as upstream:
        provider = OpenAIChat(
            make_opener(base_url=upstream.url, max_retries=0, read_timeout_s=read_timeout_s)
        )
        try:
            yield provider, upstream
        finally:
            await provider.aclose()


class Reads:
    """An `emit` that keeps what it gets, one list per call, and tells when something came."""

    def __init__(self) -> None:
        self.lists: list[list[Event]] = []
        self._news = asyncio.Condition()

    async def __call__(self, events: Sequence[Event]) -> None:
        assert events
        async with self._news:
            self.lists.append(list(events))
            self._news.notify_all()

    async def number(self, count: int) -> None:
        """Return once there are ``count`` lists."""
        async with asyncio.timeout(5), self._news:
            await self._news.wait_for(lambda: len(self.lists) >= count)


async def test_an_answer_comes_as_one_list_of_events_per_network_read(
    make_opener: Callable[..., Opener],
) -> None:
    reads = Reads()

    async def play(connection: Connection) -> None:
        await connection.start()
        await reads.number(1)
        await connection.chunk(HEL + LO)
        await reads.number(2)
        await connection.chunk(b": nothing new\n\n" + STOP)
        await connection.chunk(USAGE + DONE)
        await connection.finish()

    async with provider_of(make_opener, play) as (provider, _):
        await provider.stream_step(REQUEST, reads)

    assert reads.lists == [[StepStart()], [TextDelta("Hello")], [StepEnd("stop", Usage(3, 2))]]


async def test_the_step_ends_at_done_although_the_server_stays(
    make_opener: Callable[..., Opener],
) -> None:
    closed = asyncio.Event()

    async def play(connection: Connection) -> None:
        await connection.start()
        await connection.chunk(HEL + STOP + DONE)
        await connection.closed_by_client()
        closed.set()

    reads = Reads()
    async with provider_of(make_opener, play) as (provider, _), asyncio.timeout(5):
        await provider.stream_step(REQUEST, reads)
        await closed.wait()

    assert reads.lists[-1] == [TextDelta("Hel"), StepEnd("stop")]


async def test_a_connection_serves_the_next_step_although_its_end_comes_late(
    make_opener: Callable[..., Opener],
) -> None:
    reads = Reads()

    async def play(connection: Connection) -> None:
        await connection.start()
        await connection.chunk(HEL + STOP + DONE)
        await reads.number(2)
        await connection.finish()

    async with provider_of(make_opener, play, respond(LO, STOP)) as (provider, upstream):
        await provider.stream_step(REQUEST, reads)
        await provider.stream_step(REQUEST, Reads())

    assert upstream.connections == 1


async def test_a_refusal_is_raised_before_anything_is_emitted(
    make_opener: Callable[..., Opener],
) -> None:
    reads = Reads()

    async with provider_of(make_opener, respond(b"{}", status=429)) as (provider, _):
        with pytest.raises(ProviderRateLimited):
            await provider.stream_step(REQUEST, reads)

    assert reads.lists == []


async def test_a_break_is_an_error_event_and_a_line_in_the_log(
    make_opener: Callable[..., Opener], caplog: pytest.LogCaptureFixture
) -> None:
    reads = Reads()

    async def play(connection: Connection) -> None:
        await connection.start()
        await connection.chunk(HEL)
        await reads.number(2)
        connection.abort()

    async with provider_of(make_opener, play) as (provider, _):
        with caplog.at_level(logging.WARNING, "app"):
            await provider.stream_step(REQUEST, reads)

    assert reads.lists[1:] == [
        [TextDelta("Hel")],
        [Error("provider_error", ProviderError.public_message)],
    ]
    assert "the stream broke off" in caplog.text


async def test_silence_is_an_error_event(make_opener: Callable[..., Opener]) -> None:
    async def play(connection: Connection) -> None:
        await connection.start()
        await connection.closed_by_client()

    reads = Reads()
    async with provider_of(make_opener, play, read_timeout_s=0.05) as (provider, _):
        await provider.stream_step(REQUEST, reads)

    assert reads.lists[1:] == [[Error("provider_timeout", ProviderTimeout.public_message)]]


async def test_an_error_in_the_stream_is_named_in_the_log_and_its_words_are_nowhere(
    make_opener: Callable[..., Opener], caplog: pytest.LogCaptureFixture
) -> None:
    reads = Reads()
    error = b'data: {"error":{"message":"upstream words","code":"upstream_code"}}\n\n'

    async with provider_of(make_opener, respond(HEL + error)) as (provider, _):
        await provider.stream_step(REQUEST, reads)

    assert isinstance(reads.lists[-1][-1], Error)
    assert "upstream words" not in repr(reads.lists)
    assert "upstream words" not in caplog.text
    assert "code='upstream_code'" in caplog.text


async def test_cancelling_closes_the_connection_at_once(
    make_opener: Callable[..., Opener],
) -> None:
    closed = asyncio.Event()

    async def play(connection: Connection) -> None:
        await connection.start()
        await connection.chunk(HEL)
        await connection.closed_by_client()
        closed.set()

    reads = Reads()
    async with provider_of(make_opener, play) as (provider, _):
        task = asyncio.ensure_future(provider.stream_step(REQUEST, reads))
        await reads.number(2)
        task.cancel()
        async with asyncio.timeout(5):
            await closed.wait()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_client_that_has_gone_closes_the_connection(
    make_opener: Callable[..., Opener],
) -> None:
    closed = asyncio.Event()

    async def play(connection: Connection) -> None:
        await connection.start()
        await connection.closed_by_client()
        closed.set()

    async def emit(_: Sequence[Event]) -> None:
        raise ConnectionResetError

    async with provider_of(make_opener, play) as (provider, _):
        with pytest.raises(ConnectionResetError):
            await provider.stream_step(REQUEST, emit)
        async with asyncio.timeout(5):
            await closed.wait()


class ScriptedReads:
    """An `Opener`, and the stream it opens, whose every read is given."""

    def __init__(self, *reads: bytes) -> None:
        self._reads = list(reads)
        self.closed = False

    async def open(self, path: ApiPath, body: bytes) -> ByteStream:
        return self

    is_at_end = False

    async def read(self) -> bytes:
        return self._reads.pop(0) if self._reads else b""

    async def aclose(self) -> None:
        self.closed = True


async def test_reads_without_news_and_behind_the_end_are_not_emitted() -> None:
    opener = ScriptedReads(b": ping\n\n", HEL[:20], HEL[20:], STOP + DONE, LO, LO)
    reads = Reads()

    await OpenAIChat(opener).stream_step(REQUEST, reads)

    assert reads.lists == [[StepStart()], [TextDelta("Hel")], [StepEnd("stop")]]
    assert opener.closed


async def test_the_history_goes_out_and_its_call_ids_are_not_used_again() -> None:
    request = StepRequest(
        model="m",
        messages=[
            Message("assistant", [ToolCallPart("call_0", "f", {})]),
            Message("tool", [ToolOutputPart("call_0", "f", "done")]),
        ],
        max_output_tokens=9,
    )
    call = (
        b'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"call_0",'
        b'"function":{"name":"f","arguments":""}}]},"finish_reason":"tool_calls"}]}\n\n'
    )
    reads = Reads()

    async with serve(respond(call + DONE)) as upstream:
        provider = OpenAIChat(HttpToolsOpener(base_url=upstream.url), max_tokens="max_tokens")
        await provider.stream_step(request, reads)
        await provider.aclose()

    body = json.loads(upstream.requests[0].body)
    assert [message["role"] for message in body["messages"]] == ["assistant", "tool"]
    assert body["max_tokens"] == 9
    start = reads.lists[1][0]
    assert isinstance(start, ToolInputStart)
    assert start.tool_call_id.startswith("call_")
    assert start.tool_call_id != "call_0"

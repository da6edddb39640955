"""One request and its response, on a connection to a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.errors import ProviderError, ProviderTimeout, ProviderUnreachable
from app.providers.openers.connection import Connection
from app.providers.openers.request_head import request_head
from app.providers.openers.response_framing import ResponseHead
from app.providers.openers.response_stream import ResponseStream
from tests.providers import upstream as server
from tests.providers.upstream import Script, respond, serve, settled

BODY = b"{}"


class Asking:
    """A stream on a connection of its own, and what has become of the connection."""

    def __init__(self, stream: ResponseStream, lost: asyncio.Event) -> None:
        self.stream = stream
        self.lost = lost
        self.freed: list[ResponseHead] = []

    async def ask(self, body: bytes = BODY) -> ResponseHead:
        return await self.stream.ask(request_head("POST", "/", "a.test", {}, len(body)), body)


@asynccontextmanager
async def asking(script: Script, read_timeout_s: float = 100.0) -> AsyncIterator[Asking]:
    lost = asyncio.Event()
    async with asyncio.timeout(20), serve(script) as upstream:
        port = int(upstream.url.rpartition(":")[2].removesuffix("/v1"))
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: Connection(lambda _: None, lambda _: lost.set()), "127.0.0.1", port
        )
        stream = ResponseStream(
            connection,
            read_timeout_s=read_timeout_s,
            on_free=lambda _, head: asked.freed.append(head),
        )
        asked = Asking(stream, lost)
        try:
            yield asked
        finally:
            connection.abort()
            await lost.wait()


async def test_what_has_come_is_taken_without_waiting() -> None:
    has_read = asyncio.Event()

    async def play(connection: server.Connection) -> None:
        await connection.start()
        await connection.chunk(b"a")
        await connection.chunk(b"b")
        await has_read.wait()
        await connection.finish()

    async with asking(play) as asked:
        await asked.ask()
        taken = b""
        while len(taken) < 2:
            taken += await asked.stream.read()
        assert taken == b"ab"
        assert asked.stream.take() is None
        ends = [asked.stream.is_at_end]
        has_read.set()
        assert await asked.stream.read() == b""
        assert asked.stream.take() == b""
        assert [*ends, asked.stream.is_at_end] == [False, True]
        assert [head.status for head in asked.freed] == [200]


async def test_a_listener_is_told_of_bytes_and_of_the_end_where_they_arrive() -> None:
    is_listening = asyncio.Event()
    told: list[bytes | None] = []
    over = asyncio.Event()

    async def play(connection: server.Connection) -> None:
        await connection.start()
        await is_listening.wait()
        await connection.chunk(b"a")
        await connection.finish()

    async with asking(play) as asked:
        await asked.ask()

        def listen() -> None:
            while (data := asked.stream.take()) is not None:
                told.append(data)
                if not data:
                    over.set()
                    return

        asked.stream.listen(listen)
        is_listening.set()
        await over.wait()

    assert told == [b"a", b""]


async def test_a_listener_is_told_of_an_error_once_everything_before_it_was_taken() -> None:
    is_listening, over = asyncio.Event(), asyncio.Event()
    told: list[bytes | None] = []
    failures: list[ProviderError] = []

    async def play(connection: server.Connection) -> None:
        await connection.start()
        await is_listening.wait()
        await connection.chunk(b"a")
        connection.reset()

    async with asking(play) as asked:
        await asked.ask()

        def listen() -> None:
            try:
                while (data := asked.stream.take()) is not None:
                    told.append(data)
            except ProviderError as error:
                failures.append(error)
                over.set()

        asked.stream.listen(listen)
        is_listening.set()
        await over.wait()

    assert told == [b"a"]
    assert [type(failure) for failure in failures] == [ProviderError]
    assert asked.freed == []


async def test_without_a_listener_again_one_reads_as_before() -> None:
    async with asking(respond(b"a")) as asked:
        asked.stream.listen(lambda: None)
        asked.stream.listen(None)
        await asked.ask()
        assert await asked.stream.read() == b"a"


async def test_the_time_in_which_nobody_reads_is_no_silence_of_the_server() -> None:
    async def play(connection: server.Connection) -> None:
        await connection.start()
        await connection.chunk(b"a" * 4_000_000)
        await connection.finish()

    async with asking(play, read_timeout_s=0.05) as asked:
        await asked.ask()
        is_over = asyncio.Event()
        asyncio.get_running_loop().call_later(0.4, is_over.set)  # eight times the time-out
        await is_over.wait()
        received = 0
        while data := await asked.stream.read():
            received += len(data)

    assert received == 4_000_000


async def test_silence_is_an_error_behind_what_came_before_it() -> None:
    async def play(connection: server.Connection) -> None:
        await connection.start()
        await connection.chunk(b"a")
        await connection.closed_by_client()

    async with asking(play, read_timeout_s=0.05) as asked:
        await asked.ask()
        await asked.lost.wait()
        assert await asked.stream.read() == b"a"
        for _ in range(2):
            with pytest.raises(ProviderTimeout):
                await asked.stream.read()


async def test_a_server_that_hangs_up_without_a_byte_has_not_answered() -> None:
    async with asking(server.hang_up) as asked:
        with pytest.raises(ProviderUnreachable):
            await asked.ask()
        assert asked.stream.is_unanswered


async def test_a_byte_is_a_beginning_of_an_answer() -> None:
    async def play(connection: server.Connection) -> None:
        await connection.send(b"H")
        connection.close()

    async with asking(play) as asked:
        with pytest.raises(ProviderUnreachable):
            await asked.ask()
        assert not asked.stream.is_unanswered


async def test_silence_is_no_lost_connection() -> None:
    async with asking(server.Connection.closed_by_client, read_timeout_s=0.05) as asked:
        with pytest.raises(ProviderTimeout):
            await asked.ask()
        assert not asked.stream.is_unanswered


async def test_a_connection_whose_response_is_not_over_is_closed() -> None:
    async def play(connection: server.Connection) -> None:
        await connection.start()
        await connection.closed_by_client()

    async with asking(play) as asked:
        await asked.ask()
        await asked.stream.aclose()
        await asked.stream.aclose()
        await asked.lost.wait()
        with pytest.raises(ProviderError, match="was closed"):
            await asked.stream.read()
        assert asked.freed == []


async def test_a_stream_that_is_closed_wakes_whoever_reads() -> None:
    async def play(connection: server.Connection) -> None:
        await connection.start()
        await connection.closed_by_client()

    async with asking(play) as asked:
        await asked.ask()
        reading = asyncio.ensure_future(asked.stream.read())
        await settled()
        await asked.stream.aclose()
        with pytest.raises(ProviderError, match="was closed"):
            await reading

"""Every framing of a body, in every cut, as every opener reads it."""

import asyncio
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.providers.openers.opener import Opener
from tests.providers.openers.every_opener import MakeOpener
from tests.providers.openers.reading import ask
from tests.providers.upstream import Connection, Script, accept, serve, settled

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
TEXT = b"data: one\n\ndata: two\n\n"

# Each says TEXT.
RESPONSES = {
    "content-length": OK + b"content-length: 22\r\n\r\n" + TEXT,
    "one chunk": CHUNKED + b"16\r\n" + TEXT + b"\r\n0\r\n\r\n",
    "many chunks": CHUNKED + b"".join(b"1\r\n%c\r\n" % byte for byte in TEXT) + b"0\r\n\r\n",
    "extensions": CHUNKED
    + b'b;name=value;quoted="a;b";bare\r\ndata: one\n\n\r\n'
    + b"B;x\r\ndata: two\n\n\r\n0;last=1\r\n\r\n",
    "zeros": CHUNKED + b"0000b\r\ndata: one\n\n\r\n00B\r\ndata: two\n\n\r\n000\r\n\r\n",
    "trailers": CHUNKED + b"16\r\n" + TEXT + b"\r\n0\r\nX-Sum: 1\r\nx-more: a b\r\n\r\n",
    "interim": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    + OK
    + b"content-length: 22\r\n\r\n"
    + TEXT,
    "to the end of the connection": OK + b"connection: close\r\n\r\n" + TEXT,
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nserver: old\r\n\r\n" + TEXT,
}
ENDS_WITH_THE_CONNECTION = ("to the end of the connection", "HTTP/1.0")


def in_pieces(response: bytes, cuts: list[int], *, closes: bool) -> Script:
    """Return a script that lets the client read each piece by itself."""

    async def play(connection: Connection) -> None:
        for begin, end in zip([0, *cuts], [*cuts, len(response)], strict=True):
            await connection.send(response[begin:end])
            for _ in range(3):
                await asyncio.sleep(0)
        if closes:
            connection.close()

    return play


@pytest.mark.parametrize("name", RESPONSES)
def test_the_cuts_of_a_response_make_no_difference(make_opener: MakeOpener, name: str) -> None:
    response = RESPONSES[name]
    closes = name in ENDS_WITH_THE_CONNECTION
    scripts: list[Script] = []

    async def play(connection: Connection) -> None:
        await scripts[-1](connection)

    async def check(opener: Opener, cuts: list[int]) -> None:
        scripts.append(in_pieces(response, cuts, closes=closes))
        assert await ask(opener) == TEXT

    async def open_all() -> tuple[Opener, str]:
        upstream = await serving.__aenter__()
        return make_opener(base_url=upstream.url), upstream.url

    with asyncio.Runner() as runner:
        serving = serve(*[play] * 1000)
        opener, _ = runner.run(open_all())

        @settings(max_examples=12, deadline=None, database=None)
        @given(st.sets(st.integers(1, len(response) - 1), max_size=9))
        def search(cuts: set[int]) -> None:
            runner.run(check(opener, sorted(cuts)))

        try:
            runner.run(check(opener, list(range(1, len(response)))))
            search()
        finally:
            runner.run(opener.aclose())
            runner.run(serving.__aexit__(None, None, None))


@pytest.mark.parametrize(
    "response",
    [
        CHUNKED + b"0\r\n\r\n",
        OK + b"content-length: 0\r\n\r\n",
        OK + b"connection: close\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ],
    ids=["chunked", "content-length", "to the end of the connection", "204"],
)
async def test_a_body_may_be_empty(make_opener: MakeOpener, response: bytes) -> None:
    script = in_pieces(response, [], closes=b"close" in response)

    async with serve(script) as upstream, aclosing(make_opener(base_url=upstream.url)) as opener:
        assert await ask(opener) == b""


@pytest.mark.parametrize("framing", ["chunked", "content-length", "connection"])
async def test_a_large_body_arrives_whole(make_opener: MakeOpener, framing: str) -> None:
    text = bytes(range(256)) * 8192
    response = {
        "chunked": CHUNKED + b"%x\r\n" % len(text) + text + b"\r\n0\r\n\r\n",
        "content-length": OK + b"content-length: %d\r\n\r\n" % len(text) + text,
        "connection": OK + b"connection: close\r\n\r\n" + text,
    }[framing]

    async with (
        serve(in_pieces(response, [], closes=framing == "connection")) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
    ):
        assert await ask(opener) == text


async def test_the_end_is_known_without_the_end_of_the_connection(make_opener: MakeOpener) -> None:
    for name in RESPONSES.keys() - set(ENDS_WITH_THE_CONNECTION):

        async def play(connection: Connection, response: bytes = RESPONSES[name]) -> None:
            await connection.read_request()
            await connection.send(response)
            await connection.closed_by_client()

        async with (
            accept(play) as upstream,
            aclosing(make_opener(base_url=upstream.url, read_timeout_s=100)) as opener,
        ):
            assert await ask(opener) == TEXT


async def test_a_stream_is_not_at_its_end_before_it_was_read(make_opener: MakeOpener) -> None:
    for name, response in RESPONSES.items():
        script = in_pieces(response, [], closes=name in ENDS_WITH_THE_CONNECTION)
        async with (
            serve(script) as upstream,
            aclosing(make_opener(base_url=upstream.url)) as opener,
            aclosing(await opener.open("/chat/completions", b"{}")) as stream,
        ):
            await settled()
            data = b""
            while data != TEXT:
                assert not stream.is_at_end
                data += await stream.read()

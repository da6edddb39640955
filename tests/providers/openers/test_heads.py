"""The heads of responses as every opener reads them: odd ones, and those that are none."""

import asyncio
from contextlib import aclosing

import pytest

from app.errors import ProviderError
from tests.providers.openers.every_opener import MakeOpener
from tests.providers.openers.reading import BODY, ask
from tests.providers.upstream import Connection, Script, respond, serve

OK = b"HTTP/1.1 200 OK\r\n"
END = b"content-length: 1\r\n\r\na"
ODD_HEADS = {
    "no reason": b"HTTP/1.1 200 \r\n" + END,
    "no reason and no space": b"HTTP/1.1 200\r\n" + END,
    "a long reason": b"HTTP/1.1 200 " + b"all is well " * 50 + b"\r\n" + END,
    "a reason in Latin-1": b"HTTP/1.1 200 tr\xe8s bien\r\n" + END,
    "names in upper case": OK + END.replace(b"content-length", b"CONTENT-LENGTH"),
    "no space behind the colon": OK + b"server:x\r\n" + END.replace(b": ", b":"),
    "spaces around a value": OK + b"server: \t x \t \r\n" + END,
    "an empty value": OK + b"server:\r\n" + END,
    "a value in UTF-8": "HTTP/1.1 200 OK\r\nserver: Ünï\r\n".encode() + END,
    "a folded value": OK + b"server: one\r\n two\r\n\tthree\r\n" + END,
    "a name twice": OK + b"set-cookie: a=1\r\nset-cookie: b=2\r\n" + END,
    "a hundred headers": OK + b"x-more: 1\r\n" * 100 + END,
    "8 kB in a header": OK + b"x-long: " + b"x" * 8000 + b"\r\n" + END,
    "another 2xx": b"HTTP/1.1 299 Odd\r\n" + END,
    "interim": b"HTTP/1.1 100 Continue\r\n\r\n" * 9 + OK + END,
    "interim with headers": b"HTTP/1.1 102 Processing\r\nx: 1\r\n\r\n" + OK + END,
    "unknown interim": b"HTTP/1.1 199 X\r\n\r\n" + OK + END,
    "a length with zeros": OK + b"content-length: 001\r\n\r\na",
    "the coding in capitals": OK + b"Transfer-Encoding: Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
}
NO_HEADS = {
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "no status line": b"hello\r\n\r\n",
    "HTTP/0.9": b"<html>hello</html>",
    "HTTP/2": b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0d\0\x04\0\xa0\0\0\0\x02\0\0\0\0",
    "no number for a status": b"HTTP/1.1 abc OK\r\ncontent-length: 1\r\n\r\na",
    "a short status": b"HTTP/1.1 20 OK\r\ncontent-length: 1\r\n\r\na",
    "a long status": b"HTTP/1.1 2000 OK\r\ncontent-length: 1\r\n\r\na",
    "a header without a colon": OK + b"server\r\ncontent-length: 1\r\n\r\na",
    "a header without a name": OK + b": x\r\ncontent-length: 1\r\n\r\na",
    "a NUL": OK + b"server: \0\r\ncontent-length: 1\r\n\r\na",
    "a length that is no number": OK + b"content-length: x\r\n\r\na",
    "a negative length": OK + b"content-length: -1\r\n\r\na",
    "a length with a sign": OK + b"content-length: +1\r\n\r\na",
    "two lengths": OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\nab",
    "a length of 80 bits": OK + b"content-length: 999999999999999999999999\r\n\r\na",
    "a coding that was not asked for": OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a coding without chunks": OK + b"transfer-encoding: gzip\r\n\r\na",
    "two framings": OK + b"transfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n0\r\n\r\n",
    "switching protocols": b"HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nabc",
    "half a head, and the end": OK + b"content-length: 1\r\n",
}


def send(data: bytes, *, ends: bool = False) -> Script:
    async def play(connection: Connection) -> None:
        await connection.send(data)
        if ends:
            connection.end()
        await connection.closed_by_client()

    return play


@pytest.mark.parametrize("name", ODD_HEADS)
async def test_an_odd_head_is_a_head(make_opener: MakeOpener, name: str) -> None:
    async with (
        serve(send(ODD_HEADS[name])) as upstream,
        aclosing(make_opener(base_url=upstream.url, max_retries=0)) as opener,
    ):
        assert await ask(opener) == b"a"


@pytest.mark.parametrize("name", NO_HEADS)
async def test_what_is_no_head_is_an_error_at_once(make_opener: MakeOpener, name: str) -> None:
    async with (
        asyncio.timeout(10),
        serve(send(NO_HEADS[name], ends=name.endswith("the end"))) as upstream,
        aclosing(make_opener(base_url=upstream.url, max_retries=0)) as opener,
    ):
        with pytest.raises(ProviderError):
            await ask(opener)


async def _status_line(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 200 ")
    while True:
        await connection.send(b"very " * 10_000)


async def _one_line(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 200 OK\r\nx-long: ")
    while True:
        await connection.send(b"x" * 50_000)


async def _one_name(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        await connection.send(b"x" * 50_000)


async def _many_lines(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        await connection.send(b"x-more: 1\r\n" * 5000)


async def _interim(connection: Connection) -> None:
    while True:
        await connection.send(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 1000)


async def _trailers(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n")
    while True:
        await connection.send(b"x-more: 1\r\n" * 5000)


async def _an_errors_lines(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 400 Bad Request\r\n")
    while True:
        await connection.send(b"x-more: 1\r\n" * 5000)


@pytest.mark.parametrize(
    "script",
    [_status_line, _one_line, _one_name, _many_lines, _interim, _trailers, _an_errors_lines],
)
async def test_what_has_no_end_is_cut_off(make_opener: MakeOpener, script: Script) -> None:
    sent_bytes = 0
    closed = asyncio.Event()

    async def play(connection: Connection) -> None:
        real = connection.send

        async def send(data: bytes) -> None:
            nonlocal sent_bytes
            await real(data)
            sent_bytes += len(data)

        connection.send = send  # type: ignore[method-assign]
        try:
            await script(connection)
        finally:
            closed.set()

    async with (
        asyncio.timeout(15),
        serve(play) as upstream,
        aclosing(make_opener(base_url=upstream.url, max_retries=0)) as opener,
    ):
        with pytest.raises(ProviderError):
            await ask(opener)
        await closed.wait()

    assert sent_bytes < 20_000_000  # what fits into the buffers of both ends


async def test_only_what_was_asked_for_is_sent(make_opener: MakeOpener) -> None:
    async with (
        serve(respond()) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
    ):
        await ask(opener, BODY)

    headers = upstream.requests[0].headers
    assert headers["host"] == f"127.0.0.1:{upstream.port}"
    assert headers["content-length"] == str(len(upstream.requests[0].body))
    assert not headers.keys() & {"transfer-encoding", "expect", "cookie", "te", "upgrade"}

"""What every opener promises, over a real socket."""

import asyncio
import gzip
import json
import socket
from collections.abc import Callable, Mapping
from contextlib import aclosing

import pytest

from app.errors import (
    ContextTooLong,
    InputNotSupported,
    ProviderError,
    ProviderModelNotFound,
    ProviderNotConfigured,
    ProviderRateLimited,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnauthorized,
    ProviderUnreachable,
)
from app.providers.failures import MAX_BODY_BYTES
from app.providers.openers.opener import ByteStream
from app.tracing import sending
from tests.providers.openers.every_opener import MakeOpener
from tests.providers.upstream import Connection, hang_up, respond, serve, settled

BODY = b'{"model":"m","messages":[{"role":"user","content":"Hello"}],"stream":true}'


async def read_all(stream: ByteStream) -> bytes:
    async with aclosing(stream):
        data = b""
        while piece := await stream.read():
            data += piece
        assert await stream.read() == b""
        return data


async def test_the_body_goes_out_and_the_response_comes_in(make_opener: MakeOpener) -> None:
    async with (
        serve(respond(b"data: a\n\n", b"data: b\n\n")) as upstream,
        aclosing(make_opener(base_url=upstream.url, api_key="k")) as opener,
    ):
        data = await read_all(await opener.open("/chat/completions", BODY))

    assert data == b"data: a\n\ndata: b\n\n"
    assert upstream.requests[0].target == "/v1/chat/completions"
    assert json.loads(upstream.requests[0].body) == json.loads(BODY)


async def test_what_has_come_is_there_before_more_comes(make_opener: MakeOpener) -> None:
    first_was_read = asyncio.Event()

    async def play(connection: Connection) -> None:
        await connection.start()
        await connection.chunk(b"data: a\n\n")
        await first_was_read.wait()
        await connection.chunk(b"data: b\n\n")
        await connection.finish()

    async with serve(play) as upstream, aclosing(make_opener(base_url=upstream.url)) as opener:
        stream = await opener.open("/chat/completions", BODY)
        first = await stream.read()
        first_was_read.set()
        rest = await read_all(stream)

    assert (first, rest) == (b"data: a\n\n", b"data: b\n\n")


async def test_a_response_may_be_of_the_responses_api(make_opener: MakeOpener) -> None:
    async with (
        serve(respond(b"data: a\n\n")) as upstream,
        aclosing(make_opener(base_url=upstream.url + "/")) as opener,
    ):
        await read_all(await opener.open("/responses", b'{"model":"m","input":"Hello"}'))

    assert upstream.requests[0].target == "/v1/responses"


async def test_credentials_go_into_headers(make_opener: MakeOpener) -> None:
    async with serve(respond()) as upstream:
        opener = make_opener(
            base_url=upstream.url, api_key="secret", organization="org", project="proj"
        )
        async with aclosing(opener):
            await read_all(await opener.open("/chat/completions", BODY))

    headers = upstream.requests[0].headers
    assert headers["authorization"] == "Bearer secret"
    assert headers["openai-organization"] == "org"
    assert headers["openai-project"] == "proj"
    assert headers["content-type"] == "application/json"
    assert headers["accept-encoding"] == "identity"


async def test_a_trace_goes_on_at_the_models_server(make_opener: MakeOpener) -> None:
    trace = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": "page=1"}
    async with (
        serve(respond(), respond()) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
    ):
        with sending(trace):
            await read_all(await opener.open("/chat/completions", BODY))
        await read_all(await opener.open("/chat/completions", BODY))

    traced, untraced = upstream.requests
    assert {name: traced.headers[name] for name in trace} == trace
    assert trace.keys() & untraced.headers.keys() == set()


async def test_without_a_key_another_server_gets_no_authorization(make_opener: MakeOpener) -> None:
    async with (
        serve(respond()) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
    ):
        await read_all(await opener.open("/chat/completions", BODY))

    assert "authorization" not in upstream.requests[0].headers
    assert "openai-organization" not in upstream.requests[0].headers


async def test_without_a_key_openais_own_server_is_not_asked(make_opener: MakeOpener) -> None:
    async with aclosing(make_opener()) as opener:
        with pytest.raises(ProviderNotConfigured):
            await opener.open("/chat/completions", BODY)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"error":{"message":"no"}}', ProviderRefused),
        (400, b'{"error":{"code":"context_length_exceeded"}}', ContextTooLong),
        (401, b'{"error":{"message":"wrong key: secret"}}', ProviderUnauthorized),
        (403, b"", ProviderUnauthorized),
        (404, b"<html>", ProviderModelNotFound),
        (422, b"[]", ProviderRefused),
        (429, b"{}", ProviderRateLimited),
        (500, b'{"error":"oops"}', ProviderError),
        (503, b"not now " * 12_500, ProviderError),
    ],
)
async def test_a_refusal_is_an_error_of_ours(
    make_opener: MakeOpener, status: int, body: bytes, kind: type[ProviderError]
) -> None:
    async with serve(respond(body or b" ", status=status)) as upstream:
        opener = make_opener(base_url=upstream.url, api_key="secret", max_retries=0)
        async with aclosing(opener):
            with pytest.raises(ProviderError) as caught:
                await opener.open("/chat/completions", BODY)

    assert type(caught.value) is kind
    assert str(caught.value).startswith(f"status {status}")
    assert "secret" not in str(caught.value)


async def test_a_request_that_is_itself_wrong_is_sent_once_whatever_the_status(
    make_opener: MakeOpener,
) -> None:
    """llama.cpp responds with 500 to an image that its model cannot read."""
    body = b'{"error":{"code":500,"message":"image input is not supported","type":"server_error"}}'

    async with (
        serve(*[respond(body, status=500, headers={"retry-after-ms": "1"})] * 3) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
    ):
        with pytest.raises(InputNotSupported):
            await opener.open("/chat/completions", BODY)

    assert len(upstream.requests) == 1


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
async def test_what_may_pass_is_tried_again(make_opener: MakeOpener, status: int) -> None:
    refusal = respond(b"{}", status=status, headers={"retry-after-ms": "1"})

    async with (
        serve(refusal, refusal, respond(b"data: a\n\n")) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
    ):
        data = await read_all(await opener.open("/chat/completions", BODY))

    assert data == b"data: a\n\n"
    assert [json.loads(request.body) for request in upstream.requests] == [json.loads(BODY)] * 3


async def test_a_lost_connection_is_tried_again(make_opener: MakeOpener) -> None:
    async with (
        serve(hang_up, respond(b"data: a\n\n")) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
    ):
        data = await read_all(await opener.open("/chat/completions", BODY))

    assert data == b"data: a\n\n"


@pytest.mark.parametrize(
    "headers", [{"retry-after-ms": "1", "retry-after": "20"}, {"retry-after": "500"}]
)
async def test_in_the_end_a_rate_limit_says_how_long(
    make_opener: MakeOpener, headers: Mapping[str, str]
) -> None:
    refusal = respond(b"{}", status=429, headers=headers)

    async with (
        serve(refusal, refusal, refusal) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
    ):
        with pytest.raises(ProviderRateLimited) as caught:
            await opener.open("/chat/completions", BODY)

    assert caught.value.retry_after == headers["retry-after"]
    assert len(upstream.requests) == (3 if "retry-after-ms" in headers else 1)


async def test_a_server_that_is_not_there_is_unreachable(make_opener: MakeOpener) -> None:
    async with serve() as upstream:
        url = upstream.url

    async with aclosing(make_opener(base_url=url, max_retries=0)) as opener:
        with pytest.raises(ProviderUnreachable):
            await opener.open("/chat/completions", BODY)


async def test_a_server_that_hangs_up_is_unreachable(make_opener: MakeOpener) -> None:
    async with (
        serve(hang_up) as upstream,
        aclosing(make_opener(base_url=upstream.url, max_retries=0)) as opener,
    ):
        with pytest.raises(ProviderUnreachable):
            await opener.open("/chat/completions", BODY)


async def test_a_server_that_never_accepts_is_unreachable(make_opener: MakeOpener) -> None:
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for waiting in (first, second):  # the backlog is full then
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        opener = make_opener(base_url=url, max_retries=0, connect_timeout_s=0.05)
        async with aclosing(opener):
            with pytest.raises(ProviderUnreachable):
                await opener.open("/chat/completions", BODY)


async def silence(connection: Connection) -> None:
    await connection.closed_by_client()


async def test_no_headers_in_time_is_a_timeout(make_opener: MakeOpener) -> None:
    async with serve(silence) as upstream:
        opener = make_opener(base_url=upstream.url, max_retries=0, read_timeout_s=0.05)
        async with aclosing(opener):
            with pytest.raises(ProviderTimeout):
                await opener.open("/chat/completions", BODY)


async def test_silence_in_the_middle_is_a_timeout(make_opener: MakeOpener) -> None:
    async def play(connection: Connection) -> None:
        await connection.start()
        await connection.chunk(b"data: a\n\n")
        await silence(connection)

    async with (
        serve(play) as upstream,
        aclosing(make_opener(base_url=upstream.url, read_timeout_s=0.05)) as opener,
        aclosing(await opener.open("/chat/completions", BODY)) as stream,
    ):
        assert await stream.read() == b"data: a\n\n"
        with pytest.raises(ProviderTimeout):
            await stream.read()


async def test_a_break_in_the_middle_is_an_error(make_opener: MakeOpener) -> None:
    first_was_read = asyncio.Event()

    async def play(connection: Connection) -> None:
        await connection.start()
        await connection.chunk(b"data: a\n\n")
        await first_was_read.wait()
        connection.abort()

    async with (
        serve(play) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
        aclosing(await opener.open("/chat/completions", BODY)) as stream,
    ):
        await stream.read()
        first_was_read.set()
        with pytest.raises(ProviderError) as caught:
            await stream.read()

    assert type(caught.value) is ProviderError


@pytest.mark.parametrize("is_read_late", [False, True], ids=["waited for", "read late"])
@pytest.mark.parametrize("break_off", [Connection.reset, Connection.close], ids=["reset", "close"])
async def test_no_byte_is_lost_to_a_break_right_after_it(
    make_opener: MakeOpener, break_off: Callable[[Connection], None], is_read_late: bool
) -> None:
    first_was_read, is_broken = asyncio.Event(), asyncio.Event()

    async def play(connection: Connection) -> None:
        await connection.start()
        await connection.chunk(b"data: a\n\n")
        await first_was_read.wait()
        await connection.send(b"9\r\ndata: b\n\n\r\n9\r\ndata:")
        break_off(connection)
        is_broken.set()

    async with (
        serve(play) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
        aclosing(await opener.open("/chat/completions", BODY)) as stream,
    ):
        assert await stream.read() == b"data: a\n\n"
        first_was_read.set()
        if is_read_late:
            await is_broken.wait()
            await settled()
        received = b""
        with pytest.raises(ProviderError) as caught:
            while data := await stream.read():
                received += data
        with pytest.raises(ProviderError):
            await stream.read()

    assert received == b"data: b\n\ndata:"
    assert type(caught.value) is ProviderError


async def test_no_byte_is_lost_if_all_of_it_came_before_the_first_read(
    make_opener: MakeOpener,
) -> None:
    async def play(connection: Connection) -> None:
        await connection.start()
        await connection.chunk(b"data: a\n\n")
        connection.reset()

    async with (
        serve(play) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
        aclosing(await opener.open("/chat/completions", BODY)) as stream,
    ):
        await settled()
        assert await stream.read() == b"data: a\n\n"
        with pytest.raises(ProviderError):
            await stream.read()


async def test_cancelling_before_the_headers_closes_the_connection(make_opener: MakeOpener) -> None:
    asked, closed = asyncio.Event(), asyncio.Event()

    async def play(connection: Connection) -> None:
        asked.set()
        await connection.closed_by_client()
        closed.set()

    async with serve(play) as upstream, aclosing(make_opener(base_url=upstream.url)) as opener:
        task = asyncio.ensure_future(opener.open("/chat/completions", BODY))
        await asked.wait()
        task.cancel()
        async with asyncio.timeout(5):
            await closed.wait()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_letting_go_in_the_middle_closes_the_connection(make_opener: MakeOpener) -> None:
    closed = asyncio.Event()

    async def play(connection: Connection) -> None:
        await connection.start()
        await connection.closed_by_client()
        closed.set()

    async with serve(play) as upstream, aclosing(make_opener(base_url=upstream.url)) as opener:
        stream = await opener.open("/chat/completions", BODY)
        await stream.aclose()
        async with asyncio.timeout(5):
            await closed.wait()
        await stream.aclose()


async def test_a_connection_serves_again_once_its_body_was_read(
    make_opener: MakeOpener,
) -> None:
    async with (
        serve(respond(b"a"), respond(b"b")) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
    ):
        for _ in range(2):
            await read_all(await opener.open("/chat/completions", BODY))

    assert upstream.connections == 1


async def test_many_responses_stream_at_once(make_opener: MakeOpener) -> None:
    streams = 120  # more than the usual limits of connection pools
    everybody_is_here = asyncio.Barrier(streams)

    async def play(connection: Connection) -> None:
        await connection.start()
        await everybody_is_here.wait()
        await connection.finish()

    async with (
        serve(*[play] * streams) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
    ):
        opened = [opener.open("/chat/completions", BODY) for _ in range(streams)]
        for stream in await asyncio.gather(*opened):
            assert await read_all(stream) == b""


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(make_opener: MakeOpener, status: int) -> None:
    async with serve() as elsewhere:
        moved = respond(status=status, headers={"location": f"{elsewhere.url}/chat/completions"})
        async with (
            serve(moved) as upstream,
            aclosing(make_opener(base_url=upstream.url, api_key="secret")) as opener,
        ):
            with pytest.raises(ProviderError) as caught:
                await opener.open("/chat/completions", BODY)

    assert type(caught.value) is ProviderError
    assert "the server redirects to 127.0.0.1" in str(caught.value)
    assert elsewhere.requests == []
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "deflate", "GZIP", "x-none-of-these"])
async def test_a_compressed_body_is_refused_unread(make_opener: MakeOpener, coding: str) -> None:
    closed = asyncio.Event()

    async def play(connection: Connection) -> None:
        await connection.start(200, {"content-encoding": coding})
        await connection.chunk(gzip.compress(b"data: a\n\n"))
        await connection.closed_by_client()
        closed.set()

    async with (
        asyncio.timeout(10),
        serve(play) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
    ):
        with pytest.raises(ProviderError, match="although identity was asked for") as caught:
            await opener.open("/chat/completions", BODY)
        await closed.wait()

    assert type(caught.value) is ProviderError
    assert len(upstream.requests) == 1


async def test_identity_is_no_compression(make_opener: MakeOpener) -> None:
    script = respond(b"data: a\n\n", headers={"content-encoding": "identity"})

    async with serve(script) as upstream, aclosing(make_opener(base_url=upstream.url)) as opener:
        assert await read_all(await opener.open("/chat/completions", BODY)) == b"data: a\n\n"


@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_of_an_endless_error_only_the_beginning_is_read(
    make_opener: MakeOpener, coding: str
) -> None:
    sent_bytes = 0
    closed = asyncio.Event()

    async def play(connection: Connection) -> None:
        nonlocal sent_bytes
        await connection.start(400, {"content-encoding": coding})
        try:
            while sent_bytes < 100_000_000:
                await connection.chunk(b"x" * 65536)
                sent_bytes += 65536
        finally:
            closed.set()

    async with (
        asyncio.timeout(15),
        serve(play) as upstream,
        aclosing(make_opener(base_url=upstream.url, max_retries=0)) as opener,
    ):
        with pytest.raises(ProviderRefused) as caught:
            await opener.open("/chat/completions", BODY)
        await closed.wait()

    assert len(str(caught.value)) <= MAX_BODY_BYTES
    assert sent_bytes < 20_000_000  # what fits into the buffers of both ends


async def test_headers_without_end_are_no_response(make_opener: MakeOpener) -> None:
    async def play(connection: Connection) -> None:
        await connection.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            await connection.send(b"x-more: 1\r\n" * 1000)

    async def never_final(connection: Connection) -> None:
        while True:
            await connection.send(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 1000)

    for script in (play, never_final):
        async with (
            asyncio.timeout(15),
            serve(script) as upstream,
            aclosing(make_opener(base_url=upstream.url, max_retries=0)) as opener,
        ):
            with pytest.raises(ProviderError):
                await opener.open("/chat/completions", BODY)


async def test_the_proxy_of_the_environment_is_used(
    make_opener: MakeOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(respond(b"data: a\n\n")) as proxy:
        port = proxy.url.rpartition(":")[2].removesuffix("/v1")
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("NO_PROXY", "localhost")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("http_proxy", raising=False)
        async with aclosing(make_opener(base_url="http://model.example/v1")) as opener:
            assert await read_all(await opener.open("/chat/completions", BODY)) == b"data: a\n\n"

    assert proxy.requests[0].target == "http://model.example/v1/chat/completions"


async def test_the_environment_may_except_a_server_from_the_proxy(
    make_opener: MakeOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(respond(b"data: a\n\n")) as upstream:
        monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:1")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        async with aclosing(make_opener(base_url=upstream.url)) as opener:
            assert await read_all(await opener.open("/chat/completions", BODY)) == b"data: a\n\n"

"""What only `HttpToolsOpener` does: its connections, and what it sends on them."""

import asyncio
from contextlib import aclosing

import pytest

from app import __version__
from app.errors import ProviderError, ProviderNotConfigured, ProviderRefused, ProviderUnreachable
from app.providers.openers.httptools_client import HttpToolsOpener
from app.providers.openers.opener import ByteStream
from tests.providers.openers.certificates import server_tls
from tests.providers.openers.proxying import tunnel_to
from tests.providers.openers.reading import Run, read_to_the_end
from tests.providers.upstream import Connection, Script, accept, hang_up, respond, serve, settled

BODY = b'{"model":"m","messages":[],"stream":true}'


async def read_all(stream: ByteStream) -> bytes:
    async with aclosing(stream):
        data = b""
        while piece := await stream.read():
            data += piece
        return data


async def ask(opener: HttpToolsOpener, body: bytes = BODY) -> bytes:
    return await read_all(await opener.open("/chat/completions", body))


def answer(head: bytes, *, and_then: Script | None = None) -> Script:
    """Return a script that sends these bytes."""

    async def play(connection: Connection) -> None:
        await connection.send(head)
        if and_then is not None:
            await and_then(connection)

    return play


async def close(connection: Connection) -> None:
    connection.close()


WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na"


async def test_it_says_who_it_is_and_what_it_wants() -> None:
    async with (
        serve(respond()) as upstream,
        aclosing(HttpToolsOpener(base_url=upstream.url)) as opener,
    ):
        await ask(opener)

    headers = upstream.requests[0].headers
    assert headers["user-agent"] == f"deltaline/{__version__}"
    assert headers["accept"] == "text/event-stream"
    assert headers["host"] == upstream.url.removeprefix("http://").removesuffix("/v1")
    assert upstream.requests[0].body == BODY


async def test_credentials_in_the_address_are_sent_if_there_is_no_key() -> None:
    async with serve(respond(), respond()) as upstream:
        url = upstream.url.replace("://", "://user:pass@")
        for key in (None, "k"):
            async with aclosing(HttpToolsOpener(base_url=url, api_key=key)) as opener:
                await ask(opener)

    sent = [request.headers["authorization"] for request in upstream.requests]
    assert sent == ["Basic dXNlcjpwYXNz", "Bearer k"]


async def test_a_key_with_a_line_end_is_sent_to_nobody() -> None:
    async with (
        serve(respond()) as upstream,
        aclosing(HttpToolsOpener(base_url=upstream.url, api_key="a\r\nx: b")) as opener,
    ):
        with pytest.raises(ProviderNotConfigured, match="line end"):
            await ask(opener)

    assert upstream.connections == 0


@pytest.mark.parametrize("die", [hang_up, close, Connection.closed_by_client])
async def test_a_request_on_a_dead_connection_goes_out_again_at_once(die: Script) -> None:
    """The server closes the idle connection while, or after, the request is on its way."""
    naps: list[float] = []

    async def nap(seconds: float) -> None:
        naps.append(seconds)

    async def play(connection: Connection) -> None:
        await respond(b"a")(connection)
        if die is Connection.closed_by_client:
            connection.close()  # before the request; the client has not noticed yet

    async with (
        serve(play, *([] if die is Connection.closed_by_client else [die]), respond(b"b")) as model,
        aclosing(HttpToolsOpener(base_url=model.url, sleep=nap)) as opener,
    ):
        assert await ask(opener) == b"a"
        assert await ask(opener) == b"b"

    assert naps == []
    assert model.connections == 2


async def test_a_request_that_a_new_connection_loses_counts_as_a_failure() -> None:
    async with (
        serve(respond(b"a"), hang_up, hang_up) as upstream,
        aclosing(HttpToolsOpener(base_url=upstream.url, max_retries=0)) as opener,
    ):
        await ask(opener)
        with pytest.raises(ProviderUnreachable):
            await ask(opener)

    assert len(upstream.requests) == 3


async def test_a_request_is_not_sent_again_if_an_answer_had_begun() -> None:
    async with (
        serve(respond(b"a"), answer(b"HTTP/1.1 2", and_then=hang_up), respond(b"b")) as upstream,
        aclosing(HttpToolsOpener(base_url=upstream.url, max_retries=0)) as opener,
    ):
        await ask(opener)
        with pytest.raises(ProviderUnreachable):
            await ask(opener)

    assert len(upstream.requests) == 2


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\na",
        b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 1\r\n\r\na",
        WHOLE + b"more",
        WHOLE + WHOLE,
    ],
    ids=["close", "1.0", "keep-alive for a moment", "garbage behind", "a second response"],
)
async def test_some_responses_end_their_connection(response: bytes) -> None:
    stays_open = answer(response, and_then=Connection.closed_by_client)

    async with (
        serve(stays_open, answer(WHOLE)) as upstream,
        aclosing(HttpToolsOpener(base_url=upstream.url)) as opener,
    ):
        assert [await ask(opener), await ask(opener)] == [b"a", b"a"]

    assert upstream.connections == 2


async def test_bytes_on_an_idle_connection_end_it() -> None:
    may_send, is_closed = asyncio.Event(), asyncio.Event()

    async def unasked(connection: Connection) -> None:
        await may_send.wait()
        await connection.send(WHOLE)
        await connection.closed_by_client()
        is_closed.set()

    async with (
        serve(answer(WHOLE, and_then=unasked), answer(WHOLE.replace(b"a", b"b"))) as upstream,
        aclosing(HttpToolsOpener(base_url=upstream.url)) as opener,
    ):
        await ask(opener)
        may_send.set()
        await is_closed.wait()
        assert await ask(opener) == WHOLE.replace(b"a", b"b")[-1:]

    assert upstream.connections == 2


async def test_an_idle_connection_is_closed_after_a_while() -> None:
    is_closed = asyncio.Event()

    async def play(connection: Connection) -> None:
        await respond(b"a")(connection)
        await connection.closed_by_client()
        is_closed.set()

    async with (
        asyncio.timeout(10),
        serve(play) as upstream,
        aclosing(HttpToolsOpener(base_url=upstream.url, idle_s=0.05)) as opener,
    ):
        await ask(opener)
        await is_closed.wait()


async def test_a_body_that_is_over_frees_its_connection_before_it_is_read() -> None:
    async with (
        serve(respond(b"a"), respond(b"b")) as upstream,
        aclosing(HttpToolsOpener(base_url=upstream.url)) as opener,
    ):
        first = await opener.open("/chat/completions", BODY)
        await settled()
        second = await opener.open("/chat/completions", BODY)
        assert [await read_all(second), await read_all(first)] == [b"b", b"a"]

    assert upstream.connections == 1


async def test_a_large_body_arrives_whole_and_lets_others_go_on() -> None:
    body = bytes(range(256)) * 32768
    beats = 0
    is_sent = False

    async def beat() -> None:
        nonlocal beats
        while not is_sent:
            beats += 1
            await asyncio.sleep(0)

    async with (
        serve(respond(b"a")) as upstream,
        aclosing(HttpToolsOpener(base_url=upstream.url)) as opener,
    ):
        beating = asyncio.ensure_future(beat())
        await ask(opener, body)
        is_sent = True
        await beating

    assert upstream.requests[0].body == body
    assert beats > 8 * 2**20 / 65536


async def test_a_refusal_before_the_request_is_sent_wholly_is_read() -> None:
    async def refuse(connection: Connection) -> None:
        await connection.start(413)
        await connection.chunk(b'{"error":{"message":"too large"}}')
        await connection.finish()
        await connection.closed_by_client()

    async with (
        accept(refuse) as upstream,
        aclosing(HttpToolsOpener(base_url=upstream.url)) as opener,
    ):
        with pytest.raises(ProviderRefused, match="status 413: too large"):
            await ask(opener, b"x" * 30_000_000)


async def test_a_yes_before_the_request_is_sent_wholly_is_waited_with() -> None:
    body = b"x" * 30_000_000
    received = 0

    async def agree_early(connection: Connection) -> None:
        nonlocal received
        await connection.start()
        while received < len(body):
            received += len(await connection.read_some())
        await connection.chunk(b"a")
        await connection.finish()

    async with (
        accept(agree_early) as upstream,
        aclosing(HttpToolsOpener(base_url=upstream.url)) as opener,
    ):
        assert await ask(opener, body) == b"a"

    assert received >= len(body)


async def test_a_server_that_goes_while_it_is_sent_a_large_body_is_unreachable() -> None:
    async def go(connection: Connection) -> None:
        await connection.read_some()
        connection.reset()

    async with (
        accept(go) as upstream,
        aclosing(HttpToolsOpener(base_url=upstream.url, max_retries=0)) as opener,
    ):
        with pytest.raises(ProviderUnreachable):
            await ask(opener, b"x" * 30_000_000)


async def test_an_endless_error_is_cut_and_its_connection_closed() -> None:
    closed = asyncio.Event()

    async def play(connection: Connection) -> None:
        await connection.start(500)
        await connection.chunk(b"x" * 65536)
        await connection.closed_by_client()
        closed.set()

    async with (
        serve(play) as upstream,
        aclosing(HttpToolsOpener(base_url=upstream.url, max_retries=0)) as opener,
    ):
        with pytest.raises(ProviderError, match="status 500"):
            await ask(opener)
        await closed.wait()


@pytest.mark.parametrize("ends_well", [True, False], ids=["goodbye", "cut"])
def test_a_body_that_is_cut_off_within_tls_is_not_whole(run: Run, ends_well: bool) -> None:
    async def play(connection: Connection) -> None:
        await connection.send(b"HTTP/1.1 200 OK\r\n\r\ndata: a\n\n")
        if ends_well:
            connection.close()
        else:
            connection.abort()

    async def check() -> None:
        async with (
            serve(play, tls=server_tls()) as upstream,
            aclosing(HttpToolsOpener(base_url=upstream.url)) as opener,
            aclosing(await opener.open("/chat/completions", BODY)) as stream,
        ):
            received, failure = await read_to_the_end(stream)
        assert received == b"data: a\n\n"
        assert (failure is None) is ends_well

    run(check())


async def test_closing_it_ends_its_streams_and_its_connections() -> None:
    async def play(connection: Connection) -> None:
        await connection.start()
        await connection.chunk(b"a")
        await connection.closed_by_client()

    async with serve(respond(), play) as upstream:
        opener = HttpToolsOpener(base_url=upstream.url)
        await ask(opener)
        stream = await opener.open("/chat/completions", BODY)
        await opener.aclose()
        assert opener._pool.connections == set()
        assert await stream.read() == b"a"
        with pytest.raises(ProviderError):
            await stream.read()
        with pytest.raises(ProviderUnreachable, match="closed"):
            await opener.open("/chat/completions", BODY)
        await opener.aclose()


async def test_closing_it_unused_or_twice_is_harmless() -> None:
    opener = HttpToolsOpener()

    await opener.aclose()
    await opener.aclose()


async def test_a_proxy_of_another_kind_is_named_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "socks5://user:secret@127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")

    opener = HttpToolsOpener(base_url="http://model.test/v1", max_retries=0)
    async with aclosing(opener):
        with pytest.raises(ProviderUnreachable, match="http:// or https://") as caught:
            await ask(opener)

    assert "secret" not in str(caught.value)


def test_tls_goes_through_tls_on_either_event_loop(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check() -> None:
        async with (
            serve(respond(b"abc" * 100_000), respond(b"d"), tls=server_tls()) as upstream,
            serve(tunnel_to(upstream.port), tls=server_tls()) as proxy,
        ):
            monkeypatch.setenv("https_proxy", f"https://127.0.0.1:{proxy.port}")
            url = upstream.url.replace("127.0.0.1", "localhost")
            async with aclosing(HttpToolsOpener(base_url=url)) as opener:
                assert [await ask(opener), await ask(opener)] == [b"abc" * 100_000, b"d"]
        assert proxy.connections == 1

    run(check())

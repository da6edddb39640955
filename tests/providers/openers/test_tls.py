"""TLS as every opener does it: who is trusted, and what ends a handshake or a body."""

import asyncio
import json
import os
import ssl
import sys
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from app.errors import ProviderError, ProviderUnreachable
from tests.providers.openers.certificates import (
    server_tls,
    trusted,
    unknown,
    write_file,
    write_folder,
)
from tests.providers.openers.every_opener import EVERY_OPENER, MakeOpener
from tests.providers.openers.reading import BODY, ask, read_to_the_end
from tests.providers.upstream import Connection, accept, respond, serve

ROOT = Path(__file__).parents[3]


async def test_a_server_with_a_good_certificate_is_asked(make_opener: MakeOpener) -> None:
    async with (
        serve(respond(b"data: a\n\n"), respond(b"data: b\n\n"), tls=server_tls()) as upstream,
        aclosing(make_opener(base_url=upstream.url, api_key="k")) as opener,
    ):
        assert await ask(opener) == b"data: a\n\n"
        assert await ask(opener) == b"data: b\n\n"

    assert upstream.requests[0].headers["authorization"] == "Bearer k"
    assert upstream.connections == 1


async def test_the_servers_name_and_http_1_are_said_in_the_handshake(
    make_opener: MakeOpener,
) -> None:
    names: list[str | None] = []
    protocols: list[str | None] = []
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trusted().issue_cert("localhost").configure_cert(tls)
    tls.sni_callback = lambda _, name, __: names.append(name)
    tls.set_alpn_protocols(["h2", "http/1.1"])

    async def play(connection: Connection) -> None:
        assert connection.tls is not None
        protocols.append(connection.tls.selected_alpn_protocol())
        await respond(b"data: a\n\n")(connection)

    async with serve(play, tls=tls) as upstream:
        opener = make_opener(base_url=f"https://localhost:{upstream.port}/v1")
        async with aclosing(opener):
            assert await ask(opener) == b"data: a\n\n"

    assert names == ["localhost"]
    assert protocols[0] in (None, "http/1.1")


@pytest.mark.parametrize(
    ("tls", "cause"),
    [
        (lambda: server_tls("model.test"), "certificate is not valid for '127.0.0.1'"),
        (lambda: server_tls(begins_in_days=-9, days=8), "certificate has expired"),
        (lambda: server_tls(begins_in_days=1), "certificate is not yet valid"),
        (lambda: server_tls(authority=unknown()), "unable to get local issuer certificate"),
    ],
    ids=["of another host", "expired", "not yet valid", "of an unknown authority"],
)
async def test_a_bad_certificate_is_refused_and_the_log_says_why(
    make_opener: MakeOpener, tls: Callable[[], ssl.SSLContext], cause: str
) -> None:
    async with serve(respond(), tls=tls()) as upstream:
        opener = make_opener(base_url=upstream.url, api_key="k", max_retries=0)
        async with aclosing(opener):
            with pytest.raises(ProviderUnreachable) as caught:
                await opener.open("/chat/completions", BODY)

    assert cause in caught.value.log_text
    assert upstream.requests == []


async def _plain(connection: Connection) -> None:
    await connection.read_some()
    await connection.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")


async def _hang_up_after_the_hello(connection: Connection) -> None:
    await connection.read_some()


async def _silence(connection: Connection) -> None:
    await connection.closed_by_client()


@pytest.mark.parametrize(
    "script", [_plain, _hang_up_after_the_hello, _silence], ids=["plain HTTP", "close", "silence"]
)
async def test_a_handshake_that_fails_or_never_ends_is_unreachable(
    make_opener: MakeOpener, script: Callable[[Connection], None]
) -> None:
    over = asyncio.Event()

    async def play(connection: Connection) -> None:
        await script(connection)  # type: ignore[misc,func-returns-value]
        await connection.closed_by_client()
        over.set()

    async with accept(play) as upstream:
        url = upstream.url.replace("http:", "https:")
        opener = make_opener(base_url=url, max_retries=0, connect_timeout_s=0.1)
        async with aclosing(opener), asyncio.timeout(10):
            with pytest.raises(ProviderUnreachable):
                await opener.open("/chat/completions", BODY)
            await over.wait()


async def test_a_server_that_wants_a_certificate_of_ours_is_unreachable(
    make_opener: MakeOpener,
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trusted().issue_cert("127.0.0.1").configure_cert(tls)
    tls.verify_mode = ssl.CERT_REQUIRED

    async with serve(respond(), tls=tls) as upstream:
        opener = make_opener(base_url=upstream.url, max_retries=0)
        async with aclosing(opener):
            with pytest.raises(ProviderUnreachable):
                await opener.open("/chat/completions", BODY)


async def test_tls_where_plain_http_was_expected_is_an_error(make_opener: MakeOpener) -> None:
    async with serve(respond(), tls=server_tls()) as upstream:
        opener = make_opener(base_url=upstream.url.replace("https:", "http:"), max_retries=0)
        async with aclosing(opener):
            with pytest.raises(ProviderError):
                await opener.open("/chat/completions", BODY)


async def test_a_chunked_body_cut_off_without_a_goodbye_is_broken(make_opener: MakeOpener) -> None:
    async def play(connection: Connection) -> None:
        await connection.start()
        await connection.chunk(b"data: a\n\n")
        connection.abort()

    async with (
        serve(play, tls=server_tls()) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
        aclosing(await opener.open("/chat/completions", BODY)) as stream,
    ):
        received, failure = await read_to_the_end(stream)

    assert received == b"data: a\n\n"
    assert type(failure) is ProviderError


@pytest.mark.parametrize("ends_well", [True, False], ids=["goodbye", "no goodbye"])
async def test_a_body_without_length_is_read_to_the_end_of_the_connection(
    make_opener: MakeOpener, ends_well: bool
) -> None:
    """asyncio does not say whether the other side said goodbye; the decoder misses the end."""

    async def play(connection: Connection) -> None:
        await connection.send(b"HTTP/1.1 200 OK\r\n\r\ndata: a\n\n")
        (Connection.close if ends_well else Connection.abort)(connection)

    async with (
        serve(play, tls=server_tls()) as upstream,
        aclosing(make_opener(base_url=upstream.url)) as opener,
        aclosing(await opener.open("/chat/completions", BODY)) as stream,
    ):
        received, failure = await read_to_the_end(stream)

    assert received == b"data: a\n\n"
    assert failure is None or not ends_well


# With each opener: asks a server whose authority the environment names, and one that nobody knows.
_PROGRAM = """
import asyncio, json, sys
from tests.providers.openers.every_opener import EVERY_OPENER
from tests.providers.openers.reading import ask

async def main():
    told = {}
    for name, make in EVERY_OPENER.items():
        told[name] = []
        for url in sys.argv[1:]:
            opener = make(base_url=url, max_retries=0)
            try:
                told[name].append((await ask(opener)).decode())
            except Exception as error:
                told[name].append(type(error).__name__)
            await opener.aclose()
    print(json.dumps(told))

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("variable", "write"), [("SSL_CERT_FILE", write_file), ("SSL_CERT_DIR", write_folder)]
)
async def test_the_environment_names_the_authorities(
    variable: str, write: Callable[..., Path], tmp_path: Path
) -> None:
    """In a process of its own, since a library may read the variables when it is imported."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SSL_")}
    environ[variable] = str(write(trusted(), tmp_path))

    async with (
        serve(*[respond(b"a")] * len(EVERY_OPENER), tls=server_tls()) as known,
        serve(*[respond(b"b")] * 9, tls=server_tls(authority=unknown())) as stranger,
    ):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _PROGRAM, known.url, stranger.url),
            cwd=ROOT,
            env=environ,
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()

    assert json.loads(output) == {name: ["a", "ProviderUnreachable"] for name in EVERY_OPENER}
    assert stranger.requests == []

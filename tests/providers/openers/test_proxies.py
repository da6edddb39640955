"""Proxies as every opener uses them: which requests go through one, and what it is told."""

import base64
import logging
import socket
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from app.errors import ProviderError, ProviderUnreachable
from tests.providers.openers.certificates import server_tls
from tests.providers.openers.every_opener import MakeOpener
from tests.providers.openers.proxying import proxy_py, tunnel_to
from tests.providers.openers.reading import BODY, ask
from tests.providers.upstream import Connection, Script, accept, hang_up, respond, serve

KEY = "sk-key-of-the-model"
PASSWORD = "p@ss/of:proxy"
QUOTED = "p%40ss%2Fof%3Aproxy"
CREDENTIALS = "Basic " + base64.b64encode(f"user:{PASSWORD}".encode()).decode()


@pytest.fixture(autouse=True)
def every_name_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every name lead to 127.0.0.1."""
    real = socket.getaddrinfo

    def found(host: Any, *args: Any, **options: Any) -> Any:
        return real("127.0.0.1" if str(host).endswith(".test") else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", found)


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Check after each test that neither the key nor the password was logged, at any level."""
    caplog.set_level(logging.DEBUG)
    yield
    for secret in (KEY, PASSWORD, QUOTED, CREDENTIALS.removeprefix("Basic ")):
        assert secret not in caplog.text


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_of_other_people_forwards_what_comes_with_its_credentials(
    make_opener: MakeOpener, scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = server_tls() if scheme == "https" else None

    async with (
        serve(respond(b"data: a\n\n"), respond(b"data: b\n\n"), tls=tls) as upstream,
        proxy_py(tmp_path, f"user:{PASSWORD}") as port,
    ):
        for user in ("user", "stranger"):
            monkeypatch.setenv(f"{scheme}_proxy", f"http://{user}:{QUOTED}@127.0.0.1:{port}")
            opener = make_opener(base_url=upstream.url, api_key=KEY, max_retries=0)
            async with aclosing(opener):
                if user == "user":
                    assert await ask(opener) == b"data: a\n\n"
                    assert await ask(opener) == b"data: b\n\n"
                else:
                    with pytest.raises(ProviderError, match="407"):
                        await opener.open("/chat/completions", BODY)

    assert len(upstream.requests) == 2
    for request in upstream.requests:
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert request.target == "/v1/chat/completions"
        # A plain request brings the credentials along; this proxy does not take them out.
        assert scheme == "http" or "proxy-authorization" not in request.headers


@pytest.mark.parametrize("user", ["", f"user:{QUOTED}@"], ids=["no credentials", "credentials"])
async def test_a_tunnel_keeps_key_and_credentials_apart(
    make_opener: MakeOpener, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        serve(respond(b"a"), respond(b"b"), tls=server_tls("model.test")) as upstream,
        serve(tunnel_to(upstream.port)) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"http://{user}127.0.0.1:{proxy.port}")
        opener = make_opener(base_url="https://model.test/v1", api_key=KEY)
        async with aclosing(opener):
            assert [await ask(opener), await ask(opener)] == [b"a", b"b"]

    [asked] = proxy.requests
    assert asked.target == "model.test:443"
    assert asked.headers.get("proxy-authorization") == (CREDENTIALS if user else None)
    assert KEY not in str(asked)
    for request in upstream.requests:
        assert request.target == "/v1/chat/completions"
        assert request.headers["host"] in ("model.test", "model.test:443")
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert "proxy-authorization" not in request.headers


@pytest.mark.parametrize("user", ["", f"user:{QUOTED}@"], ids=["no credentials", "credentials"])
async def test_a_plain_request_goes_to_the_proxy_with_its_whole_address(
    make_opener: MakeOpener, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(respond(b"a"), respond(b"b")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{user}127.0.0.1:{proxy.port}")
        opener = make_opener(base_url="http://model.test:8080/v1", api_key=KEY)
        async with aclosing(opener):
            assert [await ask(opener), await ask(opener)] == [b"a", b"b"]

    assert proxy.connections == 1
    for request in proxy.requests:
        assert request.target == "http://model.test:8080/v1/chat/completions"
        assert request.headers["host"] == "model.test:8080"
        assert request.headers.get("proxy-authorization") == (CREDENTIALS if user else None)


async def test_the_proxy_may_be_asked_over_tls(
    make_opener: MakeOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        serve(respond(b"a"), tls=server_tls("model.test")) as upstream,
        serve(tunnel_to(upstream.port), tls=server_tls("proxy.test")) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"https://user:{QUOTED}@proxy.test:{proxy.port}")
        async with aclosing(make_opener(base_url="https://model.test/v1", api_key=KEY)) as opener:
            assert await ask(opener) == b"a"

    assert proxy.requests[0].headers["proxy-authorization"] == CREDENTIALS


async def test_the_certificate_behind_a_tunnel_is_the_servers(
    make_opener: MakeOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        serve(respond(b"a"), tls=server_tls("proxy.test")) as upstream,
        serve(tunnel_to(upstream.port)) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"http://proxy.test:{proxy.port}")
        opener = make_opener(base_url="https://model.test/v1", api_key=KEY, max_retries=0)
        async with aclosing(opener):
            with pytest.raises(ProviderUnreachable) as caught:
                await opener.open("/chat/completions", BODY)

    assert "certificate is not valid for 'model.test'" in caught.value.log_text
    assert upstream.requests == []


async def test_a_proxy_may_be_named_without_a_scheme(
    make_opener: MakeOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(respond(b"a")) as proxy:
        monkeypatch.setenv("http_proxy", f"user:{QUOTED}@127.0.0.1:{proxy.port}")
        async with aclosing(make_opener(base_url="http://model.test/v1")) as opener:
            assert await ask(opener) == b"a"

    assert proxy.requests[0].headers["proxy-authorization"] == CREDENTIALS


async def test_of_two_spellings_the_one_in_lower_case_counts(
    make_opener: MakeOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(respond(b"a")) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("HTTP_PROXY", "http://other.test:1")
        async with aclosing(make_opener(base_url="http://model.test/v1")) as opener:
            assert await ask(opener) == b"a"


async def test_an_empty_variable_is_no_proxy(
    make_opener: MakeOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(respond(b"a")) as upstream:
        monkeypatch.setenv("http_proxy", "")
        async with aclosing(make_opener(base_url=upstream.url)) as opener:
            assert await ask(opener) == b"a"


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize(
    ("exceptions", "host", "is_direct"),
    [
        ("model.test", "model.test", True),
        ("other.test, MODEL.test", "model.test", True),
        ("test", "model.test", True),
        (".test", "model.test", True),
        (".model.test", "model.test", True),
        ("del.test", "model.test", False),
        ("model.test:{port}", "model.test", True),
        ("model.test:1", "model.test", False),
        ("*", "model.test", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.0/8", "127.0.0.1", False),
        ("", "model.test", False),
    ],
)
async def test_the_environment_may_except_servers(
    make_opener: MakeOpener,
    name: str,
    exceptions: str,
    host: str,
    is_direct: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the rules of `urllib.request.proxy_bypass`."""
    async with serve(respond(b"direct")) as upstream, serve(respond(b"proxy")) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv(name, exceptions.format(port=upstream.port))
        async with aclosing(make_opener(base_url=f"http://{host}:{upstream.port}/v1")) as opener:
            assert await ask(opener) == (b"direct" if is_direct else b"proxy")


async def _rubbish(connection: Connection) -> None:
    await connection.read_some()
    await connection.send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    await connection.closed_by_client()


async def _half_a_response(connection: Connection) -> None:
    await connection.read_some()
    await connection.send(b"HTTP/1.1 200 Conn")


async def _reset(connection: Connection) -> None:
    await connection.read_some()
    connection.reset()


async def _endless(connection: Connection) -> None:
    await connection.read_some()
    await connection.send(b"HTTP/1.1 200 OK\r\n")
    for _ in range(1000):
        await connection.send(b"x-more: 1\r\n" * 1000)


async def _silence(connection: Connection) -> None:
    await connection.closed_by_client()


async def _silence_in_the_tunnel(connection: Connection) -> None:
    await connection.read_some()
    await connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
    await connection.closed_by_client()


FAILING: dict[str, Script] = {
    "hangs up": hang_up,
    "resets": _reset,
    "breaks off": _half_a_response,
    "rubbish": _rubbish,
    "endless headers": _endless,
    "silence": _silence,
    "silence in the tunnel": _silence_in_the_tunnel,
}


@pytest.mark.parametrize("how", FAILING)
async def test_a_tunnel_that_fails_or_hangs_is_unreachable(
    make_opener: MakeOpener, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with accept(FAILING[how]) as proxy:
        monkeypatch.setenv("https_proxy", f"http://user:{QUOTED}@127.0.0.1:{proxy.port}")
        opener = make_opener(
            base_url="https://model.test/v1", api_key=KEY, max_retries=0, connect_timeout_s=0.2
        )
        async with aclosing(opener):
            with pytest.raises(ProviderUnreachable) as caught:
                await opener.open("/chat/completions", BODY)

    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("status", [302, 403, 407, 502])
async def test_a_proxy_that_refuses_the_tunnel_is_named_with_its_status(
    make_opener: MakeOpener, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve() as elsewhere:
        refused = respond(b"no", status=status, headers={"location": elsewhere.url})
        async with serve(refused) as proxy:
            monkeypatch.setenv("https_proxy", f"http://user:{QUOTED}@127.0.0.1:{proxy.port}")
            opener = make_opener(base_url="https://model.test/v1", api_key=KEY, max_retries=0)
            async with aclosing(opener):
                with pytest.raises(ProviderUnreachable, match=str(status)):
                    await opener.open("/chat/completions", BODY)

    assert elsewhere.connections == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_is_not_there_is_unreachable(
    make_opener: MakeOpener, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve() as proxy:
        pass
    monkeypatch.setenv(f"{scheme}_proxy", f"http://user:{QUOTED}@127.0.0.1:{proxy.port}")

    opener = make_opener(base_url=f"{scheme}://model.test/v1", api_key=KEY, max_retries=0)
    async with aclosing(opener):
        with pytest.raises(ProviderUnreachable):
            await opener.open("/chat/completions", BODY)

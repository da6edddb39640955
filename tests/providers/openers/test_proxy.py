"""Which proxy is asked, and how."""

from collections.abc import Mapping

import pytest

from app.providers.openers.proxy import Proxy, TunnelHandshake, proxy_for
from app.providers.openers.server_address import server_address

HTTP = server_address("http://a.test/v1")
HTTPS = server_address("https://a.test/v1")
PROXY = Proxy(False, "p.test", 3128)


def never(place: str) -> bool:
    return False


@pytest.mark.parametrize(
    ("proxies", "proxy"),
    [
        ({}, None),
        ({"https": "http://p.test:3128"}, None),
        ({"http": ""}, None),
        ({"http": "http://p.test:3128"}, PROXY),
        ({"http": "p.test:3128"}, PROXY),
        ({"http": "http://p.test"}, Proxy(False, "p.test", 80)),
        ({"http": "https://p.test"}, Proxy(True, "p.test", 443)),
        (
            {"http": "http://user:p%61ss@p.test:3128"},
            Proxy(False, "p.test", 3128, "Basic dXNlcjpwYXNz"),
        ),
        ({"http": "user:pass@p.test:3128"}, Proxy(False, "p.test", 3128, "Basic dXNlcjpwYXNz")),
    ],
)
def test_a_proxy_is_named_by_its_address(proxies: Mapping[str, str], proxy: Proxy | None) -> None:
    assert proxy_for(HTTP, proxies, never) == proxy


def test_each_scheme_has_a_proxy_of_its_own() -> None:
    proxies = {"http": "http://one.test:1", "https": "http://two.test:2"}

    assert proxy_for(HTTP, proxies, never) == Proxy(False, "one.test", 1)
    assert proxy_for(HTTPS, proxies, never) == Proxy(False, "two.test", 2)


def test_an_exception_is_asked_for_with_its_port() -> None:
    asked: list[str] = []

    def is_excepted(place: str) -> bool:
        asked.append(place)
        return True

    assert proxy_for(HTTPS, {"https": "http://p.test"}, is_excepted) is None
    assert asked == ["a.test:443"]


@pytest.mark.parametrize("address", ["socks5://user:secret@p.test:1", "http://:secret@", "http://"])
def test_an_address_that_cannot_be_used_is_refused_without_being_named(address: str) -> None:
    with pytest.raises(ValueError, match=r"starts with|names a host") as caught:
        proxy_for(HTTP, {"http": address}, never)

    assert "secret" not in str(caught.value)


def test_a_tunnel_is_asked_for_with_the_credentials_for_the_proxy() -> None:
    proxy = Proxy(False, "p.test", 3128, "Basic x")

    assert TunnelHandshake(proxy, HTTPS).request == (
        b"CONNECT a.test:443 HTTP/1.1\r\nhost: a.test:443\r\nproxy-authorization: Basic x\r\n\r\n"
    )
    assert b"proxy-authorization" not in TunnelHandshake(PROXY, HTTPS).request


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 Connection established\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nproxy-agent: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 OK\r\n\r\n",
    ],
)
def test_a_tunnel_is_open_when_the_proxy_agrees(response: bytes) -> None:
    handshake = TunnelHandshake(PROXY, HTTPS)

    for place in range(len(response)):
        assert not handshake.is_open
        handshake.feed(response[place : place + 1])

    assert (handshake.is_open, handshake.fault) == (True, None)


@pytest.mark.parametrize(
    ("response", "fault"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "status 403"),
        (
            b"HTTP/1.1 407 X\r\ncontent-length: 0\r\n\r\n",
            "status 407: HTTPS_PROXY has to name a user and a password that it knows",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\n\x16\x03\x01", "it sent more than its response"),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n",
            "it sent more than its response",
        ),
        (b"rubbish\r\n", "malformed HTTP: Expected HTTP/, RTSP/ or ICE/"),
    ],
)
def test_a_proxy_that_does_not_agree_says_why(response: bytes, fault: str) -> None:
    handshake = TunnelHandshake(PROXY, HTTPS)

    handshake.feed(response)

    assert (handshake.is_open, handshake.fault) == (False, fault)


def test_a_proxy_may_close_without_a_word() -> None:
    handshake = TunnelHandshake(PROXY, HTTPS)

    handshake.feed_end()

    assert handshake.fault == "the server closed the connection without a response"

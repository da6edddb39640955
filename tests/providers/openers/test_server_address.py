"""What a base URL says."""

import pytest

from app.providers.openers.server_address import ServerAddress, server_address


@pytest.mark.parametrize(
    ("url", "address", "authority"),
    [
        (None, ServerAddress(True, "api.openai.com", 443, "/v1"), "api.openai.com"),
        ("http://a.test", ServerAddress(False, "a.test", 80, ""), "a.test"),
        ("https://A.test:443/v1/", ServerAddress(True, "a.test", 443, "/v1"), "a.test"),
        ("http://a.test:8080/v1", ServerAddress(False, "a.test", 8080, "/v1"), "a.test:8080"),
        ("https://a.test:80", ServerAddress(True, "a.test", 80, ""), "a.test:80"),
        ("http://[::1]:1", ServerAddress(False, "::1", 1, ""), "[::1]:1"),
        ("http://[::1]", ServerAddress(False, "::1", 80, ""), "[::1]"),
        (
            "https://bücher.test/é b%20c?d=e f",
            ServerAddress(True, "xn--bcher-kva.test", 443, "/%C3%A9%20b%20c?d=e%20f"),
            "xn--bcher-kva.test",
        ),
        (
            "http://me:p%40ss@a.test/v1",
            ServerAddress(False, "a.test", 80, "/v1", "me:p@ss"),
            "a.test",
        ),
        ("http://me@a.test/v1", ServerAddress(False, "a.test", 80, "/v1", "me:"), "a.test"),
    ],
)
def test_a_base_url_says_where_the_server_is(
    url: str | None, address: ServerAddress, authority: str
) -> None:
    found = server_address(url)

    assert found == address
    assert found.authority == authority


def test_a_tunnel_is_always_asked_for_with_a_port() -> None:
    assert server_address("https://a.test").host_and_port == "a.test:443"
    assert server_address("https://[::1]").host_and_port == "[::1]:443"


@pytest.mark.parametrize("url", ["ftp://a.test", "a.test", "http://", "http://\u3002"])
def test_what_is_no_address_of_http_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        server_address(url)

"""Hosts and origins: what is ours, and what only looks like it."""

import pytest

from app.requests.sites import LOOPBACK_HOSTS, Sites, host_name, host_set, is_loopback

LOCAL = Sites(host_set(LOOPBACK_HOSTS))
SHOP = "https://shop.example"


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("localhost", "localhost"),
        ("LocalHost:9000", "localhost"),
        ("localhost.", "localhost"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("[::1]", "::1"),
        ("[::1]:9000", "::1"),
        ("a.example:", "a.example"),
        ("", None),
        ("::1", None),
        ("a.example:9000:9000", None),
        ("a.example/127.0.0.1", None),
        ("user@a.example", None),
        ("localhost localhost", None),
        ("[::1].example", None),
    ],
)
def test_a_host_is_read_without_its_port(header: str, name: str | None) -> None:
    assert host_name(header) == name


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        [""],
        ["evil.example"],
        ["127.0.0.1.evil.example"],
        ["localhost.evil.example:9000"],
        ["localhost", "evil.example"],
        ["localhost", "localhost"],
        ["127.0.0.1@evil.example"],
    ],
)
def test_only_one_host_that_is_named_is_served(hosts: list[str]) -> None:
    assert not LOCAL.serves(hosts)
    assert Sites(host_set(["*"])).serves(hosts)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:9000", "LOCALHOST:80"])
def test_every_way_to_write_a_host_that_is_named_is_served(host: str) -> None:
    assert LOCAL.serves([host])


def test_hosts_may_be_named_with_ports_and_brackets() -> None:
    assert host_set(["A.example:8000", "[::1]", "fe80::1"]) == {"a.example", "::1", "fe80::1"}


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        *(("localhost", True), ("127.0.0.1", True), ("127.0.0.2", True), ("::1", True)),
        *(("0.0.0.0", False), ("::", False), ("192.168.0.7", False), ("my-laptop", False)),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host: str, is_local: bool) -> None:
    assert is_loopback(host) is is_local


def _allows(
    sites: Sites,
    origin: str | None,
    *,
    host: str = "127.0.0.1:9000",
    fetch_site: str | None = None,
    method: str = "POST",
) -> bool:
    return sites.allows(method, host=host, origin=origin, fetch_site=fetch_site)


def test_what_is_no_browser_may_call() -> None:
    assert _allows(LOCAL, None)


def test_a_page_of_another_site_is_known_without_an_origin_too() -> None:
    assert not _allows(LOCAL, None, fetch_site="cross-site")
    assert _allows(LOCAL, None, fetch_site="none")
    # A link to our page.
    assert _allows(LOCAL, None, fetch_site="cross-site", method="GET")


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("LOCALHOST:9000", "http://localhost:9000"),
        ("[::1]:9000", "http://[::1]:9000"),
        ("chat.example", "https://chat.example"),
        ("chat.example:443", "https://chat.example"),
        ("chat.example:80", "http://chat.example"),
        ("chat.example:8443", "https://chat.example:8443"),
    ],
)
def test_our_own_page_may_call(host: str, origin: str) -> None:
    assert _allows(LOCAL, origin, host=host)


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:3000",
        "http://127.0.0.1:9001",
        "http://127.0.0.1",
        "https://evil.example",
        "http://127.0.0.1:9000.evil.example",
        "null",
        "",
        "127.0.0.1:9000",
        "http://",
    ],
)
def test_other_pages_may_not(origin: str) -> None:
    assert not _allows(LOCAL, origin)
    assert not _allows(LOCAL, origin, host="")
    assert not _allows(LOCAL, origin, fetch_site="same-site")
    assert not _allows(LOCAL, origin, method="GET")
    assert _allows(LOCAL, origin, method="OPTIONS")


def test_a_browser_knows_its_own_site_behind_a_proxy_that_changes_the_host() -> None:
    assert _allows(LOCAL, SHOP, host="internal:8080", fetch_site="same-origin")


def test_allowed_pages_may_call() -> None:
    named = Sites(frozenset({"*"}), frozenset({SHOP}))
    local = Sites(frozenset({"*"}), is_local_allowed=True)

    assert _allows(named, SHOP)
    assert not _allows(named, "https://shop.example.evil.example")
    assert _allows(local, "http://localhost:5173")
    assert not _allows(local, "http://localhost.evil.example")
    assert _allows(Sites(frozenset({"*"}), frozenset({"*"})), "null")

"""`app.store.redis_url`: what an address may say."""

import pytest

from app.store.redis_url import RedisUrl, UrlRefused, parse_url


def test_an_address_says_where_and_as_whom() -> None:
    assert parse_url("redis://redis") == RedisUrl(host="redis")
    assert parse_url("redis://[::1]:7000/3") == RedisUrl(host="::1", port=7000, database=3)
    assert parse_url("redis://a%40b:p%2Fw%3A@h/") == RedisUrl(
        host="h", username="a@b", password="p/w:"
    )
    assert parse_url("redis://:pw@h").password == "pw"


def test_tls_may_name_files() -> None:
    url = parse_url("rediss://h:1?ssl_ca_certs=/a%20b.pem&ssl_certfile=/c&ssl_keyfile=/k")

    assert url.is_tls
    assert url.client_options() == {
        "host": "h",
        "port": 1,
        "username": None,
        "password": None,
        "ssl": True,
        "ssl_ca_certs": "/a b.pem",
        "ssl_certfile": "/c",
        "ssl_keyfile": "/k",
    }
    assert "ssl" not in parse_url("redis://h").client_options()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("redis://", "names no host"),
        ("redis://h:x", "is not one"),
        ("redis://[::1", "is not one"),
        ("redis://h/x", "number of a database"),
        ("redis://h/²", "number of a database"),
        ("redis://h?db=1", "only"),
        ("redis://h#1", "only"),
        ("redis://h?ssl_ca_certs=/x", "only"),
        ("rediss://h?ssl_cert_reqs=none", "only"),
    ],
)
def test_what_is_not_understood_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(UrlRefused, match=sentence):
        parse_url(text)

"""CORS without a socket."""

import pytest

from app.emulator.cors import (
    Cors,
    is_preflight,
    local_page,
    parse_cors,
    preflight_headers,
    response_headers,
)


@pytest.mark.parametrize("text", ['{"AllowOrigin":["*"]}', '{"MaxAge":-1}', "*"])
def test_a_cors_configuration_with_a_mistake_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_cors(text)


def test_credentials_never_go_with_a_star() -> None:
    cors = Cors(allow_origins=("*",), allow_credentials=True, expose_headers=("x-a", "x-b"))

    assert response_headers(cors, {"origin": "https://a.example"}) == [
        ("access-control-allow-origin", "https://a.example"),
        ("vary", "origin"),
        ("access-control-allow-credentials", "true"),
        ("access-control-expose-headers", "x-a, x-b"),
    ]


def test_a_star_is_enough_without_credentials() -> None:
    assert response_headers(Cors(allow_origins=("*",)), {"origin": "https://a.example"})[0] == (
        "access-control-allow-origin",
        "*",
    )


@pytest.mark.parametrize("request_headers", [{}, {"origin": "https://b.example"}])
def test_other_origins_get_no_headers(request_headers: dict[str, str]) -> None:
    cors = Cors(allow_origins=("https://a.example",), allow_methods=("POST",))

    assert response_headers(cors, request_headers) == []
    assert preflight_headers(cors, request_headers) == []


def test_a_preflight_lists_what_is_allowed() -> None:
    cors = Cors(("https://a.example",), ("GET", "POST"), ("x-a",), max_age=60)
    asked = {"origin": "https://a.example", "access-control-request-method": "DELETE"}

    headers = dict(preflight_headers(cors, asked))

    assert is_preflight("OPTIONS", asked)
    assert not is_preflight("OPTIONS", {"origin": "https://a.example"})
    assert headers["access-control-allow-methods"] == "GET, POST"
    assert headers["access-control-allow-headers"] == "x-a"
    assert headers["access-control-max-age"] == "60"


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:5173", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:3000", True),
        ("http://app.localhost", True),
        ("https://localhost.example.com", False),
        ("null", False),
        ("", False),
    ],
)
def test_only_pages_of_this_machine_are_local(origin: str, allowed: bool) -> None:
    assert bool(local_page(origin).allow_origins) is allowed


def test_a_preflight_is_sent_what_it_asks_for_where_everything_is_allowed() -> None:
    cors = Cors(("*",), ("*",), ("*",))
    asked = {
        "origin": "https://a.example",
        "access-control-request-method": "PUT",
        "access-control-request-headers": "authorization",
    }

    headers = dict(preflight_headers(cors, asked))

    assert headers["access-control-allow-methods"] == "PUT"
    assert headers["access-control-allow-headers"] == "authorization"
    assert headers["access-control-max-age"] == "0"


def test_a_preflight_names_no_headers_where_none_are_allowed() -> None:
    cors = Cors(("*",), ("*",))

    headers = dict(preflight_headers(cors, {"origin": "https://a.example"}))

    assert headers["access-control-allow-methods"] == "*"
    assert "access-control-allow-headers" not in headers

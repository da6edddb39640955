"""`app.setting_checks`: what a value has to be besides of its type."""

import pytest

from app.setting_checks import CHECKS, READERS, is_protected, read_workers
from app.settings import Settings


def test_every_check_is_one_of_a_field() -> None:
    assert {*CHECKS, *READERS} - set(Settings.model_fields) == set()


@pytest.mark.parametrize(
    ("field", "value", "earlier"),
    [
        ("app", "my_app:create", {}),
        ("app", "my_app.server:Site.make", {}),
        ("auth_token_arn", "arn:aws:a", {"auth_token": None}),
        ("store_arn", "arn:aws:a", {"store": "off"}),
        ("metrics", True, {"auth_token": "t", "auth_token_arn": None}),
        ("metrics", True, {"auth_token": None, "auth_token_arn": "arn:aws:a"}),
        ("metrics", False, {"auth_token": None, "auth_token_arn": None}),
        ("openai_base_url", "http://localhost:8080/v1", {}),
        ("builtin_tools", ("web_search",), {"api": "responses"}),
        ("builtin_tools", (), {"api": "chat"}),
        ("allowed_origins", ("*", "localhost", "https://a.example:1"), {}),
        ("allowed_hosts", ("a.example", "a:1", "[::1]:1", "::1", "*", "A"), {}),
        ("file_hosts", ("*.a.example", "a", "[::1]"), {}),
        ("jwt_audience", ("chat",), {"jwt_issuer": "https://i"}),
        ("jwt_audience", (), {"jwt_issuer": None}),
        ("jwt_jwks_url", "https://i/keys", {"jwt_issuer": "i"}),
        ("jwt_jwks_url", "http://localhost:1/keys", {"jwt_issuer": "i"}),
        ("trusted_user_header", "X-Forwarded-User", {"jwt_issuer": None}),
    ],
)
def test_what_fits_passes(field: str, value: object, earlier: dict[str, object]) -> None:
    CHECKS[field](value, earlier)


@pytest.mark.parametrize(
    ("field", "value", "earlier", "reason"),
    [
        ("app", "my_app", {}, "must be like my_app:create, not 'my_app'"),
        ("app", "my_app.create", {}, "must be like my_app:create"),
        ("app", "my-app:create", {}, "must be like my_app:create"),
        ("app", "my_app:create()", {}, "must be like my_app:create"),
        ("app", "../my_app:create", {}, "must be like my_app:create"),
        ("app", "my_app:", {}, "must be like my_app:create"),
        ("auth_token_arn", "arn:aws:a", {"auth_token": "t"}, "the secret itself is set too"),
        ("store_arn", "arn:aws:a", {"store": "memory"}, "the store itself is set too"),
        (
            "metrics",
            True,
            {"auth_token": None, "auth_token_arn": None},
            "needs CHAT_AUTH_TOKEN too; CHAT_METRICS_PORT needs none",
        ),
        ("openai_base_url", "localhost/v1", {}, "must start with http:// or https://"),
        ("openai_base_url", "http://:80", {}, "must name a host, and a port that exists"),
        ("openai_base_url", "http://a:0", {}, "must name a host, and a port that exists"),
        ("reasoning_summary", "auto", {"api": "chat"}, "needs CHAT_API=responses"),
        ("allowed_origins", ("*", "a.example"), {}, "not 'a.example'"),
        ("allowed_hosts", ("a/b",), {}, "not 'a/b'"),
        ("file_hosts", ("g:1",), {}, "not 'g:1'"),
        ("jwt_audience", ("chat",), {"jwt_issuer": None}, "needs CHAT_JWT_ISSUER too"),
        ("jwt_jwks_url", "https://i/keys", {"jwt_issuer": None}, "needs CHAT_JWT_ISSUER too"),
        ("jwt_jwks_url", "http://i/keys", {"jwt_issuer": "i"}, "must start with https://"),
        ("jwt_jwks_url", "i/keys", {"jwt_issuer": "i"}, "must start with http:// or https://"),
        ("trusted_user_header", "X User", {"jwt_issuer": None}, "not 'X User'"),
        ("trusted_user_header", "Cookie", {"jwt_issuer": None}, "that only the proxy sets"),
        ("trusted_user_header", "X-User", {"jwt_issuer": "i"}, "beside CHAT_JWT_ISSUER"),
    ],
)
def test_what_does_not_fit_is_told_why(
    field: str, value: object, earlier: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        CHECKS[field](value, earlier)


@pytest.mark.parametrize(("value", "workers"), [("auto", "auto"), ("2", 2), (256, 256)])
def test_workers_are_a_number_or_auto(value: object, workers: object) -> None:
    assert read_workers(value) == workers


@pytest.mark.parametrize("value", ["0", "257", "many", "1.5", "9" * 9, None])
def test_too_many_workers_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must be auto or a number from 1 to 256"):
        read_workers(value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://issuer.example.com/keys", True),
        ("http://localhost:8080/keys", True),
        ("http://127.0.0.1/keys", True),
        ("http://[::1]:1/keys", True),
        ("http://issuer.example.com/keys", False),
        ("http://localhost.example.com/keys", False),
        ("https:///keys", False),
        ("issuer.example.com", False),
    ],
)
def test_keys_come_over_tls_or_from_this_machine(url: str, expected: bool) -> None:
    assert is_protected(url) is expected

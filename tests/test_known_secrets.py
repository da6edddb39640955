"""Secrets are masked in every form in which text can hold them."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.known_secrets import MASK, KnownSecrets, secrets_in, without_credentials

KEY = "sk-proj-0123/45+67~ü\"'\\ab"

FORMS: list[Callable[[str], str]] = [
    str,
    json.dumps,
    lambda secret: json.dumps(secret, ensure_ascii=False),
    lambda secret: json.dumps(json.dumps({"key": secret})),
    repr,
    lambda secret: repr(secret.encode()),
    lambda secret: json.dumps(repr(f"Bearer {secret}")),
    quote,
    quote_plus,
    lambda secret: quote(secret, safe=""),
    lambda secret: quote(secret, safe="").lower(),
    lambda secret: b64encode(secret.encode()).decode(),
    lambda secret: urlsafe_b64encode(b"x" + secret.encode()).decode(),
    *(
        lambda secret, user=user: "Basic " + b64encode(f"{user}:{secret}".encode()).decode()
        for user in ("", "a", "ab", "abc")
    ),
]


def known(*secrets: str) -> KnownSecrets:
    secrets_known = KnownSecrets()
    secrets_known.remember(*secrets)
    return secrets_known


def _pieces(text: str) -> set[str]:
    return {text[at : at + 6] for at in range(len(text) - 5)}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", [KEY, "sk-abcdefghijklmnop"])
def test_a_secret_is_masked_in_every_form(form: Callable[[str], str], secret: str) -> None:
    written = form(secret)

    masked = known(secret).mask(f"before {written} after")

    assert MASK in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    # No piece of it is left, of the base64 of a header neither.
    assert not _pieces(secret.strip("\"'\\ü")[:18]) & _pieces(masked)
    assert not _pieces(b64encode(secret.encode()).decode()[:-4]) & _pieces(masked)


@given(st.text(min_size=8), st.text(), st.text())
def test_any_secret_is_masked_in_any_text(secret: str, before: str, after: str) -> None:
    assert secret not in known(secret).mask(before + secret + after).replace(MASK, "\0")


def test_other_text_stays_as_it_is() -> None:
    text = "Bearer of bad news, Basic authentication, Bearer token, sk-"

    assert known(KEY).mask(text) == text


def test_a_short_secret_is_masked_only_where_it_is_a_credential() -> None:
    mask = known("abc").mask

    assert mask("abc Bearer abc, 'Basic YWJj'") == f"abc {MASK}, '{MASK}'"


@pytest.mark.parametrize(
    "credential", ["Bearer sk-unknown-0123456789", "Basic dXNlcjpwYXNzd29yZA=="]
)
def test_a_credential_that_nobody_told_us_is_masked_too(credential: str) -> None:
    masked = known().mask(f"headers={{'Authorization': '{credential}'}}")

    assert masked == f"headers={{'Authorization': '{credential.split()[0]} {MASK}'}}"


def test_the_longer_of_two_secrets_is_masked_whole() -> None:
    assert known("password", "password-and-more").mask("password-and-more") == MASK


def test_only_so_many_secrets_are_kept() -> None:
    secrets = known(*(f"old-secret-{number}" for number in range(300)))

    secrets.remember(KEY, None, "")
    secrets.remember(KEY)

    assert secrets.mask(KEY) == MASK
    assert secrets.mask("old-secret-1") == "old-secret-1"
    assert secrets.mask("old-secret-299") == MASK


def test_what_an_environment_keeps_secret_is_known() -> None:
    environ = {
        "OPENAI_API_KEY": " sk-1\n",
        "AWS_SESSION_TOKEN": "session",
        "AWS_SECRET_ACCESS_KEY": "access",
        "CHAT_APPROVAL_SECRET": "approval",
        "DB_PASSWORD": "db",
        "token": "lower",
        "CHAT_MODEL": "model",
        "AWS_ACCESS_KEY_ID": "id",
        "HTTPS_PROXY": "http://me:p%40ss@proxy:3128",
        "http_proxy": "you:word@proxy",
        "NO_PASSWORD_URL": "http://me@host",
        "ODD_URL": "http://[a@b",
    }

    assert sorted(set(secrets_in(environ))) == sorted(
        {
            *("sk-1", "session", "access", "approval", "db", "lower"),
            *("p%40ss", "p@ss", "me:p%40ss", "me:p@ss", "word", "you:word"),
        }
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://host/path", "https://host/path"),
        ("mail ann@example.com", "mail ann@example.com"),
        ("redis://user:pass@host/0", f"redis://{MASK}@host/0"),
        ("token://tok@host", f"token://{MASK}@host"),
        ("user:pass@host", f"{MASK}@host"),
        ("redis://user:p/a#s@s@host", f"redis://{MASK}@host"),
        ("redis://a:b@c, redis://d:e@f", f"redis://{MASK}@f"),
    ],
)
def test_what_stands_before_a_host_is_not_shown(text: str, shown: str) -> None:
    assert without_credentials(text) == shown

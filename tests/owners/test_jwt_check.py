"""Tokens: the right one, and everything that has been tried with wrong ones."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from app.owners.jwt_check import (
    JwtCheck,
    KeySet,
    TokenRefused,
    UnknownKey,
    UnusableKeys,
)
from tests.owners.issuer import AUDIENCE, ISSUER, SigningKey, listed

KEY = SigningKey()
KEYS = KeySet(listed(KEY))
CHECK = JwtCheck(issuer=ISSUER, audiences=["other", AUDIENCE])


@pytest.mark.parametrize("algorithm", ["RS256", "PS512", "ES256", "EdDSA"])
def test_a_right_token_says_who_it_is_and_until_when(algorithm: str) -> None:
    key = SigningKey("k2", algorithm)
    expires = int(time.time()) + 100

    verified = CHECK.verify(key.sign({"exp": expires}), KeySet(listed(KEY, key)))

    assert verified == ("ada", expires + 60)


class _In(int):
    """Seconds from now. Tests are collected long before they run."""


def _claims(claims: dict[str, Any]) -> dict[str, Any]:
    now = int(time.time())
    return {n: now + value if isinstance(value, _In) else value for n, value in claims.items()}


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"exp": _In(-70)}, "The token has expired; please sign in again."),
        ({"nbf": _In(120)}, "The token is not valid yet; please check the clock."),
        ({"iat": _In(120)}, "The token is not valid yet; please check the clock."),
        ({"aud": "https://elsewhere"}, "The token is for somebody else; check its audience."),
        ({"aud": 5}, "The token is for somebody else; check its audience."),
        ({"iss": "https://evil"}, "The token is from somebody else; check its issuer."),
        ({"iss": ISSUER.rstrip("/")}, "The token is from somebody else; check its issuer."),
        ({"exp": None}, "The token has no `exp`."),
        ({"sub": None}, "The token has no `sub`."),
        ({"aud": None}, "The token has no `aud`."),
        ({"iss": None}, "The token has no `iss`."),
        ({"sub": ""}, "The token's `sub` cannot be used: it is empty or very long."),
        ({"sub": "x" * 513}, "The token's `sub` cannot be used: it is empty or very long."),
        ({"exp": "soon"}, "The token's signature does not fit."),
    ],
)
def test_a_wrong_claim_is_refused_with_what_is_wrong(claims: Any, sentence: str) -> None:
    with pytest.raises(TokenRefused) as refused:
        CHECK.verify(KEY.sign(_claims(claims)), KEYS)

    assert str(refused.value) == sentence


@pytest.mark.parametrize("claims", [{"exp": _In(-30)}, {"nbf": _In(30)}, {"iat": _In(30)}])
def test_clocks_may_be_a_minute_apart(claims: Any) -> None:
    assert CHECK.verify(KEY.sign(_claims(claims)), KEYS).subject == "ada"


def _hand_made(header: object, signed_with: bytes | None) -> str:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "eve", "exp": int(time.time()) + 300}
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in (header, claims)
    ]
    text = b".".join(parts)
    proof = b"" if signed_with is None else hmac.digest(signed_with, text, hashlib.sha256)
    return (text + b"." + base64.urlsafe_b64encode(proof).rstrip(b"=")).decode()


def test_a_token_without_a_signature_is_refused() -> None:
    for alg in ("none", "None", "NONE", ""):
        with pytest.raises(TokenRefused, match="not signed in a way that is accepted"):
            CHECK.verify(_hand_made({"alg": alg, "kid": "k1"}, None), KEYS)


def test_what_everybody_can_read_signs_nothing() -> None:
    """The old trick: the public key as the secret of HS256."""
    public = json.dumps(KEY.public()).encode()

    with pytest.raises(TokenRefused, match="not signed in a way that is accepted"):
        CHECK.verify(_hand_made({"alg": "HS256", "kid": "k1"}, public), KEYS)


def test_a_secret_in_the_key_set_signs_nothing() -> None:
    shared = {"kty": "oct", "kid": "s1", "k": base64.urlsafe_b64encode(b"x" * 32).decode()}

    with pytest.raises(UnusableKeys):
        KeySet({"keys": [shared]})


def test_a_key_of_another_kind_or_for_another_algorithm_does_not_count() -> None:
    rsa = SigningKey("k1", "RS256")
    for keys in ([KEY.public()], [rsa.public(alg="RS512")]):
        with pytest.raises(UnknownKey):
            CHECK.verify(rsa.sign(), KeySet({"keys": keys}))


def test_another_key_with_the_same_id_does_not_fit() -> None:
    with pytest.raises(TokenRefused, match="signature does not fit"):
        CHECK.verify(SigningKey().sign(), KEYS)


def test_a_key_that_is_not_listed_is_unknown() -> None:
    with pytest.raises(UnknownKey):
        CHECK.verify(SigningKey("k9").sign(), KEYS)


def test_a_token_that_names_no_key_is_checked_with_the_only_one() -> None:
    token = KEY.sign(header={"kid": None})

    assert CHECK.verify(token, KEYS).subject == "ada"
    with pytest.raises(UnknownKey):
        CHECK.verify(token, KeySet(listed(KEY, SigningKey("k2"))))


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "a.b", "\xe9.\xe9.\xe9", "e30.e30.e30", "[]"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(TokenRefused):
        CHECK.verify(token, KEYS)


def test_a_very_long_token_is_not_looked_at() -> None:
    with pytest.raises(TokenRefused, match="too long"):
        CHECK.verify(KEY.sign({"more": "x" * 20_000}), KEYS)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"keys": {}},
        {"keys": []},
        {"keys": [5]},
        {"keys": [{"kty": "RSA"}]},
        {"keys": [{"kty": "EC", "crv": "P-999", "x": "", "y": ""}]},
        {"keys": [KEY.public(use="enc")]},
        {"keys": [KEY.public(alg="ES256K")]},
    ],
)
def test_a_set_without_a_key_for_signatures_is_unusable(document: object) -> None:
    with pytest.raises(UnusableKeys):
        KeySet(document)

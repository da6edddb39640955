"""An issuer of tokens in a test: its keys, and whatever it signs, also what it should not."""

import json
import time
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

ISSUER = "https://issuer.example.com/"
AUDIENCE = "https://chat.example.com"

_MAKERS: Mapping[str, Any] = {
    "RS": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "PS": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES": lambda: ec.generate_private_key(ec.SECP256R1()),
    "Ed": lambda: ed25519.Ed25519PrivateKey.generate(),
}


class SigningKey:
    """One pair of keys.

    Args:
        kid: its id.
        algorithm: what it signs with.
    """

    def __init__(self, kid: str = "k1", algorithm: str = "ES256") -> None:
        self.kid = kid
        self.algorithm = algorithm
        self.private = _MAKERS[algorithm[:2]]()

    def public(self, **more: Any) -> dict[str, Any]:
        """Return the public half as an issuer lists it."""
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        written = algorithm.to_jwk(self.private.public_key())
        return {**json.loads(written), "kid": self.kid, "use": "sig", **more}

    def sign(
        self, claims: Mapping[str, Any] | None = None, *, header: Mapping[str, Any] | None = None
    ) -> str:
        """Return a token that is right but for ``claims`` and ``header``; None leaves one out."""
        now = int(time.time())
        right = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "iat": now, "exp": now + 300}
        said = {**right, **(claims or {})}
        head = {"kid": self.kid, **(header or {})}
        return jwt.encode(
            {name: value for name, value in said.items() if value is not None},
            self.private,
            algorithm=self.algorithm,
            headers={name: value for name, value in head.items() if value is not None},
        )


def listed(*keys: SigningKey) -> dict[str, Any]:
    """Return the key set of an issuer that has these keys."""
    return {"keys": [key.public() for key in keys]}

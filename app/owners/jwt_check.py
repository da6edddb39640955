"""Checks JSON Web Tokens: who has signed them, for whom, and until when.

Which algorithms count is decided here, never by the token: only those whose keys come in pairs, so
that nobody can sign with what everybody may read. A key is used for its own kind of signature only.

Sources: RFC 7519 (claims), RFC 7517 (key sets), RFC 8725 (what has gone wrong with both).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jwt

ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
# How far the clocks of whoever signs and ours may be apart, in seconds.
LEEWAY_S = 60
# A longer one is no token of a user, and would be a cheap way to keep us busy.
_MAX_TOKEN_CHARS = 16 * 1024
_MAX_SUBJECT_CHARS = 512
_KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


class TokenRefused(Exception):
    """The token is not one of ours, or not any more. The message is a sentence for its sender."""


class UnusableKeys(Exception):
    """This is no set of keys, or none that we can use."""


class UnknownKey(Exception):
    """The token names a key that is not in the set."""


class VerifiedToken(NamedTuple):
    """What counts of a token.

    Attributes:
        subject: whom it stands for; not empty.
        expires: Unix seconds after which it is refused, the leeway included.
    """

    subject: str
    expires: float


class _Key(NamedTuple):
    kid: object
    algorithm: object  # the only one that it is for, if it says so
    kind: object
    public: Any


class KeySet:
    """The public keys of an issuer.

    Args:
        document: a JSON Web Key Set, read. Keys that we cannot use, and keys for encryption, are
            passed over.

    Raises:
        UnusableKeys: nothing is left.
    """

    def __init__(self, document: object) -> None:
        listed = document.get("keys") if isinstance(document, Mapping) else None
        if not isinstance(listed, list):
            raise UnusableKeys("it is not a JSON Web Key Set")
        self._keys = [key for data in listed if (key := _read_key(data)) is not None]
        if not self._keys:
            raise UnusableKeys("it has no key for signatures that are accepted here")

    def key(self, kid: object, algorithm: str) -> Any:
        """Return the key with this id, or the only one that fits if a token names none.

        Raises:
            UnknownKey: it is not here.
        """
        found = [
            key.public
            for key in self._keys
            if kid in (None, key.kid)
            and key.kind == _KINDS[algorithm[:2]]
            and key.algorithm in (None, algorithm)
        ]
        if len(found) != 1:
            raise UnknownKey
        return found[0]


def _read_key(data: object) -> _Key | None:
    if not isinstance(data, dict) or data.get("kty") not in _KINDS.values():
        return None
    if data.get("use") not in (None, "sig") or data.get("alg") not in (None, *ALGORITHMS):
        return None
    try:
        public = jwt.PyJWK(data).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    return _Key(data.get("kid"), data.get("alg"), data["kty"], public)


class JwtCheck:
    """What a token has to say.

    Args:
        issuer: who has to have signed it.
        audiences: for whom; one of them is enough.
    """

    def __init__(self, *, issuer: str, audiences: Sequence[str]) -> None:
        self._issuer = issuer
        self._audiences = list(audiences)

    def header(self, token: str) -> Mapping[str, Any]:
        """Return the header of a token, of which nothing is verified yet.

        Raises:
            TokenRefused: it is no token, or is signed in a way that does not count.
        """
        if len(token) > _MAX_TOKEN_CHARS:
            raise TokenRefused("The token is too long; please sign in again.")
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError) as error:
            raise TokenRefused("The token is not a JSON Web Token; please sign in.") from error
        if header.get("alg") not in ALGORITHMS:
            raise TokenRefused("The token is not signed in a way that is accepted here.")
        return header

    def verify(self, token: str, keys: KeySet) -> VerifiedToken:
        """Return what the token says, if all of it is true.

        Raises:
            TokenRefused: it is not.
            UnknownKey: whether it is cannot be told with these keys.
        """
        header = self.header(token)
        algorithm: str = header["alg"]
        key = keys.key(header.get("kid"), algorithm)
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._audiences,
                issuer=self._issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise TokenRefused("The token has expired; please sign in again.") from error
        except jwt.ImmatureSignatureError as error:
            raise TokenRefused("The token is not valid yet; please check the clock.") from error
        except jwt.InvalidAudienceError as error:
            raise TokenRefused("The token is for somebody else; check its audience.") from error
        except jwt.InvalidIssuerError as error:
            raise TokenRefused("The token is from somebody else; check its issuer.") from error
        except jwt.MissingRequiredClaimError as error:
            raise TokenRefused(f"The token has no `{error.claim}`.") from error
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise TokenRefused("The token's signature does not fit.") from error
        subject: str = claims["sub"]
        if not subject or len(subject) > _MAX_SUBJECT_CHARS:
            raise TokenRefused("The token's `sub` cannot be used: it is empty or very long.")
        return VerifiedToken(subject, float(claims["exp"]) + LEEWAY_S)

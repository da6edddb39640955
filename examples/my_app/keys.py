"""Who asks: each user has a key, of which the server knows only the SHA-256."""

import hashlib
import secrets

from starlette.exceptions import HTTPException
from starlette.requests import Request

_HOW = "MY_APP_KEYS must be like ada=SHA256 bob=SHA256, with 64 hexadecimal digits each"


class Keys:
    """The keys of all users.

    Args:
        text: ``name=digest``, with blanks between them.
    """

    def __init__(self, text: str) -> None:
        self._digests: dict[str, str] = {}
        for entry in text.split():
            owner, _, digest = entry.partition("=")
            if not owner or len(digest) != 64:
                raise ValueError(_HOW)
            self._digests[owner] = digest.lower()
        if not self._digests:
            raise ValueError(_HOW)

    def owner(self, request: Request) -> str:
        """Return whose key the request brings, as ``Authorization: Bearer …``."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        given = hashlib.sha256(key.strip().encode()).hexdigest()
        for owner, digest in self._digests.items():
            if scheme.lower() == "bearer" and secrets.compare_digest(given, digest):
                return owner
        raise HTTPException(401, "Send your key as `Authorization: Bearer …`.")

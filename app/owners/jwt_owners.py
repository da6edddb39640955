"""Finds the owner of a request in a JSON Web Token."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable

from app.errors import Unauthorized
from app.owners.jwt_check import JwtCheck, KeySet, TokenRefused, UnknownKey, VerifiedToken
from app.owners.key_source import KeySource

# How many tokens are known to be right. One is forgotten for each that is new.
_REMEMBERED = 4096


class JwtOwners:
    """Finds the owner in a JSON Web Token: its ``sub``.

    A token that has been verified is not verified again until it expires or the keys change.
    """

    def __init__(
        self, check: JwtCheck, source: KeySource, *, now: Callable[[], float] = time.time
    ) -> None:
        self._check = check
        self._source = source
        self._now = now
        self._keys: KeySet | None = None
        self._verified: OrderedDict[bytes, VerifiedToken] = OrderedDict()

    async def owner(self, token: str) -> str:
        """Return whom ``token`` stands for.

        Raises:
            Unauthorized: with what is wrong with it.
            KeysUnavailable: it cannot be told.
        """
        if not token:
            raise Unauthorized("Please sign in: send a token as `Authorization: Bearer …`.")
        keys = await self._source.keys()
        # Not the token itself: memory dumps get about.
        digest = hashlib.sha256(token.encode("latin-1", "replace")).digest()
        if keys is not self._keys:
            self._keys = keys
            self._verified.clear()
        known = self._verified.get(digest)
        if known is not None and known.expires > self._now():
            return known.subject
        try:
            verified = await self._verify(token, keys)
        except TokenRefused as error:
            raise Unauthorized(str(error)) from error
        self._verified[digest] = verified
        if len(self._verified) > _REMEMBERED:
            self._verified.popitem(last=False)
        return verified.subject

    async def aclose(self) -> None:
        await self._source.aclose()

    async def _verify(self, token: str, keys: KeySet) -> VerifiedToken:
        try:
            return self._check.verify(token, keys)
        except UnknownKey:
            newer = await self._source.newer(keys)
        if newer is not None:
            try:
                return self._check.verify(token, newer)
            except UnknownKey:
                pass
        raise TokenRefused("The token is signed with a key that is not known here.")

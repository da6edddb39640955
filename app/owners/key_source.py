"""Fetches the public keys of an issuer, without keeping anybody waiting who needs no new ones.

A token that names a key we do not have is how we learn that there are new ones: the first fetches
at once, and then one a minute at most, however many come. Keys that the issuer has taken back are
gone after `REFRESH_S`. If its server cannot be reached, the keys that we have go on to count.

Source: OpenID Connect Discovery 1.0, section 4, for where an issuer lists them.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from typing import Any

import msgspec

from app.cancelling import cancel
from app.causes import described
from app.errors import KeysUnavailable
from app.owners.jwt_check import KeySet, UnusableKeys
from app.setting_checks import is_protected

logger = logging.getLogger("deltaline.owners")

REFRESH_S = 600.0
UNKNOWN_KEY_S = 60.0
# How long after a failure nobody waits for the first keys again, in seconds.
_RETRY_S = 5.0
_TIMEOUT_S = 10.0
_MAX_BYTES = 512 * 1024


class KeySource:
    """The keys of one issuer, as they are at present.

    Args:
        issuer: whose.
        url: of its key set; None: where its discovery document says.
        clock: seconds that never go back.
    """

    def __init__(
        self, issuer: str, url: str | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuer = issuer
        self._url = url
        self._clock = clock
        self._keys: KeySet | None = None
        self._tried = -math.inf  # when the keys were last fetched, or could not be
        self._looked = -math.inf  # when keys were last fetched for an unknown one
        self._fetching: asyncio.Task[None] | None = None

    async def keys(self) -> KeySet:
        """Return the keys. Only the first ones are waited for; later ones are fetched beside.

        Raises:
            KeysUnavailable: there are none yet, and they cannot be fetched.
        """
        since = self._clock() - self._tried
        if self._keys is not None:
            if since > REFRESH_S:
                self._start()
        elif self._fetching is not None or since > _RETRY_S:
            await self._fetch()
        if self._keys is None:
            raise KeysUnavailable("the keys of the issuer cannot be fetched")
        return self._keys

    async def newer(self, keys: KeySet) -> KeySet | None:
        """Return other keys than ``keys``, which lack one that a token names; None: not now."""
        if self._keys is keys and self._fetching is None:
            if self._clock() - self._looked < UNKNOWN_KEY_S:
                return None
            self._looked = self._clock()
        if self._keys is keys:
            await self._fetch()
        return None if self._keys is keys else self._keys

    async def aclose(self) -> None:
        """Stop fetching. Idempotent."""
        await cancel([self._fetching])

    async def _fetch(self) -> None:
        """Wait until the keys are fetched, by us or by whoever was first."""
        # Who stops waiting does not stop it for the others.
        await asyncio.wait((self._start(),))

    def _start(self) -> asyncio.Task[None]:
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch_once())
            self._fetching.add_done_callback(self._forget)
        return self._fetching

    def _forget(self, _: asyncio.Task[None]) -> None:
        self._fetching = None

    async def _fetch_once(self) -> None:
        try:
            keys = await _fetched_keys(self._issuer, self._url)
        except (UnusableKeys, OSError, TimeoutError, ValueError) as error:
            logger.warning("the keys of the issuer cannot be fetched: %s", described(error))
        else:
            self._keys = keys
        finally:
            self._tried = self._clock()


async def _fetched_keys(issuer: str, url: str | None) -> KeySet:
    import aiohttp  # loaded by the first who needs it

    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    try:
        async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session:
            if url is None:
                url = await _discovered(session, issuer)
            return KeySet(await _read_json(session, url))
    except aiohttp.ClientError as error:
        raise OSError(described(error)) from error


async def _discovered(session: Any, issuer: str) -> str:
    document = await _read_json(session, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    known = document if isinstance(document, dict) else {}
    url = known.get("jwks_uri")
    if known.get("issuer") != issuer or not isinstance(url, str) or not is_protected(url):
        raise UnusableKeys("its discovery document is of another issuer, or names no keys")
    return url


async def _read_json(session: Any, url: str) -> object:
    async with session.get(url, allow_redirects=False) as response:
        if response.status != 200:
            raise UnusableKeys(f"{url} answered {response.status}")
        body = bytearray()
        async for piece in response.content.iter_any():
            body += piece
            if len(body) > _MAX_BYTES:
                raise UnusableKeys(f"{url} is larger than {_MAX_BYTES} bytes")
    return msgspec.json.decode(body)

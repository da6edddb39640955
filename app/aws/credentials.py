"""Finds AWS credentials: in the environment, at the container endpoint, else through botocore.

botocore knows all other sources (profiles, SSO, instance roles). It is used only if it is
installed, and imported only when it is needed.

Sources: AWS SDKs and Tools Reference Guide, "Container credential provider"; botocore 1.44,
botocore/credentials.py (`EnvProvider`, `ContainerProvider`).
"""

import asyncio
import ipaddress
import os
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from app.aws.sigv4 import Credentials
from app.causes import described
from app.known_secrets import remember

_RELATIVE_HOST = "http://169.254.170.2"
# The addresses of AWS's own agents (ECS, EKS). Any other host could read the token we send.
_AGENTS = frozenset({"169.254.170.2", "169.254.170.23", "fd00:ec2::23"})
_REFRESH_BEFORE_S = 300.0
_TIMEOUT_S = 2.0


class CredentialsError(Exception):
    """The environment names a source of credentials that does not work."""


class _ContainerCredentials(msgspec.Struct, rename="pascal"):
    """The response of a container endpoint; ``expiration`` is ISO 8601."""

    access_key_id: str
    secret_access_key: str
    token: str | None = None
    expiration: datetime | None = None


class AwsCredentials:
    """The credentials of this process, looked up on demand and kept until they expire.

    Args:
        environ: the environment, read at each look-up.
        now: returns Unix time in seconds.
    """

    def __init__(
        self, environ: Mapping[str, str] = os.environ, *, now: Callable[[], float] = time.time
    ) -> None:
        self._environ = environ
        self._now = now
        self._kept: tuple[Credentials, float] | None = None
        self._botocore: Any = None

    async def get(self) -> Credentials | None:
        """Return credentials that are valid now, or ``None`` if this process has none.

        Raises:
            CredentialsError: the container endpoint or botocore failed.
        """
        key_id = self._environ.get("AWS_ACCESS_KEY_ID")
        secret = self._environ.get("AWS_SECRET_ACCESS_KEY")
        if key_id and secret:
            token = self._environ.get("AWS_SESSION_TOKEN") or None
            return _kept_out_of_the_log(Credentials(key_id, secret, token))
        url = self._container_url()
        if url is not None:
            return await self._from_container(url)
        return await asyncio.to_thread(self._from_botocore)

    def _container_url(self) -> str | None:
        relative = self._environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        if relative:
            return _RELATIVE_HOST + relative
        url = self._environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        if not url:
            return None
        parts = urlsplit(url)
        if parts.scheme == "https" or (parts.scheme == "http" and _is_local(parts.hostname or "")):
            return url
        raise CredentialsError("AWS_CONTAINER_CREDENTIALS_FULL_URI is not a local address")

    async def _from_container(self, url: str) -> Credentials:
        if self._kept is not None and self._kept[1] - _REFRESH_BEFORE_S > self._now():
            return self._kept[0]
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(
                    url, headers=self._container_headers(), allow_redirects=False
                ) as response,
            ):
                if response.status != 200:
                    raise CredentialsError(f"the container endpoint answered {response.status}")
                given = msgspec.json.decode(await response.read(), type=_ContainerCredentials)
        except (aiohttp.ClientError, OSError, msgspec.MsgspecError) as error:
            raise CredentialsError(f"the container endpoint failed: {described(error)}") from error
        found = _kept_out_of_the_log(
            Credentials(given.access_key_id, given.secret_access_key, given.token)
        )
        if given.expiration is not None:
            self._kept = (found, given.expiration.timestamp())
        return found

    def _container_headers(self) -> dict[str, str]:
        path = self._environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        # The file takes precedence. It is read each time, because EKS renews it.
        token = (
            Path(path).read_text().strip()
            if path
            else self._environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
        )
        remember(token)
        return {"authorization": token} if token else {}

    def _from_botocore(self) -> Credentials | None:
        try:
            from botocore.exceptions import BotoCoreError
            from botocore.session import Session
        except ImportError:
            return None
        try:
            if self._botocore is None:
                self._botocore = Session().get_credentials()
            if self._botocore is None:
                return None
            found = self._botocore.get_frozen_credentials()  # renews them if need be
        except BotoCoreError as error:
            raise CredentialsError(f"botocore failed: {described(error)}") from error
        return _kept_out_of_the_log(Credentials(found.access_key, found.secret_key, found.token))


def _kept_out_of_the_log(found: Credentials) -> Credentials:
    remember(found.secret_access_key, found.session_token)
    return found


def _is_local(host: str) -> bool:
    if host == "localhost" or host in _AGENTS:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

"""Reads secrets by their ARN: parameters of SSM and secrets of Secrets Manager.

Each takes one signed request. Importing the AWS SDK would take longer than our whole start.

Sources: botocore 1.44, botocore/data/ssm/2014-11-06 (``GetParameter``, whose ``Name`` may be an
ARN) and botocore/data/secretsmanager/2017-10-17 (``GetSecretValue``), both in AWS's JSON 1.1
protocol.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import aiohttp
import msgspec

from app.aws.credentials import AwsCredentials, CredentialsError
from app.aws.sigv4 import signature_headers
from app.causes import described
from app.known_secrets import remember

logger = logging.getLogger("deltaline.secrets")

_ARN = re.compile(r"arn:(aws[a-z-]*):(ssm|secretsmanager):([a-z0-9-]+):\d{12}:.+")
_TIMEOUT_S = 2.5
_TRIES = 3
_PAUSE_S = 0.2


class SecretError(Exception):
    """A secret cannot be read; the message is one sentence and holds no secret."""


class _Request(NamedTuple):
    service: str
    region: str
    url: str
    target: str
    body: bytes
    value_path: tuple[str, ...]


class Secrets:
    """Reads secrets with the credentials of this process.

    Args:
        endpoint_url: replaces AWS's endpoint, as `AWS_ENDPOINT_URL` does.
        now: returns Unix time in seconds.
        sleep: waits between two tries; takes seconds.
    """

    def __init__(
        self,
        credentials: AwsCredentials | None = None,
        *,
        endpoint_url: str | None = None,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._credentials = AwsCredentials() if credentials is None else credentials
        self._endpoint_url = endpoint_url
        self._now = now
        self._sleep = sleep

    async def read(self, arn: str) -> str:
        """Return the secret.

        Raises:
            SecretError: it does not exist, we may not read it, or the service cannot be reached.
        """
        request = self._request(arn)
        for attempt in range(1, _TRIES + 1):
            try:
                status, body = await self._send(request)
            except (aiohttp.ClientError, OSError) as error:
                reason = described(error)
            else:
                if status == 200:
                    value = _find(body, request.value_path, arn)
                    remember(value)
                    return value
                reason = _reason(status, body)
                if status < 500 and "Throttl" not in reason:
                    break
            if attempt < _TRIES:
                await self._sleep(_PAUSE_S * attempt)
        raise SecretError(f"{arn} cannot be read: {reason}.")

    async def reread(self, arn: str) -> str | None:
        """Return the secret; log a warning and return ``None`` if it cannot be read."""
        try:
            return await self.read(arn)
        except SecretError as error:
            logger.warning("%s", error)
            return None

    def _request(self, arn: str) -> _Request:
        found = _ARN.fullmatch(arn)
        if found is None:
            raise SecretError(f"{arn} is neither an SSM parameter nor a secret.")
        partition, service, region = found.groups()
        suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
        url = self._endpoint_url or f"https://{service}.{region}.{suffix}"
        url = f"{url.rstrip('/')}/"
        if service == "ssm":
            body = msgspec.json.encode({"Name": arn, "WithDecryption": True})
            keys: tuple[str, ...] = ("Parameter", "Value")
            return _Request(service, region, url, "AmazonSSM.GetParameter", body, keys)
        body = msgspec.json.encode({"SecretId": arn})
        keys = ("SecretString",)
        return _Request(service, region, url, "secretsmanager.GetSecretValue", body, keys)

    async def _send(self, request: _Request) -> tuple[int, bytes]:
        try:
            credentials = await self._credentials.get()
        except CredentialsError as error:
            raise SecretError(
                f"There are no AWS credentials to read secrets with: {error}."
            ) from error
        if credentials is None:
            raise SecretError("There are no AWS credentials to read secrets with.")
        headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": request.target}
        headers |= signature_headers(
            "POST",
            request.url,
            headers,
            request.body,
            credentials=credentials,
            region=request.region,
            service=request.service,
            now=self._now(),
        )
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            # AWS redirects nobody, and another host must not get the session token.
            session.post(
                request.url, data=request.body, headers=headers, allow_redirects=False
            ) as response,
        ):
            return response.status, await response.read()


def read_secrets(secrets: Secrets, arns: Mapping[str, str]) -> dict[str, str]:
    """Read several secrets at once, without an event loop of the caller's.

    Args:
        arns: the ARN of each secret, by the variable that holds it.

    Raises:
        SecretError: the message begins with the variable.
    """

    async def read(name: str, arn: str) -> tuple[str, str]:
        try:
            return name, await secrets.read(arn)
        except SecretError as error:
            raise SecretError(f"{name}: {error}") from error

    async def read_all() -> dict[str, str]:
        return dict(await asyncio.gather(*(read(name, arn) for name, arn in arns.items())))

    # In a thread of its own, because the caller's thread may have a running loop.
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, read_all()).result()


def _find(body: bytes, path: tuple[str, ...], arn: str) -> str:
    try:
        value: Any = msgspec.json.decode(body)
        for key in path:
            value = value[key]
    except (msgspec.DecodeError, KeyError, TypeError):
        value = None
    if not isinstance(value, str) or not value.strip():
        raise SecretError(f"{arn} holds no text.")
    return value.strip()


def _reason(status: int, body: bytes) -> str:
    """Return AWS's name of the failure, such as ``AccessDeniedException (status 400)``.

    Its message is left out, because it may hold more than a log should.
    """
    try:
        kind = msgspec.json.decode(body, type=dict[str, object]).get("__type")
    except msgspec.DecodeError:
        kind = None
    name = kind.rpartition("#")[2] if isinstance(kind, str) else "no reason"
    return f"{name} (status {status})"

"""`app.aws.credentials`: the sources of AWS credentials, in order."""

import json
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.aws.credentials import AwsCredentials, CredentialsError
from app.aws.sigv4 import Credentials
from tests.serving import served

FROM_CONTAINER = {"AccessKeyId": "ASIA", "SecretAccessKey": "s", "Token": "t", "RoleArn": "arn"}
FOUND = Credentials("ASIA", "s", "t")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Endpoint:
    """A container endpoint that records the tokens it gets."""

    def __init__(self) -> None:
        self.url = ""
        self.tokens: list[str | None] = []
        self.status = 200
        self.body = json.dumps(FROM_CONTAINER)

    async def respond(self, request: Request) -> Response:
        self.tokens.append(request.headers.get("authorization"))
        return Response(self.body, self.status)


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint()
    async with served(Starlette(routes=[Route("/creds", endpoint.respond)])) as url:
        endpoint.url = f"{url}/creds"
        yield endpoint


def full(endpoint: Endpoint, **more: str) -> Mapping[str, str]:
    return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": endpoint.url, **more}


async def test_the_environment_comes_first(endpoint: Endpoint) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret"}

    plain = await AwsCredentials(full(endpoint, **keys)).get()
    role = await AwsCredentials({**keys, "AWS_SESSION_TOKEN": "token"}).get()

    assert plain == Credentials("AKIA", "secret")
    assert role == Credentials("AKIA", "secret", "token")
    assert endpoint.tokens == []


async def test_the_container_endpoint_comes_next(endpoint: Endpoint) -> None:
    assert await AwsCredentials(full(endpoint)).get() == FOUND
    assert endpoint.tokens == [None]


async def test_the_endpoint_is_given_the_token(endpoint: Endpoint, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from a file\n")
    token = {"AWS_CONTAINER_AUTHORIZATION_TOKEN": "from the environment"}
    token_file = {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(file)}

    await AwsCredentials(full(endpoint, **token)).get()
    await AwsCredentials(full(endpoint, **token, **token_file)).get()

    assert endpoint.tokens == ["from the environment", "from a file"]


async def test_credentials_are_kept_until_shortly_before_they_expire(endpoint: Endpoint) -> None:
    endpoint.body = json.dumps({**FROM_CONTAINER, "Expiration": "2026-01-01T12:00:00Z"})
    now = NOON.timestamp() - 301
    credentials = AwsCredentials(full(endpoint), now=lambda: now)

    await credentials.get()
    assert await credentials.get() == FOUND
    assert len(endpoint.tokens) == 1

    now += 1
    await credentials.get()
    assert len(endpoint.tokens) == 2


@pytest.mark.parametrize(
    ("status", "body"), [(500, "{}"), (302, ""), (200, "{}"), (200, "<html>"), (200, '{"Code":1}')]
)
async def test_an_endpoint_that_fails_is_an_error(
    endpoint: Endpoint, status: int, body: str
) -> None:
    endpoint.status, endpoint.body = status, body

    with pytest.raises(CredentialsError, match="the container endpoint"):
        await AwsCredentials(full(endpoint)).get()


async def test_an_endpoint_that_is_not_there_is_an_error(unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}/"

    with pytest.raises(CredentialsError, match="failed"):
        await AwsCredentials({"AWS_CONTAINER_CREDENTIALS_FULL_URI": url}).get()


async def test_a_token_file_that_is_not_there_is_an_error(endpoint: Endpoint) -> None:
    missing = {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/nowhere/token"}

    with pytest.raises(CredentialsError):
        await AwsCredentials(full(endpoint, **missing)).get()


@pytest.mark.parametrize(
    "url", ["http://example.org/", "http://10.0.0.1/", "ftp://localhost/", "file:///etc/passwd"]
)
async def test_the_token_is_not_sent_to_just_anybody(url: str) -> None:
    with pytest.raises(CredentialsError, match="not a local address"):
        await AwsCredentials({"AWS_CONTAINER_CREDENTIALS_FULL_URI": url}).get()


@pytest.fixture
def botocore_finds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let botocore read only a file of this test."""
    path = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return path


@pytest.fixture
def profile(botocore_finds: Path) -> None:
    """Write a profile that botocore finds."""
    botocore_finds.write_text("[default]\naws_access_key_id = A\naws_secret_access_key = B\n")


async def test_botocore_is_asked_last(profile: None) -> None:
    credentials = AwsCredentials({})

    assert await credentials.get() == Credentials("A", "B")
    assert await credentials.get() == Credentials("A", "B")


async def test_a_process_may_have_no_credentials(botocore_finds: Path) -> None:
    assert await AwsCredentials({}).get() is None


async def test_what_botocore_cannot_read_is_an_error(
    botocore_finds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "gone")

    with pytest.raises(CredentialsError, match="botocore failed"):
        await AwsCredentials({}).get()


async def test_botocore_need_not_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    absent: Any = None
    monkeypatch.setitem(sys.modules, "botocore.session", absent)

    assert await AwsCredentials({}).get() is None

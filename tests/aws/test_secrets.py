"""Reading secrets by their ARN, from moto's SSM and Secrets Manager and from servers that fail."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import boto3
import httpx2
import pytest
from aiohttp import web
from moto.server import ThreadedMotoServer

from app.aws.credentials import AwsCredentials
from app.aws.secrets import SecretError, Secrets, read_secrets
from app.cli import main
from app.known_secrets import mask
from app.main import create_app
from app.settings import Settings, SettingsError
from app.store.checks.stores import begun, user
from app.store.sqlite import SqliteStore

_REGION = "eu-west-1"
_PARAMETER = f"arn:aws:ssm:{_REGION}:123456789012:parameter/deltaline-dev/openai-api-key"
_SECRET = f"arn:aws:secretsmanager:{_REGION}:123456789012:secret:key-AbCdEf"
_ENVIRON = {
    "AWS_ACCESS_KEY_ID": "AKID",
    "AWS_SECRET_ACCESS_KEY": "hidden",
    "AWS_SESSION_TOKEN": "token",
}


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    httpx2.post(f"{url}/moto-api/reset").raise_for_status()
    yield url
    server.stop()


def _secrets(url: str, sleeps: list[float] | None = None) -> Secrets:
    async def sleep(seconds: float) -> None:
        if sleeps is not None:
            sleeps.append(seconds)

    return Secrets(AwsCredentials(_ENVIRON), endpoint_url=url, sleep=sleep)


def _put_parameter(url: str, name: str, value: str) -> None:
    client = boto3.client(
        "ssm",
        endpoint_url=url,
        region_name=_REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)


def _create_secret(url: str, name: str, value: str) -> str:
    client = boto3.client(
        "secretsmanager",
        endpoint_url=url,
        region_name=_REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    arn: str = client.create_secret(Name=name, SecretString=value)["ARN"]
    return arn


async def test_a_parameter_is_read_by_its_arn(aws: str) -> None:
    _put_parameter(aws, "/deltaline-dev/openai-api-key", "sk-in-ssm\n")

    assert await _secrets(aws).read(_PARAMETER) == "sk-in-ssm"


async def test_a_secret_of_secrets_manager_is_read_by_its_arn(aws: str) -> None:
    arn = _create_secret(aws, "openai-api-key", "sk-in-manager")

    assert await _secrets(aws).read(arn) == "sk-in-manager"


async def test_a_parameter_that_is_not_there_is_said_in_one_sentence(aws: str) -> None:
    missing = _PARAMETER.replace("openai-api-key", "missing")

    with pytest.raises(SecretError) as caught:
        await _secrets(aws).read(missing)

    assert str(caught.value) == f"{missing} cannot be read: ParameterNotFound (status 400)."


async def test_a_failure_can_be_taken_as_none(aws: str, caplog: pytest.LogCaptureFixture) -> None:
    found = await _secrets(aws).reread(_PARAMETER.replace("openai-api-key", "missing"))

    assert found is None
    assert "ParameterNotFound" in caplog.text


@pytest.mark.parametrize("arn", ["sk-1", "arn:aws:s3:::bucket", "arn:aws:ssm::1:parameter/x"])
async def test_what_is_no_arn_of_a_secret_is_refused(aws: str, arn: str) -> None:
    with pytest.raises(SecretError, match="neither an SSM parameter nor a secret"):
        await _secrets(aws).read(arn)


def test_several_secrets_are_read_before_there_is_an_event_loop(aws: str) -> None:
    _put_parameter(aws, "/deltaline-dev/openai-api-key", "sk-1")
    arn = _create_secret(aws, "token", "t-1")

    found = read_secrets(_secrets(aws), {"OPENAI_API_KEY_ARN": _PARAMETER, "OTHER_ARN": arn})

    assert found == {"OPENAI_API_KEY_ARN": "sk-1", "OTHER_ARN": "t-1"}


async def test_the_first_that_cannot_be_read_names_its_variable(aws: str) -> None:
    with pytest.raises(SecretError, match=r"^OPENAI_API_KEY_ARN: arn:aws:ssm:.*ParameterNotFound"):
        read_secrets(_secrets(aws), {"OPENAI_API_KEY_ARN": _PARAMETER.replace("open", "no")})


@asynccontextmanager
async def _served(*responses: tuple[int, object]) -> AsyncIterator[tuple[str, list[web.Request]]]:
    """Serve these responses one after another, and the last one again and again."""
    seen: list[web.Request] = []

    async def respond(request: web.Request) -> web.Response:
        await request.read()
        seen.append(request)
        status, body = responses[min(len(seen), len(responses)) - 1]
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, content_type="application/x-amz-json-1.1")

    app = web.Application()
    app.router.add_post("/", respond)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    _, port = runner.addresses[0][:2]
    try:
        yield f"http://127.0.0.1:{port}", seen
    finally:
        await runner.cleanup()


_FOUND = {"Parameter": {"Value": "sk-1"}}


async def test_the_request_is_signed_for_its_service_with_the_sessions_token() -> None:
    async with _served((200, {"SecretString": "sk-1"})) as (url, seen):
        await _secrets(url).read(_SECRET)

    (request,) = seen
    assert request.headers["x-amz-target"] == "secretsmanager.GetSecretValue"
    assert f"/{_REGION}/secretsmanager/aws4_request" in request.headers["authorization"]
    assert request.headers["x-amz-security-token"] == "token"


@pytest.mark.parametrize(
    "trouble",
    [(500, {"__type": "InternalServerError"}), (503, ""), (400, {"__type": "ThrottlingException"})],
)
async def test_a_passing_failure_is_retried(trouble: tuple[int, object]) -> None:
    sleeps: list[float] = []
    async with _served(trouble, (200, _FOUND)) as (url, seen):
        assert await _secrets(url, sleeps).read(_PARAMETER) == "sk-1"

    assert (len(seen), sleeps) == (2, [0.2])


async def test_a_lasting_failure_is_given_up_after_three_tries() -> None:
    async with _served((500, {"__type": "com.amazonaws#InternalServerError"})) as (url, seen):
        with pytest.raises(SecretError, match=r"InternalServerError \(status 500\)\.$"):
            await _secrets(url).read(_PARAMETER)

    assert len(seen) == 3


async def test_a_refusal_is_not_tried_again_and_its_message_stays_out_of_ours() -> None:
    refusal = {"__type": "AccessDeniedException", "message": "role x may not …"}
    async with _served((400, refusal)) as (url, seen):
        with pytest.raises(SecretError) as caught:
            await _secrets(url).read(_PARAMETER)

    assert str(caught.value) == f"{_PARAMETER} cannot be read: AccessDeniedException (status 400)."
    assert len(seen) == 1


@pytest.mark.parametrize(
    "body", ["", "[]", {}, {"Parameter": None}, {"Parameter": {"Value": " "}}, {"Parameter": 1}]
)
async def test_a_response_without_text_is_an_error(body: object) -> None:
    async with _served((200, body)) as (url, _):
        with pytest.raises(SecretError, match="holds no text"):
            await _secrets(url).read(_PARAMETER)


async def test_a_service_that_cannot_be_reached_is_an_error(unused_tcp_port: int) -> None:
    with pytest.raises(SecretError, match="cannot be read: ClientConnectorError"):
        await _secrets(f"http://127.0.0.1:{unused_tcp_port}").read(_PARAMETER)


async def test_credentials_that_cannot_be_used_are_an_error() -> None:
    credentials = AwsCredentials({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/"})

    with pytest.raises(SecretError, match="There are no AWS credentials to read secrets with: "):
        await Secrets(credentials).read(_PARAMETER)


def test_a_store_that_is_only_named_is_read_and_its_password_told_nobody(
    aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in _ENVIRON.items():
        monkeypatch.setenv(name, value)
    arn = _PARAMETER.replace("openai-api-key", "store-url")
    _put_parameter(aws, "/deltaline-dev/store-url", "redis://:kept-from-all@h/db")

    with pytest.raises(SettingsError) as refused:
        create_app(Settings(store_arn=arn, aws_endpoint_url=aws))

    assert "has to be the number of a database" in str(refused.value)
    assert "kept-from-all" not in str(refused.value)
    assert mask("is kept-from-all known?") == "is [secret] known?"
    with pytest.raises(SettingsError, match=r"^CHAT_STORE_ARN: .*ParameterNotFound"):
        create_app(Settings(store_arn=f"{arn}x", aws_endpoint_url=aws))


def test_chats_are_read_from_a_store_that_is_only_named(
    aws: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the other secrets whoever reads chats need not be allowed to read any."""
    for name, value in _ENVIRON.items():
        monkeypatch.setenv(name, value)
    store = SqliteStore(tmp_path / "chats.db")
    own = asyncio.run(_with_a_chat(store))
    arn = _PARAMETER.replace("openai-api-key", "chats")
    _put_parameter(aws, "/deltaline-dev/chats", f"sqlite:{tmp_path / 'chats.db'}")
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws)
    monkeypatch.setenv("CHAT_AUTH_TOKEN_ARN", f"{arn}-missing")

    monkeypatch.setenv("CHAT_STORE_ARN", arn)
    assert main(["chats", "list"]) == 0
    assert own in capsys.readouterr().out

    monkeypatch.setenv("CHAT_STORE_ARN", f"{arn}-missing")
    assert main(["chats", "list"]) == 2
    assert "CHAT_STORE_ARN: " in (told := capsys.readouterr().err)
    assert "ParameterNotFound" in told
    assert main(["chats", "list", "--store", f"sqlite:{tmp_path / 'chats.db'}"]) == 0

    _put_parameter(aws, "/deltaline-dev/chats", "redis://user:kept-from-you@h/db")
    monkeypatch.setenv("CHAT_STORE_ARN", arn)
    assert main(["chats", "list"]) == 2
    assert "kept-from-you" not in (told := capsys.readouterr().err)
    assert "has to be the number of a database" in told


async def _with_a_chat(store: SqliteStore) -> str:
    """Return the title of a chat that is in the store, which is closed."""
    await begun(store, title="Said in secret", messages=[user()])
    await store.aclose()
    return "Said in secret"


def test_the_app_starts_with_secrets_that_are_only_named(
    aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in _ENVIRON.items():
        monkeypatch.setenv(name, value)
    _put_parameter(aws, "/deltaline-dev/auth-token", "let-me-in")
    token_arn = _PARAMETER.replace("openai-api-key", "auth-token")

    create_app(Settings(auth_token_arn=token_arn, aws_endpoint_url=aws))

    with pytest.raises(SettingsError, match=r"^CHAT_AUTH_TOKEN_ARN: .*ParameterNotFound"):
        create_app(Settings(auth_token_arn=f"{token_arn}x", aws_endpoint_url=aws))

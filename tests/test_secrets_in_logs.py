"""No secret reaches the log, whatever the other side of our connections does, over real sockets.

What is logged is formatted as in production, and once without the masks: it has to hold neither the
secret nor the ``repr`` of a request.
"""

import asyncio
import contextlib
import json
import logging
from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import httpx2
import pytest

from app.aws.credentials import AwsCredentials, CredentialsError
from app.aws.secrets import SecretError, Secrets
from app.aws.sigv4 import Credentials
from app.lambda_runtime.runtime_api import RuntimeApi, RuntimeApiFailed
from app.telemetry.log import JsonFormatter
from app.tools.remote import RemoteTool
from tests.chatting import LogLines, chatting, data_body, logged
from tests.emulator.emulation import INVOKE, OURS, emulator, post
from tests.providers.upstream import Connection, Script, respond, serve
from tests.server_process import serving

KEY = "sk-live-0123456789abcdef"
PASSWORD = "pro:xy/pass+word"
SESSION = "FwoGZXIvYXdzEXAMPLE//session=="


async def long_header(connection: Connection) -> None:
    await connection.start(200, {"x-odd": "x" * 70_000})
    await connection.finish()


async def malformed_status(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 OK fine\r\n\r\n")


async def no_http(connection: Connection) -> None:
    await connection.send(b"\x15\x03\x01 hello\r\n\r\n")
    connection.close()


async def redirect(connection: Connection) -> None:
    head = b"HTTP/1.1 302 Found\r\nlocation: /v1/chat/completions\r\ncontent-length: 0\r\n\r\n"
    await connection.send(head)


async def broken_chunk(connection: Connection) -> None:
    await connection.start(200, {"content-type": "text/event-stream"})
    await connection.send(b"zz\r\n" + b"x" * 100)
    connection.close()


async def cut(connection: Connection) -> None:
    await connection.start(200, {"content-type": "text/event-stream"})
    await connection.chunk(b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n')
    connection.reset()


def quoting(text: str) -> Script:
    event = json.dumps({"error": {"message": f"{'x' * 480} {text}", "code": text}})
    return respond(f"data: {event}\n\n".encode())


def refusing(text: str) -> Script:
    body = json.dumps({"error": {"message": f"Wrong key {text}", "type": text}})
    return respond(body.encode(), status=401)


ODD: dict[str, Script] = {
    "long header": long_header,
    "malformed status line": malformed_status,
    "no HTTP": no_http,
    "redirect loop": redirect,
    "broken chunk": broken_chunk,
    "cut": cut,
    "error quotes the key": quoting(KEY),
    "error quotes the header": quoting(f"Bearer {KEY}"),
    "refusal quotes the key": refusing(KEY),
}

Use: TypeAlias = Callable[[str], Awaitable[object]]


def lines(log: LogLines) -> str:
    """Return the log as it is written, and with its messages as they are."""
    formatter = JsonFormatter()
    written = [formatter.format(record) for record in log.records]
    return "\n".join([*written, *(record.getMessage() for record in log.records)])


def assert_clean(text: str, *secrets: str) -> None:
    for secret in secrets:
        assert secret not in text
        assert json.dumps(secret)[1:-1] not in text
        assert b64encode(secret.encode()).decode()[:-4] not in text
    assert "RequestInfo" not in text
    assert "CIMultiDict" not in text


@pytest.mark.parametrize("client", ["httptools", "aiohttp", "openai"])
@pytest.mark.parametrize("script", ODD.values(), ids=ODD)
async def test_nothing_that_a_model_server_does_makes_us_log_its_key(
    client: str, script: Script
) -> None:
    with logged() as log:
        async with (
            serve(*[script] * 15) as upstream,
            chatting(upstream.url, openai_api_key=KEY, client=client) as chat,
        ):
            response = await chat.post(data_body("Hello"))
            await log.request()

    assert upstream.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert_clean(lines(log) + response.text, KEY)
    assert "turn failed" in lines(log) or "stream failed" in lines(log)


@pytest.mark.parametrize("client", ["httptools", "aiohttp", "openai"])
# The openai package passes proxy credentials on in a way that aiohttp is about to drop.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("script", [respond(b"no", status=407), long_header, malformed_status])
async def test_a_proxy_of_the_environment_does_not_make_us_log_its_password(
    client: str, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(*[script] * 9) as proxy:
        address = proxy.url.removeprefix("http://").removesuffix("/v1")
        monkeypatch.setenv("no_proxy", "127.0.0.1")  # our own client asks the app directly
        monkeypatch.setenv("http_proxy", f"http://me:pro%3Axy%2Fpass%2Bword@{address}")
        with logged() as log:
            async with chatting("http://model.test/v1", openai_api_key=KEY, client=client) as chat:
                response = await chat.post(data_body("Hello"))
                await log.request()

    assert "proxy-authorization" in proxy.requests[0].headers
    assert_clean(
        lines(log) + response.text, KEY, PASSWORD, "pro%3Axy%2Fpass%2Bword", "me:" + PASSWORD
    )


async def _read_secret(url: str) -> object:
    environ = {
        "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_SECRET_ACCESS_KEY": KEY,
        "AWS_SESSION_TOKEN": SESSION,
    }
    secrets = Secrets(
        AwsCredentials(environ), endpoint_url=url.removesuffix("/v1"), sleep=_no_sleep
    )
    with pytest.raises(SecretError) as raised:
        await secrets.read("arn:aws:ssm:eu-west-1:123456789012:parameter/x")
    return raised.value


async def _container_credentials(url: str) -> object:
    environ = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{url}/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": SESSION,
    }
    with pytest.raises(CredentialsError) as raised:
        await AwsCredentials(environ).get()
    return raised.value


async def _runtime_api(url: str) -> object:
    api = RuntimeApi(url.removeprefix("http://").removesuffix("/v1"))
    try:
        return await api.next_invocation()
    except RuntimeApiFailed as error:
        return error


async def _remote_tool(url: str) -> object:
    class Source:
        async def get(self) -> Credentials:
            return Credentials("AKIA", KEY, SESSION)

    tool = RemoteTool("far", function_url=url, region="eu-west-1", credentials=Source())
    async with (
        serve(respond(_CALLS_FAR), respond(_SAYS_DONE)) as model,
        chatting(model.url, tool) as chat,
    ):
        response = await chat.post(data_body("Hello"))
    return response.text


_CALLS_FAR = (
    b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function",'
    b'"function":{"name":"far","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}\n\n'
    b"data: [DONE]\n\n"
)
_SAYS_DONE = (
    b'data: {"choices":[{"index":0,"delta":{"content":"ok"},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)


async def _no_sleep(_: float) -> None:
    await asyncio.sleep(0)


@pytest.mark.parametrize("use", [_read_secret, _container_credentials, _runtime_api, _remote_tool])
@pytest.mark.parametrize(
    "script",
    [long_header, malformed_status, no_http, redirect, broken_chunk],
    ids=lambda s: s.__name__,
)
async def test_no_other_side_makes_us_log_what_we_sent_it(use: Use, script: Script) -> None:
    with logged() as log:
        async with serve(*[script] * 30) as upstream:
            told = await use(upstream.url)

    text = f"{told} {told!r} {lines(log)}"
    if isinstance(told, BaseException):
        # As it would be logged: with all that it was caused by.
        with contextlib.suppress(BaseException):
            raise told
        text += JsonFormatter().format(_record(told))
    assert_clean(text, KEY, SESSION)


def _record(error: BaseException) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"msg": "x", "exc_info": (type(error), error, error.__traceback__)}
    )


async def test_who_reads_secrets_follows_no_redirect() -> None:
    """The session token would go to wherever it leads."""
    async with serve(redirect, redirect) as upstream:
        await _read_secret(upstream.url)

    assert len(upstream.requests) == 1


@pytest.mark.real
@pytest.mark.timeout(120)
async def test_the_server_as_a_process_does_not_log_its_key() -> None:
    async with (
        serve(*[malformed_status] * 9) as upstream,
        serving(OPENAI_BASE_URL=upstream.url, OPENAI_API_KEY=KEY) as server,
        httpx2.AsyncClient(base_url=server.url, timeout=30) as http,
    ):
        await http.post("/api/chat", json=data_body("Hello"))
        server.process.terminate()
        _, log = await server.ended()

    assert any("turn failed" in line["message"] for line in log)
    assert_clean(json.dumps(log), KEY)


@pytest.mark.real
@pytest.mark.timeout(120)
async def test_our_lambda_runtime_tells_neither_the_log_nor_its_caller_the_key() -> None:
    """Here the emulator does not know the key, so it is the function's own process that masks."""
    variables = {"_HANDLER": "tests.emulator.functions.tells:handler", "OPENAI_API_KEY": KEY}
    async with emulator(OURS, variables=variables) as running:
        response = await post(running, INVOKE, {})
        log = await running.logged("the handler failed")

    assert response.json()["errorMessage"] == "the key is [secret]"
    assert "the key is [secret]" in log
    assert_clean(log + response.text, KEY)

"""The Runtime API and the Extensions API refuse what they must, and go on."""

import asyncio
import json
from typing import Any

import pytest

from tests.emulator.emulation import INVOKE, PATIENCE_S, Running, emulator, post

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

REGISTER = "/2020-01-01/extension/register"
NAME = {"Lambda-Extension-Name": "inside"}


async def probe(running: Running, *requests: list[object]) -> list[tuple[int, Any]]:
    """Let the runtime send these requests while it has an invocation; return the answers."""
    response = await post(running, INVOKE, {"do": "probe", "requests": requests})
    return [(status, json.loads(body)) for status, body in response.json()]


@pytest.mark.parametrize(
    ("method", "path", "status", "error_type"),
    [
        ("GET", "/nothing", 404, "NotFound"),
        ("POST", "/invocation/next", 404, "NotFound"),
        ("GET", "/2099-01-01/runtime/invocation/next", 404, "NotFound"),
        ("POST", "/invocation/another/response", 400, "InvalidRequestID"),
        ("POST", "/invocation/another/error", 400, "InvalidRequestID"),
        ("POST", "/init/error", 403, "InvalidStateTransition"),
        ("GET", "/invocation/next", 403, "InvalidStateTransition"),
        ("POST", "/2020-01-01/extension/nothing", 404, "NotFound"),
        ("PUT", "/2020-08-15/logs", 202, "Logs.NotSupported"),
        ("GET", "/2020-01-01/extension/event/next", 403, "Extension.UnknownExtensionIdentifier"),
        ("POST", "/2020-01-01/extension/init/error", 403, "Extension.UnknownExtensionIdentifier"),
    ],
)
async def test_what_a_runtime_may_not_ask_now_is_refused(
    method: str, path: str, status: int, error_type: str
) -> None:
    async with emulator() as running:
        ((answered, body),) = await probe(running, [method, path, {}, ""])

    assert (answered, body["errorType"]) == (status, error_type)


@pytest.mark.parametrize(
    ("headers", "body", "error_type"),
    [
        ({}, '{"events":[]}', "Extension.InvalidExtensionName"),
        (NAME, "[]", "InvalidRequestFormat"),
        (NAME, '{"events":["SHUTDOWN"]}', "Extension.InvalidEventType"),
        (NAME, '{"events":["INVOKE"]}', "Extension.RegistrationClosed"),
    ],
)
async def test_an_extension_that_may_not_register_is_refused(
    headers: dict[str, str], body: str, error_type: str
) -> None:
    async with emulator() as running:
        ((status, answer),) = await probe(running, ["POST", REGISTER, headers, body])

    assert (status, answer["errorType"]) == (403, error_type)


async def test_an_internal_extension_gets_invoke_events() -> None:
    async with emulator(variables={"START": "register"}) as running:
        response = await post(running, INVOKE, {"chunks": ["x"]})
        log = await running.logged("END RequestId")

    assert response.text == "x"
    assert "registered: 200, again: 403" in log
    assert "internal extension: INVOKE" in log


async def test_a_poll_whose_connection_is_closed_gets_no_event() -> None:
    async with emulator() as running:
        await post(running, INVOKE, {"chunks": ["x"], "abandon a poll": True})
        await running.logged("abandoned a poll")
        response = await post(running, INVOKE, {"chunks": ["y"]})

    assert response.text == "y"


async def test_expect_100_continue_is_answered_before_the_body() -> None:
    async with emulator() as running, asyncio.timeout(PATIENCE_S):
        port = int(running.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST {INVOKE} HTTP/1.1\r\nHost: x\r\nContent-Length: 16\r\n"
        writer.write(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 \r\n\r\n"
        writer.write(b'{"chunks":["x"]}')
        answer = await reader.readuntil(b"0\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n1\r\nx\r\n0\r\n\r\n")


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\r\n\r\n", b"GET /\r\n\r\n"])
async def test_what_is_not_http_gets_a_400(sent: bytes) -> None:
    async with emulator() as running, asyncio.timeout(PATIENCE_S):
        port = int(running.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()

    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")

"""The Runtime API refuses what it must, and goes on."""

import pytest

from tests.emulator.emulation import INVOKE, emulator, post, probe

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


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
        ((responded, body),) = await probe(running, [method, path, {}, ""])

    assert (responded, body["errorType"]) == (status, error_type)


async def test_a_poll_whose_connection_is_closed_gets_no_event() -> None:
    async with emulator() as running:
        await post(running, INVOKE, {"chunks": ["x"], "abandon a poll": True})
        await running.logged("abandoned a poll")
        response = await post(running, INVOKE, {"chunks": ["y"]})

    assert response.text == "y"

"""The Extensions API: who may register, and who gets events."""

import pytest

from tests.emulator.emulation import INVOKE, emulator, post, probe

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


REGISTER = "/2020-01-01/extension/register"


NAME = {"Lambda-Extension-Name": "inside"}


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
        ((status, response),) = await probe(running, ["POST", REGISTER, headers, body])

    assert (status, response["errorType"]) == (403, error_type)


async def test_an_internal_extension_gets_invoke_events() -> None:
    async with emulator(variables={"START": "register"}) as running:
        response = await post(running, INVOKE, {"chunks": ["x"]})
        log = await running.logged("END RequestId")

    assert response.text == "x"
    assert "registered: 200, again: 403" in log
    assert "internal extension: INVOKE" in log

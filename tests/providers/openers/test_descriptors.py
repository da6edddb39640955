"""Without a free descriptor it is this server that has no room, not the model that failed."""

import contextlib
import errno
import os
import resource
import socket
from collections.abc import Iterator

import pytest

from app.errors import OutOfDescriptors
from app.providers.openers.descriptors import is_without_descriptors
from tests.chatting import chatting, data_body, logged
from tests.providers.upstream import respond, serve


@contextlib.contextmanager
def no_descriptors() -> Iterator[None]:
    """Let this process open nothing within the block. What is open stays."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


WORD = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n'


@pytest.mark.parametrize("client", ["aiohttp", "openai"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_chat_without_a_descriptor_for_the_model_is_our_503(client: str, host: str) -> None:
    with logged() as log:
        async with serve(respond(WORD)) as upstream:
            url = upstream.url.replace("127.0.0.1", host)
            async with chatting(url, client=client, openai_api_key="k") as chat:
                await chat.http.get("/health")  # opens the connection that is used below
                with no_descriptors():
                    refused = await chat.post(data_body("Hello"))
                answer = await chat.post(data_body("Hello"))

    assert refused.status_code == 503
    assert refused.json() == {"success": False, "error": OutOfDescriptors.public_message}
    assert int(refused.headers["retry-after"]) > 0
    assert log.requests[0]["error_code"] == "out_of_descriptors"
    assert "OutOfDescriptors" in "".join(record.getMessage() for record in log.records)
    assert '0:"Hi"' in answer.text


@pytest.mark.parametrize(
    ("error", "is_without"),
    [
        (OSError(errno.EMFILE, "x"), True),
        (OSError(errno.ENFILE, "x"), True),
        (OSError(errno.ECONNREFUSED, "x"), False),
        (socket.gaierror(-2, "x"), False),
        (ValueError(), False),
    ],
)
def test_only_a_lack_of_descriptors_is_one(error: Exception, is_without: bool) -> None:
    assert is_without_descriptors(error) is is_without


def test_a_name_that_cannot_be_looked_up_without_one_is_a_lack() -> None:
    with no_descriptors():
        assert is_without_descriptors(socket.gaierror(-3, "x"))


def test_a_machine_without_a_null_device_is_no_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "devnull", "/nowhere/null")

    assert not is_without_descriptors(socket.gaierror(-3, "x"))

"""Streaming invocations, of the emulator and of servers that break the rules."""

import asyncio
import contextlib
import re
import socket
import struct
import sys
from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest

from app.aws.event_stream import (
    CONTENT_TYPE,
    HeaderValue,
    InvokeComplete,
    Message,
    PayloadChunk,
    encode_event,
    encode_message,
)
from app.aws.invoke import InvokeError, invoke_streaming, post_streaming, signed_headers
from tests.aws.orders import http_event, payload
from tests.aws.test_event_stream import raw_message
from tests.emulator.emulation import PATIENCE_S, URL, Gate, emulator

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


async def collect(url: str, event: bytes, **options: Any) -> tuple[bytes, InvokeError | None]:
    """Return what arrived and how it failed, if it did."""
    received = bytearray()

    def read() -> InvokeError | None:
        try:
            for piece in invoke_streaming("function", event, endpoint_url=url, **options):
                received.extend(piece)
        except InvokeError as error:
            return error
        return None

    return await asyncio.to_thread(lambda: (read(), bytes(received))[::-1])


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Read a whole request: bytes that are left unread would make closing a reset."""
    head = await reader.readuntil(b"\r\n\r\n")
    found = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
    return head + await reader.readexactly(int(found[1]) if found else 0)


def reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextlib.asynccontextmanager
async def server(
    answer: bytes, *, then: Literal["close", "reset", "wait"] = "close"
) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Answer every request with these bytes, then end the connection or say nothing more."""
    requests: list[bytes] = []
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        requests.append(await read_request(reader))
        writer.write(answer)
        if then == "close":
            writer.close()
        elif then == "reset":
            reset(writer)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", requests
    finally:
        listening.close()
        for writer in writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def stream_head(framing: str = "Connection: close") -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {CONTENT_TYPE}\r\n{framing}\r\n\r\n".encode()


# How a body may be framed: the header, and what stands before its first byte.
FRAMINGS = [
    pytest.param("Connection: close", b"", id="until close"),
    pytest.param("Content-Length: 4096", b"", id="length"),
    pytest.param("Transfer-Encoding: chunked", b"1000\r\n", id="chunked"),
]


async def test_pieces_are_yielded_as_they_arrive() -> None:
    async with emulator() as running, Gate() as gate:
        event = payload(chunks=["one", "two"], gate=gate.port)
        pieces = invoke_streaming("function", event, endpoint_url=running.url)

        first = asyncio.create_task(asyncio.to_thread(next, pieces))
        await gate.arrival()
        await gate.release()
        assert await first == b"one"
        await gate.release()
        assert await asyncio.to_thread(next, pieces) == b"two"
        assert await asyncio.to_thread(next, pieces, None) is None


async def test_a_prelude_is_stripped_and_its_status_told() -> None:
    statuses: list[int] = []
    async with emulator() as running:
        event = http_event(chunks=["body"], prelude={"statusCode": 404})
        received, error = await collect(running.url, event, on_status=statuses.append)

    assert (received, error, statuses) == (b"body", None, [404])


@pytest.mark.parametrize(
    ("order", "code", "sentence"),
    [
        ({"then": "fail", "base64": True}, "Function.Late", "The function failed with"),
        ({"then": "exit", "status": 2}, "Runtime.ExitError", "exit status 2"),
        ({"then": "hang"}, "Sandbox.Timedout", "Task timed out after 1.00 seconds"),
    ],
)
async def test_a_failed_function_raises_after_what_it_sent(
    order: dict[str, object], code: str, sentence: str
) -> None:
    async with emulator(timeout_s=1.0) as running:
        received, error = await collect(running.url, payload(chunks=["good"], **order))

    assert received == b"good"
    assert error is not None
    assert error.code == code
    assert sentence in str(error)


async def test_a_stream_without_invoke_complete_is_not_believed() -> None:
    answer = stream_head() + encode_event(PayloadChunk(b"half"))
    async with server(answer) as (url, requests):
        received, error = await collect(url, b"{}")

    assert received == b"half"
    assert error is not None
    assert error.code == "Incomplete"
    assert len(requests) == 1


_COMPLETE: dict[str, HeaderValue] = {":message-type": "event", ":event-type": "InvokeComplete"}


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b"\0" * 16, id="no checksum"),
        pytest.param(raw_message(b"\x01a\x0b"), id="no type of header"),
        pytest.param(raw_message(b"\x01"), id="half a header"),
        pytest.param(raw_message(b"\x01a\x00\x01a\x00"), id="twice"),
        pytest.param(encode_message(Message(_COMPLETE, b'{"a":"\xff"}')), id="not UTF-8"),
    ],
)
async def test_what_is_no_event_stream_is_an_error_for_a_person(broken: bytes) -> None:
    answer = stream_head() + encode_event(PayloadChunk(b"half")) + broken
    async with server(answer) as (url, _):
        received, error = await collect(url, b"{}")

    assert received == b"half"
    assert error is not None
    assert error.code == "Unreadable"


async def test_details_that_are_nested_too_deeply_are_shown_as_they_are() -> None:
    details = "[" * 3000
    answer = stream_head() + encode_event(InvokeComplete("Odd", details))
    async with server(answer) as (url, _):
        _, error = await collect(url, b"{}")

    assert str(error).endswith(details)


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize(("framing", "before"), FRAMINGS)
async def test_no_event_is_lost_to_a_break_right_after_it(
    framing: str, before: bytes, then: Literal["close", "reset"]
) -> None:
    events = encode_event(PayloadChunk(b"one ")) + encode_event(PayloadChunk(b"two"))
    answer = stream_head(framing) + before + events + b"\0\0"
    async with server(answer, then=then) as (url, requests):
        received, error = await collect(url, b"{}")

    assert received == b"one two"
    assert error is not None
    assert error.code in ("Unreachable", "Incomplete")
    assert len(requests) == 1


@pytest.mark.parametrize(
    "answer", [b"", stream_head() + encode_event(PayloadChunk(b"x"))], ids=["head", "body"]
)
async def test_silence_is_an_error_and_nothing_is_tried_again(answer: bytes) -> None:
    async with server(answer, then="wait") as (url, requests):
        _, error = await collect(url, b"{}", timeout_s=0.3)

    assert error is not None
    assert error.code == "Timeout"
    assert "Nothing came for 0.3 s" in str(error)
    assert len(requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
    ids=["length", "chunked"],
)
async def test_a_cut_connection_is_an_error(answer: bytes) -> None:
    async with server(answer) as (url, requests):
        _, error = await collect(url, b"{}")

    assert error is not None
    assert error.code in ("Unreachable", "Incomplete")
    assert len(requests) == 1


async def test_a_server_error_is_not_tried_again() -> None:
    answer = b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\n{}"
    async with server(answer) as (url, requests):
        _, error = await collect(url, b"{}")

    assert error is not None
    assert len(requests) == 1


async def test_nobody_listening_is_one_sentence() -> None:
    _, error = await collect("http://127.0.0.1:1", b"{}")

    assert error is not None
    assert error.code == "Unreachable"
    assert "\n" not in str(error)


async def test_lambdas_refusal_keeps_its_name() -> None:
    async with emulator() as running:
        _, error = await collect(running.url, b"{not json")

    assert error is not None
    assert error.code == "InvalidRequestContentException"


async def test_a_function_url_is_posted_to_and_read_live() -> None:
    statuses: list[int] = []
    async with emulator() as running, Gate() as gate:
        event = payload(chunks=["one", "two"], gate=gate.port)
        pieces = post_streaming(running.url + URL, event, on_status=statuses.append)

        first = asyncio.create_task(asyncio.to_thread(next, pieces))
        await gate.arrival()
        await gate.release()
        assert await first == b"one"
        await gate.release()
        assert await asyncio.to_thread(lambda: b"".join(pieces)) == b"two"

    assert statuses == [200]


async def test_a_function_url_that_breaks_off_is_incomplete() -> None:
    async with emulator() as running:
        event = payload(chunks=["good"], then="exit", status=1)
        with pytest.raises(InvokeError) as caught:
            await asyncio.to_thread(lambda: list(post_streaming(running.url + URL, event)))

    assert caught.value.code == "Incomplete"


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize(("framing", "before"), FRAMINGS[1:])
async def test_no_byte_of_a_function_url_is_lost_to_a_break_right_after_it(
    framing: str, before: bytes, then: Literal["close", "reset"]
) -> None:
    received = bytearray()

    def read(url: str) -> None:
        for piece in post_streaming(url, b"{}"):
            received.extend(piece)

    async with server(stream_head(framing) + before + b"half", then=then) as (url, _):
        with pytest.raises(InvokeError) as caught:
            await asyncio.to_thread(read, url)

    assert received == b"half"
    assert caught.value.code == "Incomplete"


async def test_a_silent_function_url_is_a_time_out() -> None:
    async with server(b"", then="wait") as (url, _):
        with pytest.raises(InvokeError) as caught:
            await asyncio.to_thread(lambda: list(post_streaming(url, b"{}", timeout_s=0.3)))

    assert caught.value.code == "Timeout"


async def test_a_function_url_that_nobody_serves_is_unreachable() -> None:
    with pytest.raises(InvokeError) as caught:
        await asyncio.to_thread(lambda: list(post_streaming("http://127.0.0.1:1", b"{}")))

    assert caught.value.code == "Unreachable"


def test_a_request_to_aws_is_signed_for_the_region_in_its_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")

    headers = signed_headers("https://abc.lambda-url.eu-north-1.on.aws/api/chat", b"{}", None)

    assert "/eu-north-1/lambda/aws4_request" in headers["Authorization"]
    assert headers["X-Amz-Security-Token"] == "token"
    assert "Authorization" not in signed_headers("http://127.0.0.1:9000/", b"{}", None)


async def test_boto3_is_not_imported_before_it_is_needed() -> None:
    program = "import sys, app.aws.invoke; sys.exit('boto3' in sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    async with asyncio.timeout(PATIENCE_S):
        assert await process.wait() == 0

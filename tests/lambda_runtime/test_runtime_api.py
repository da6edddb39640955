"""The client of the Runtime API: what it sends, and how it fails."""

import asyncio
import socket
from typing import Any

import pytest

from app.lambda_runtime.invocation import FunctionError
from app.lambda_runtime.runtime_api import ResponseRefused, RuntimeApi, RuntimeApiFailed
from tests.lambda_runtime.recording_runtime_api import RecordingRuntimeApi, soon


async def _next(api: RuntimeApi) -> str:
    invocation = await soon(api.next_invocation())
    assert invocation is not None
    return invocation.request_id


async def test_no_packet_waits_for_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    writers: list[asyncio.StreamWriter] = []
    connect = asyncio.open_connection

    async def recording(*arguments: Any, **options: Any) -> Any:
        reader, writer = await connect(*arguments, **options)
        writers.append(writer)
        return reader, writer

    monkeypatch.setattr(asyncio, "open_connection", recording)
    async with RecordingRuntimeApi().listen() as server:
        api = RuntimeApi(server.address)
        server.invoke({})
        stream = await api.open_stream(await _next(api), "text/plain")
        connected = writers[-1].get_extra_info("socket")
        no_delay = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        stream.abort()

    assert no_delay


async def test_every_response_has_a_connection_of_its_own_and_says_so() -> None:
    async with RecordingRuntimeApi().listen() as server:
        api = RuntimeApi(server.address)
        first, second = server.invoke({}), server.invoke({})
        for sent in (first, second):
            stream = await api.open_stream(await _next(api), "text/plain")
            await stream.write(b"one", b"two")
            await stream.end()
            posted = await sent.completed()

            assert posted.headers["connection"] == "close"
            assert posted.chunks == [b"one", b"two"]


async def test_an_error_type_is_always_a_header_that_http_allows() -> None:
    error = FunctionError("Function.Überraschung\n", "öh", "Überraschung")

    async with RecordingRuntimeApi().listen() as server:
        api = RuntimeApi(server.address)
        sent = server.invoke({})
        await api.fail(await _next(api), error)
        posted = await sent.completed()

    assert posted.error_type == "Function.?berraschung?"
    assert posted.json()["errorType"] == "Überraschung"


async def test_a_response_that_was_refused_early_cannot_be_written_on() -> None:
    async with RecordingRuntimeApi().listen() as server:
        api = RuntimeApi(server.address)
        sent = server.invoke({}, verdict=413)
        stream = await api.open_stream(await _next(api), "text/plain")
        await stream.write(b"one")
        await sent.completed()

        with pytest.raises(ResponseRefused, match=r"HTTP 413: .*ResponseSizeTooLarge"):
            while True:
                await stream.write(b"more")
        stream.abort()


async def test_a_response_that_was_taken_early_cannot_be_written_on() -> None:
    async with RecordingRuntimeApi().listen() as server:
        server.hasty = True
        api = RuntimeApi(server.address)
        sent = server.invoke({})
        stream = await api.open_stream(await _next(api), "text/plain")
        await stream.write(b"one")
        await sent.completed()

        with pytest.raises(ResponseRefused, match=r"took the answer|connection is lost"):
            while True:
                await stream.write(b"more")
        stream.abort()


async def test_a_connection_that_cannot_be_made_is_a_refusal() -> None:
    async with RecordingRuntimeApi().listen() as server:
        api = RuntimeApi(server.address)

    with pytest.raises(ResponseRefused, match="cannot connect"):
        await api.open_stream("request-1", "text/plain")
    with pytest.raises(ResponseRefused, match="/invocation/request-1/response failed"):
        await api.respond("request-1", "text/plain", b"text")


@pytest.mark.parametrize("address", ["", "localhost", "localhost:http", ":80"])
def test_an_address_without_host_or_port_is_refused(address: str) -> None:
    with pytest.raises(RuntimeApiFailed, match="not a host and a port"):
        RuntimeApi(address)

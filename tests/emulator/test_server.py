"""The HTTP server alone, on a real port."""

import asyncio
import contextlib

import pytest

from app.emulator.connection import Connection, Request
from tests.emulator.emulation import PATIENCE_S, connected, http_server

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def say_ok(connection: Connection, request: Request) -> None:
    await connection.respond(200, (), b"ok")


async def test_a_connection_serves_one_request_after_another() -> None:
    async with http_server(say_ok) as (_, port), connected(port) as (reader, writer):
        for _ in range(2):
            writer.write(GET)
            assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_connection_without_a_further_request_is_closed_after_a_while() -> None:
    server = http_server(say_ok, idle_timeout_s=0.05)
    async with server as (_, port), connected(port) as (reader, writer):
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\nok")

        assert await reader.read() == b""


async def test_a_taken_port_is_an_os_error() -> None:
    async with http_server(say_ok) as (server, port):
        with pytest.raises(OSError):
            await server.start("127.0.0.1", port)


async def test_a_server_that_stops_ends_its_responses_and_begins_no_other() -> None:
    go_on = asyncio.Event()

    async def wait(connection: Connection, request: Request) -> None:
        await connection.start(200, ())
        await connection.send(b"first")
        await go_on.wait()
        await connection.end()

    async with (
        http_server(wait) as (server, port),
        connected(port) as (reader, writer),
        connected(port) as (idle_reader, idle_writer),
    ):
        writer.write(GET)
        await reader.readuntil(b"5\r\nfirst\r\n")
        responded = asyncio.create_task(server.until_responded())
        server.stop()
        idle_writer.write(GET)
        assert await idle_reader.read() == b""
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", port)
        assert not responded.done()
        go_on.set()
        await responded

        assert await reader.read() == b"0\r\n\r\n"


async def test_closing_cuts_a_response_that_is_being_sent() -> None:
    async def never_end(connection: Connection, request: Request) -> None:
        await connection.start(200, ())
        await connection.send(b"first")
        await asyncio.Event().wait()

    async with http_server(never_end) as (server, port), connected(port) as (reader, writer):
        writer.write(GET)
        await reader.readuntil(b"5\r\nfirst\r\n")

        await server.close()

        rest = b""
        with contextlib.suppress(ConnectionResetError):
            rest = await reader.read()
        assert rest == b""


async def test_the_server_is_quiet_once_clients_have_left_and_all_is_read() -> None:
    bodies: list[bytes] = []

    async def read(connection: Connection, request: Request) -> None:
        bodies.append(await connection.read_body(1000))
        await connection.respond(200, (), b"")

    async with http_server(read) as (server, port):
        async with connected(port) as (reader, writer):
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nsent")
            await reader.readuntil(b"\r\n\r\n")
            quiet = asyncio.create_task(server.until_quiet())
            await asyncio.sleep(0)
            assert not quiet.done()

        async with asyncio.timeout(PATIENCE_S):
            await quiet

    assert bodies == [b"sent"]


async def test_what_is_not_http_is_refused_with_a_reason() -> None:
    async with http_server(say_ok) as (_, port), connected(port) as (reader, writer):
        writer.write(b"\x16\x03\x01 not HTTP\r\n\r\n")
        response = await reader.read()

    assert response.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b'"errorType": "BadRequest"' in response

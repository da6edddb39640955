"""What one connection of uvicorn's holds. How it serves is tested by everything above it."""

import asyncio
import gc
from collections import deque
from typing import Any

from app.http.connection_limits import LimitedConnection
from app.http.own_server import OwnServer, own_server
from tests.http.test_connection_limits import request, site

# As many keys as a class of Python shares among its instances.
_SHARED_KEYS = 30


def _the_connection() -> LimitedConnection:
    """Return the only connection whose request is being served."""
    open_ones = [
        found
        for found in gc.get_objects()
        if isinstance(found, LimitedConnection) and found.parser is not None
    ]
    assert len(open_ones) == 1
    return open_ones[0]


def _held_by(connection: LimitedConnection) -> list[Any]:
    """Return what the connection holds of its own, and its request and its flow control."""
    holders = (connection, connection.flow, connection.cycle)
    return [held for holder in holders for held in vars(holder).values()]


async def test_a_connection_holds_no_deque_and_no_table_of_its_own() -> None:
    async with site() as server, server.client() as client:
        server.app.may_end.clear()
        client.send(request("/", b"abc"))
        assert await client.reader.readuntil(b"read:")

        connection = _the_connection()

        assert len(vars(connection)) <= _SHARED_KEYS
        assert not [held for held in _held_by(connection) if isinstance(held, deque)]
        waits = (connection.flow._is_writable_event, connection.cycle.message_event)
        assert not [wait for wait in waits if hasattr(wait, "_waiters")]


async def test_the_body_of_a_pipelined_request_that_came_early_is_read() -> None:
    async with site() as server, server.client() as client:
        server.app.may_end.clear()
        client.send(request("/", b"first") + request("/", b"second"))
        assert await client.reader.readuntil(b"read:")
        assert len(_the_connection().pipeline) == 1

        server.app.may_end.set()

        assert await client.reader.readexactly(5) == b"first"
        assert (await client.response())[2] == b"read:second"


def _exchange(scope: Any) -> OwnServer:
    server = own_server(scope)
    assert server is not None
    return server


async def test_a_client_that_leaves_is_told_of_without_a_task() -> None:
    async with site() as server, server.client() as client:
        server.app.may_end.clear()
        client.send(request("/", b"abc"))
        assert await client.reader.readuntil(b"read:")
        tasks = len(asyncio.all_tasks())
        leaving = _exchange(_the_connection().cycle.scope).leaving()
        assert leaving is not None
        assert len(asyncio.all_tasks()) == tasks
        assert not leaving.done()

        client.writer.close()

        await leaving
        server.app.may_end.set()


async def test_who_waits_for_a_client_to_leave_reads_what_it_sends() -> None:
    async with site() as server, server.client() as client:
        server.app.may_end.clear()
        client.send(request("/", b"first"))
        assert await client.reader.readuntil(b"read:")
        connection = _the_connection()
        connection.flow.pause_reading()  # as for a pipelined request: an end would not be seen

        leaving = _exchange(connection.cycle.scope).leaving()
        assert leaving is not None
        client.writer.close()

        await leaving
        server.app.may_end.set()

"""A proxy in front of DynamoDB that does what DynamoDB and networks do on bad days."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Literal, TypeAlias

Fault: TypeAlias = Literal[
    "none",
    "throttled",  # refused, nothing is done
    "500",
    "cut",  # the connection closes before anything is done
    "lost",  # it is done, and the connection closes before the response
    "silent",  # nothing is done, and nothing comes
    "conflict",  # a transaction that meets another one
    "expired",  # the credentials are
    "denied",
    "garbage",
]

_ERRORS = {
    "throttled": (400, {"__type": "com.amazonaws.dynamodb#ThrottlingException"}),
    "500": (500, {"__type": "com.amazonaws.dynamodb#InternalServerError"}),
    "expired": (400, {"__type": "com.amazon.coral.service#ExpiredTokenException"}),
    "denied": (400, {"__type": "com.amazon.coral.service#AccessDeniedException"}),
    "conflict": (
        400,
        {
            "__type": "com.amazonaws.dynamodb#TransactionCanceledException",
            "CancellationReasons": [{"Code": "None"}, {"Code": "TransactionConflict"}],
        },
    ),
}


class FaultProxy:
    """Passes calls on, or does not.

    Attributes:
        url: to be called.
        fault: of a call, by its operation, its number from 0 and its body.
        slow_s: how much later each response comes.
        operations: of the calls so far.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.removeprefix("http://").partition(":")
        self._target = (host, int(port))
        self.url = ""
        self.fault: Callable[[str, int], Fault] = lambda operation, number: "none"
        self.slow_s = 0.0
        self.operations: list[str] = []
        self.bodies: list[bytes] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._more = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def listen(self) -> AsyncIterator["FaultProxy"]:
        """Listen within the block."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**25)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for writer in tuple(self._writers):
                writer.transport.abort()
            await server.wait_closed()

    def always(self, fault: Fault) -> None:
        """Do this at each call from now on."""
        self.fault = lambda operation, number: fault

    def every_second(self, fault: Fault) -> None:
        """Do this at the next call, and at every second one after it."""
        begun = len(self.operations)
        self.fault = lambda operation, number: "none" if (number - begun) % 2 else fault

    def first(self, count: int, fault: Fault, operation: str = "") -> None:
        """Do this at the next ``count`` calls, of ``operation`` only if one is named."""
        left = count

        def decide(called: str, number: int) -> Fault:
            nonlocal left
            if left > 0 and operation in ("", called):
                left -= 1
                return fault
            return "none"

        self.fault = decide

    async def called(self, count: int) -> None:
        """Wait until there were ``count`` calls."""
        async with self._more:
            await self._more.wait_for(lambda: len(self.operations) >= count)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while await self._exchange(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        headers = dict(
            line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line
        )
        body = await reader.readexactly(int(headers[b"content-length"]))
        operation = headers[b"x-amz-target"].decode().rpartition(".")[2]
        operation = next(
            name
            for name in (
                *("BatchGetItem", "BatchWriteItem", "CreateTable", "DeleteItem", "GetItem"),
                *("PutItem", "Query", "Scan", "TransactWriteItems", "UpdateItem"),
                "UpdateTimeToLive",
            )
            if name.lower() == operation
        )
        self.bodies.append(body)
        fault = self.fault(operation, len(self.operations))
        self.operations.append(operation)
        async with self._more:
            self._more.notify_all()
        if fault == "silent":
            await reader.read()  # until the caller gives up
        if fault in ("silent", "cut"):
            return False
        if fault == "garbage":
            response = _response(200, b"<html>")
        elif fault in _ERRORS:
            status, error = _ERRORS[fault]
            response = _response(status, json.dumps(error).encode())
        else:
            response = await self._passed_on(head, body)
        if fault == "lost":
            return False
        if self.slow_s:
            await asyncio.sleep(self.slow_s)
        writer.write(response)
        await writer.drain()
        return True

    async def _passed_on(self, head: bytes, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*self._target, limit=2**25)
        try:
            line, _, rest = head.partition(b"\r\n")
            writer.write(line + b"\r\nconnection: close\r\n" + rest + body)
            await writer.drain()
            # DynamoDBLocal says how long its responses are, and closes as it is told.
            return (await reader.read(-1)).replace(b"Connection: close\r\n", b"", 1)
        finally:
            writer.close()


def _response(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} x\r\ncontent-type: application/x-amz-json-1.0\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body

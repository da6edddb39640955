"""Counts what a DynamoDB is asked for, from between it and the servers."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from aiohttp import ClientSession, web

from app.store.dynamodb_calls import Calls
from bench.scaling.capacity import Units, item_size, refused_units, units, updated_keys
from tests.store.dynamodb_tables import calls

_NAMES = ("batches", "calls", "bytes sent")
# How keys begin that are not a server's.
_NOT_COUNTED = "alike#"
_JSON = "application/x-amz-json-1.0"
_NOT_MET = ("ConditionalCheckFailedException", "TransactionCanceledException")


class DynamodbCounter:
    """Passes calls on, and asks of each what it has consumed.

    DynamoDBLocal does not check signatures, so what is asked besides does not matter to it.

    Attributes:
        url: to be called.
    """

    def __init__(self, target: str, table: str) -> None:
        self.url = ""
        self._target = target
        self._table = table
        self._own: Calls = calls(target, table)
        self._counts: Counter[str] = Counter()
        self._units = {"write units": 0.0, "read units": 0.0}

    @contextlib.asynccontextmanager
    async def listen(self) -> AsyncIterator["DynamodbCounter"]:
        """Listen within the block."""
        app = web.Application(client_max_size=32 * 1024 * 1024)
        app.router.add_post("/", self._pass_on)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = "http://{}:{}".format(*runner.addresses[0][:2])
        self._through = calls(self.url, self._table)
        async with ClientSession(self._target) as self._session:
            try:
                yield self
            finally:
                await runner.cleanup()
                await self._own.aclose()
                await self._through.aclose()

    async def counts(self) -> Mapping[str, float]:
        found = {name: float(self._counts[name]) for name in _NAMES}
        return {**found, **self._units}

    async def write_alike(self, turns: int) -> None:
        """Write an item for each of so many turns and read another, as a flusher does."""

        async def write(number: int) -> None:
            key = {"pk": {"S": f"{_NOT_COUNTED}{number}"}, "sk": {"S": "000001"}}
            await self._through.call("PutItem", Item={**key, "data": {"B": "x" * 200}})
            await self._through.call("GetItem", Key=key, ConsistentRead=True)

        await asyncio.gather(*map(write, range(turns)))

    async def _pass_on(self, request: web.Request) -> web.Response:
        operation = request.headers["x-amz-target"].rpartition(".")[2]
        body = await request.read()
        asked = json.loads(body)
        headers = {
            name: request.headers[name] for name in ("authorization", "x-amz-target", "x-amz-date")
        }
        headers["content-type"] = _JSON
        data = json.dumps({**asked, "ReturnConsumedCapacity": "TOTAL"}).encode()
        async with self._session.post("/", data=data, headers=headers) as response:
            answer = await response.read()
        if not _is_alike(asked):
            await self._count(operation, asked, json.loads(answer), len(body))
        return web.Response(status=response.status, body=answer, content_type=_JSON)

    async def _count(
        self, operation: str, asked: Mapping[str, Any], found: Mapping[str, Any], size: int
    ) -> None:
        self._counts["calls"] += 1
        self._counts["bytes sent"] += size
        taken = Units()
        if "__type" not in found:
            sizes = await self._sizes(operation, asked)
            taken = units(operation, asked, found, sizes=sizes)
            self._counts["batches"] += _log_items(operation, asked)
        elif found["__type"].endswith(_NOT_MET):
            taken = refused_units(operation, asked)
        self._units["write units"] += taken.write
        self._units["read units"] += taken.read

    async def _sizes(self, operation: str, asked: Mapping[str, Any]) -> Sequence[int]:
        """Return how large the items are that a transaction has changed without saying so."""
        if operation != "TransactWriteItems":
            return ()
        found = [
            await self._own.call("GetItem", Key=key, ConsistentRead=True)
            for key in updated_keys(asked["TransactItems"])
        ]
        return [item_size(one.get("Item", {})) for one in found]


def _log_items(operation: str, asked: Mapping[str, Any]) -> int:
    match operation:
        case "PutItem":
            items = [asked["Item"]]
        case "TransactWriteItems":
            items = [part["Put"]["Item"] for part in asked["TransactItems"] if "Put" in part]
        case _:
            return 0
    return sum("data" in item and item["sk"]["S"].isdecimal() for item in items)


def _is_alike(asked: Mapping[str, Any]) -> bool:
    key: Mapping[str, Any] = asked.get("Item", asked.get("Key", {}))
    return "pk" in key and key["pk"]["S"].startswith(_NOT_COUNTED)

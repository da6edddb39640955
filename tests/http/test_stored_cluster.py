"""A Redis cluster of which a node dies while answers run, and whose replica takes its place."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.scripted_model.control import Control
from app.store.redis_keys import place_of
from tests.chatting import Reader, chatting
from tests.http.test_stored import SAY_HI, SSE, STALL, _asked, _said
from tests.http.test_stored_redis import _resumable, _said_in, _stored, _until_whole
from tests.ports import free_port
from tests.redis_server import RedisServer, needs_redis, redis_cluster, redis_server

pytestmark = [needs_redis, pytest.mark.timeout(120)]


@asynccontextmanager
async def _replica(of: RedisServer) -> AsyncIterator[RedisServer]:
    """Run a node more, which has what ``of`` has."""
    with tempfile.TemporaryDirectory() as folder:
        cluster = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
        failing = ("--cluster-node-timeout", "2000", "--cluster-replica-validity-factor", "0")
        async with redis_server(*cluster, *failing, "--dir", folder) as server:
            master = (await of.ask("cluster", "myid")).strip()
            here, there = (f"127.0.0.1:{node.port}" for node in (server, of))
            options = ("--cluster-slave", "--cluster-master-id", master)
            added = await of.ask("--cluster", "add-node", here, there, *options)
            assert "New node added correctly" in added, added
            await server.says("master_link_status:up", "info", "replication")
            yield server


async def _master_of(servers: list[RedisServer], chat_id: str) -> RedisServer:
    """Return the node that has a chat."""
    key = place_of("", chat_id).chat.decode()
    slot = int(await servers[0].ask("cluster", "keyslot", key))
    for server in servers:
        for line in (await server.ask("cluster", "nodes")).splitlines():
            if "myself" not in line:
                continue
            for held in line.split()[8:]:
                first, _, last = held.partition("-")
                if int(first) <= slot <= int(last or first):
                    return server
    raise AssertionError("no node has the slot")


@pytest.mark.parametrize("is_named", [True, False], ids=["the named node", "another node"])
async def test_who_asked_never_notices_and_a_replica_takes_over(
    model: str, control: Control, is_named: bool
) -> None:
    async with redis_cluster() as nodes:
        dies = await _master_of(list(nodes), "c1")
        named = dies if is_named else next(node for node in nodes if node is not dies)
        async with (
            _replica(dies) as replica,
            chatting(model, store=f"redis://127.0.0.1:{named.port}") as chat,
        ):
            async with chat.stream(_asked(STALL)) as posted:
                poster = Reader(posted)
                await poster.until(b"word2")
                await _stored(chat, "word2")
                await dies.kill()
                resumed = await chat.http.get("/api/chat/c1/stream", headers=SSE)
                # Another chat is answered too, and kept later.
                other = await chat.post(_asked(SAY_HI, chat="c2"))
                await replica.says("role:master", "info", "replication")
                await _resumable(chat, "word0 word1 word2")
                control.gate("go").open()
                wire = await poster.rest()
            found = [await _until_whole(chat, "c1"), await _until_whole(chat, "c2")]
            again = await chat.http.get("/api/chat/c1/stream", headers=SSE)

    assert (resumed.status_code, resumed.headers["retry-after"]) == (503, "5")
    assert "Saved chats cannot be reached" in resumed.text
    assert wire.endswith(b"data: [DONE]\n\n")
    assert b'"type":"error"' not in wire
    assert _said(wire).startswith("word0 word1 word2 word3")
    assert [_said_in(one) for one in found] == [_said(wire), _said(other.content)]
    assert _said(other.content) == "Hi there."
    assert _said(again.content) == _said(wire)


async def test_both_halves_of_a_turn_may_be_on_different_nodes(model: str) -> None:
    """Where a turn is listed is another slot than where it is kept, and often another node."""
    async with redis_cluster() as nodes, chatting(model, store=nodes[0].url) as chat:
        for number in range(12):
            posted = await chat.post(_asked(SAY_HI, chat=f"c{number}"))
            assert _said(posted.content) == "Hi there."
        found = [await _until_whole(chat, f"c{number}") for number in range(12)]
        listed = (await chat.http.get("/api/chats")).json()["chats"]

    assert {_said_in(one) for one in found} == {"Hi there."}
    assert [one["id"] for one in listed] == [f"c{number}" for number in reversed(range(12))]

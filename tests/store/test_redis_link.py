"""`app.store.redis_link` and `redis_client`: the way to a Redis, also when it is blocked."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop

from app.errors import StoreUnavailable
from app.known_secrets import mask
from app.settings import Settings
from app.setup.secrets import with_secrets
from app.store.checks.stores import (
    answer,
    batch,
    begun,
    finished,
    head,
    log,
    messages_of,
    new,
    user,
)
from app.store.limits import Lease
from app.store.redis import RedisStore
from app.store.redis_url import parse_url
from app.store.store import Begun
from tests.ports import free_port
from tests.providers.openers import certificates
from tests.redis_server import RedisServer, needs_redis, redis_server

pytestmark = [needs_redis, pytest.mark.timeout(60)]

# As docs/deploy.md says it.
_PERMISSIONS = (
    Path(__file__)
    .parents[2]
    .joinpath("docs/deploy.md")
    .read_text()
    .partition("user deltaline ")[2]
    .partition("\n")[0]
)


@asynccontextmanager
async def _store(url: str) -> AsyncIterator[RedisStore]:
    store = RedisStore(parse_url(url))
    try:
        yield store
    finally:
        await store.aclose()


async def _works(store: RedisStore) -> None:
    """A turn from its beginning to its end, with all that an owner may ask about it."""
    own = await begun(store, messages=[user()])
    waiting = asyncio.create_task(store.wait(own.id, 0, 30.0))
    await store.append([batch(own, 1)], beating=[own.id])
    await waiting
    assert await log(store, own.id) == [batch(own, 1)]
    await store.ask_to_stop(own.id, "stop")
    await store.rename(own.owner, own.chat_id, "Title")
    await finished(store, own, answer("m"))
    assert len(await messages_of(store, own)) == 2
    assert [c.title for c in await store.chats(own.owner, before=None, limit=9)] == ["Title"]
    assert await store.once(new("key"), 9.0)
    payer, lease = new("payer"), Lease(holder="h", token="t", ttl_s=9.0)
    assert (await store.take(payer, lease=lease)).running == 1
    await store.renew({payer: [lease]})
    await store.give_back(payer, lease)
    assert own.owner in await store.owners()
    await store.sweep(1e12, keep_s=0.0, history_s=1.0)
    await store.delete(own.owner, own.chat_id)
    assert own.owner not in await store.owners()


async def test_a_database_has_a_number() -> None:
    async with redis_server() as server, _store(server.url[:-1] + "5") as store:
        own = await begun(store)

        assert "keys=" in await server.ask("info", "keyspace")
        assert "db5:" in await server.ask("info", "keyspace")
        async with _store(server.url) as other:
            assert await other.chat(own.owner, own.chat_id) is None


async def test_a_user_with_the_documented_permissions_can_do_everything() -> None:
    permissions = _PERMISSIONS.replace(">PASSWORD", ">p@ss-word/1").split()
    async with redis_server() as server:
        assert await server.ask("acl", "setuser", "deltaline", *permissions) == "OK\n"
        async with _store(f"redis://deltaline:p%40ss-word%2F1@127.0.0.1:{server.port}") as store:
            await _works(store)

        assert await server.ask("acl", "log") == "\n"  # nothing was refused
        as_user = ("--no-auth-warning", "--user", "deltaline", "--pass", "p@ss-word/1")
        for command in ("get other", "flushall", "config get *", "publish other x", "keys *"):
            assert "NOPERM" in await server.ask(*as_user, *command.split())


async def test_a_wrong_password_is_told_without_it(caplog: pytest.LogCaptureFixture) -> None:
    async with redis_server("--requirepass", "right-password") as server:
        async with _store(f"redis://:wrong-password@127.0.0.1:{server.port}") as store:
            for _ in range(3):
                with pytest.raises(StoreUnavailable, match="does not accept") as unavailable:
                    await store.chat("", "c")
        async with _store(f"redis://:right-password@127.0.0.1:{server.port}") as store:
            await _works(store)

    assert "password" not in str(unavailable.value).replace("the user or the password", "")
    assert "wrong-password" not in caplog.text
    assert len(caplog.records) == 1  # a minute


@pytest.mark.parametrize("authority", ["trusted", "unknown"])
async def test_a_certificate_is_checked(
    authority: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificate = certificates.trusted().issue_cert("127.0.0.1", "localhost")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    key.write_bytes(certificate.private_key_pem.bytes())
    chain.write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
    known = certificates.write_file(getattr(certificates, authority)(), tmp_path)
    port = free_port()
    tls = ("--tls-port", str(port), "--tls-auth-clients", "no")
    files = ("--tls-cert-file", str(chain), "--tls-key-file", str(key))

    async with (
        redis_server(*tls, *files, "--tls-ca-cert-file", str(known)),
        _store(f"rediss://localhost:{port}?ssl_ca_certs={known}") as store,
    ):
        if authority == "trusted":
            await _works(store)
            return
        with pytest.raises(StoreUnavailable, match="Redis cannot be used"):
            await store.chat("", "c")

    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_all_of_it_works_in_the_loop_of_our_server_too() -> None:
    """Its transports are of no class of asyncio's."""

    async def use() -> None:
        async with (
            redis_server("--requirepass", "p") as server,
            _store(f"redis://:p@127.0.0.1:{server.port}/3") as store,
        ):
            await _works(store)
            await server.kill()
            with pytest.raises(StoreUnavailable):
                await store.chat("", "c")
            await server.start()
            await _works(store)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(use())


async def test_a_sentinel_is_told_from_a_redis(tmp_path: Path) -> None:
    config = tmp_path / "sentinel.conf"
    config.write_text("")
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *("redis-server", str(config), "--sentinel", "--port", str(port)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            if b"+monitor" in line or b"Sentinel ID is" in line:
                break
        async with _store(f"redis://127.0.0.1:{port}") as store:
            with pytest.raises(StoreUnavailable, match="CHAT_STORE names a Sentinel"):
                await store.chat("", "c")
    finally:
        process.kill()
        await process.communicate()


@asynccontextmanager
async def _looking_like_one(server: RedisServer) -> AsyncIterator[str]:
    """Pass everything on to a cluster, and say that it is a single server, as some proxies do."""
    tasks: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.current_task())
        there = await asyncio.open_connection("127.0.0.1", server.port)

        async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                while data := await source.read(65536):
                    target.write(data.replace(b"$7\r\ncluster", b"$10\r\nstandalone"))
                    await target.drain()
            target.close()

        await asyncio.gather(pass_on(reader, there[1]), pass_on(there[0], writer))

    proxy = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with proxy:
        yield f"redis://127.0.0.1:{proxy.sockets[0].getsockname()[1]}/0"
        await asyncio.gather(*filter(None, tasks))


async def test_a_cluster_that_looks_like_one_server_is_asked_in_steps(tmp_path: Path) -> None:
    options = ("--cluster-enabled", "yes", "--dir", str(tmp_path))
    bus = ("--cluster-port", str(free_port()))
    async with redis_server(*options, *bus) as server:
        assert await server.ask("cluster", "addslotsrange", "0", "16383") == "OK\n"
        await server.says("cluster_state:ok", "cluster", "info")
        async with _looking_like_one(server) as url, _store(url) as store:
            await _works(store)

            assert (await store._link.client()).is_one
        assert "cmdstat_evalsha" in await server.ask("info", "commandstats")


async def test_a_turn_costs_a_single_server_three_questions() -> None:
    async with redis_server() as server, _store(server.url) as store:
        for _ in range(2):
            before = await _scripts(server)
            own = head(new("owner"), new("chat"))
            assert await store.chat(own.owner, own.chat_id) is None
            await store.begin(own, revision=0, keep=0, messages=[user()])
            await finished(store, own, answer("m"))
            count = await _scripts(server) - before

        assert count == 3


async def test_a_turn_in_a_new_chat_costs_two_questions() -> None:
    async with redis_server() as server, _store(server.url) as store:
        for _ in range(2):
            before = await _scripts(server)
            own = head(new("owner"), new("chat"))
            assert await store.begin_new(own, messages=[user()]) == Begun()
            await finished(store, own, answer("m"))
            count = await _scripts(server) - before
        # A chat that there is comes with the first of them.
        before = await _scripts(server)
        found = await store.begin_new(head(own.owner, own.chat_id), messages=[user()])
        of_a_chat = await _scripts(server) - before

        assert (count, of_a_chat) == (2, 1)
        assert found == await store.chat(own.owner, own.chat_id)


async def _scripts(server: RedisServer) -> int:
    stats = await server.ask("info", "commandstats")
    return int(stats.partition("cmdstat_evalsha:calls=")[2].partition(",")[0] or 0)


async def test_scripts_that_were_lost_are_sent_again() -> None:
    async with redis_server() as server, _store(server.url) as store:
        own = await begun(store)
        await store.append([batch(own, 1)], beating=[own.id])
        await server.ask("script", "flush")

        assert await store.append([batch(own, 2)], beating=[own.id]) == {}

        assert await log(store, own.id) == [batch(own, 1), batch(own, 2)]


async def test_a_connection_that_was_closed_is_not_noticed() -> None:
    async with redis_server() as server, _store(server.url) as store:
        own = await begun(store)
        for seq in range(1, 4):
            await server.ask("client", "kill", "type", "normal")
            await store.append([batch(own, seq)], beating=[])

        await server.ask("client", "kill", "type", "normal")
        assert len(await log(store, own.id)) == 3


async def test_a_server_that_is_gone_is_told_at_once_and_found_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    async with redis_server() as server, _store(server.url) as store:
        await begun(store)
        await server.kill()
        for _ in range(6):
            with pytest.raises(StoreUnavailable, match="Redis cannot be used: "):
                async with asyncio.timeout(4):
                    await store.chat("", "c")
        await server.start()

        await _works(store)

    assert len(caplog.records) == 1


async def test_a_server_that_is_silent_is_given_up_and_found_again() -> None:
    async with redis_server() as server, _store(server.url) as store:
        own = await begun(store)
        server.suspend()
        asked = [asyncio.create_task(store.chat("", str(number))) for number in range(50)]
        asked.append(asyncio.create_task(store.append([batch(own, 1)], beating=[])))  # type: ignore[arg-type]
        async with asyncio.timeout(6):
            results = await asyncio.gather(*asked, return_exceptions=True)
        server.resume()

        assert {type(result) for result in results} == {StoreUnavailable}
        await store.append([batch(own, 1), batch(own, 2)], beating=[])
        assert await log(store, own.id) == [batch(own, 1), batch(own, 2)]


async def test_a_full_server_is_unavailable_and_what_is_there_can_be_read() -> None:
    async with (
        redis_server("--maxmemory-policy", "noeviction") as server,
        _store(server.url) as store,
    ):
        own = await begun(store, messages=[user()])
        await store.append([batch(own, 1)], beating=[])
        await server.ask("config", "set", "maxmemory", "1")

        with pytest.raises(StoreUnavailable, match="OutOfMemory"):
            await store.append([batch(own, 2)], beating=[own.id])
        with pytest.raises(StoreUnavailable):
            await begun(store)
        assert await log(store, own.id) == [batch(own, 1)]
        assert len(await messages_of(store, own)) == 1
        # To delete is what helps.
        other = await store.delete(own.owner, own.chat_id)
        assert other is not None
        await server.ask("config", "set", "maxmemory", "0")

        await _works(store)


async def test_what_has_ended_is_kept_an_hour_longer_than_asked_if_nobody_sweeps() -> None:
    async with redis_server() as server:
        store = RedisStore(parse_url(server.url), keep_s=60.0)
        own = await begun(store)
        await store.append([batch(own, 1)], beating=[])
        (turn,) = (await server.ask("keys", "*:turn:*")).split()
        assert await server.ask("pttl", turn) == "-1\n"
        await finished(store, own)
        kept_ms = [
            int(await server.ask("pttl", key)) for key in (turn, turn.replace(":turn:", ":log:"))
        ]
        await store.aclose()

    assert all(3_600_000 < ms <= 3_660_000 for ms in kept_ms)


async def test_the_password_of_the_address_is_masked_wherever_text_is_logged() -> None:
    with_secrets(Settings(store="redis://user:correct-horse%2Fstaple@host"))

    assert "staple" not in mask("correct-horse/staple, or correct-horse%2Fstaple")


async def test_a_write_for_many_turns_is_one_write() -> None:
    async with redis_server() as server, _store(server.url) as store:
        owns = [await begun(store) for _ in range(60)]
        await store.append([batch(own, 1) for own in owns], beating=[])
        before = await _reads(server)

        await store.append([batch(own, 2) for own in owns], beating=[own.id for own in owns])

        # What 60 batches take of the socket is some 9 KB, which the server reads at once.
        assert await _reads(server) - before < 10


async def _reads(server: RedisServer) -> int:
    stats = await server.ask("info", "stats")
    return int(stats.partition("total_reads_processed:")[2].split()[0])

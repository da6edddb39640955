"""The keys of an issuer over real HTTP: when they are fetched, and when they are not."""

import asyncio
import json
from typing import Any

import pytest

from app.errors import KeysUnavailable
from app.owners.jwt_check import KeySet
from app.owners.key_source import KeySource
from tests.owners.issuer import K1, K2, Issuer, listed, running_issuer


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def _source(issuer: Issuer, path: str | None = "/keys", clock: Clock | None = None) -> KeySource:
    url = None if path is None else issuer.url + path
    return KeySource(issuer.url, url, clock=clock or Clock())


def _has(keys: KeySet, kid: str) -> bool:
    try:
        keys.key(kid, "ES256")
    except Exception:
        return False
    return True


async def test_the_first_keys_are_fetched_once_for_all_who_wait() -> None:
    async with running_issuer() as issuer:
        source = _source(issuer)

        found = await asyncio.gather(*(source.keys() for _ in range(20)))

        assert issuer.asked == ["/keys"]
        assert all(_has(keys, "k1") for keys in found)


async def test_the_issuer_says_where_its_keys_are() -> None:
    async with running_issuer() as issuer:
        well_known = "/.well-known/openid-configuration"
        issuer.documents[well_known] = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"}

        await _source(issuer, None).keys()

        assert issuer.asked == [well_known, "/keys"]


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"issuer": "https://other", "jwks_uri": "https://other/keys"},
        {"jwks_uri": "https://other/keys"},
        {"issuer": "SELF", "jwks_uri": "http://192.0.2.1/keys"},
        {"issuer": "SELF", "jwks_uri": "file:///etc/passwd"},
        {"issuer": "SELF", "jwks_uri": 5},
    ],
)
async def test_a_discovery_document_of_another_issuer_is_not_believed(document: Any) -> None:
    async with running_issuer() as issuer:
        text = json.dumps(document).replace("SELF", issuer.url)
        issuer.documents["/.well-known/openid-configuration"] = text

        with pytest.raises(KeysUnavailable):
            await _source(issuer, None).keys()

        assert len(issuer.asked) == 1


@pytest.mark.parametrize("document", ["", "{", "[]", '{"keys":[]}', "x" * 600_000])
async def test_what_is_no_key_set_is_told_in_the_log(
    document: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_issuer() as issuer:
        issuer.documents["/keys"] = document

        with pytest.raises(KeysUnavailable):
            await _source(issuer).keys()

    assert "the keys of the issuer cannot be fetched" in caplog.text


async def test_a_redirect_is_not_followed() -> None:
    async with running_issuer() as issuer:
        with pytest.raises(KeysUnavailable):
            await _source(issuer, "/moved").keys()

        assert issuer.asked == ["/moved"]


async def test_without_any_keys_nobody_waits_twice_within_five_seconds() -> None:
    async with running_issuer() as issuer:
        keys = issuer.documents.pop("/keys")
        clock = Clock()
        source = _source(issuer, clock=clock)
        for _ in range(3):
            with pytest.raises(KeysUnavailable):
                await source.keys()
        assert issuer.asked == ["/keys"]

        issuer.documents["/keys"] = keys
        clock.now += 6

        assert _has(await source.keys(), "k1")


async def test_the_first_unknown_key_fetches_at_once_and_then_one_a_minute() -> None:
    async with running_issuer() as issuer:
        clock = Clock()
        source = _source(issuer, clock=clock)
        first = await source.keys()
        issuer.documents["/keys"] = listed(K1, K2)

        second = await source.newer(first)
        assert second is not None
        assert _has(second, "k2")
        # Whoever still holds the old ones gets the new ones without another fetch.
        assert await source.newer(first) is second
        for _ in range(5):
            assert await source.newer(second) is None
        assert issuer.asked == ["/keys"] * 2

        clock.now += 61
        assert await source.newer(second) is not None
        assert issuer.asked == ["/keys"] * 3


async def test_a_slow_issuer_keeps_nobody_waiting_who_needs_no_new_keys() -> None:
    async with running_issuer() as issuer:
        source = _source(issuer)
        first = await source.keys()
        issuer.going.clear()
        issuer.reached.clear()
        waiting = asyncio.create_task(source.newer(first))
        await issuer.reached.wait()
        others = asyncio.create_task(source.newer(first))

        assert await source.keys() is first
        assert not waiting.done()

        issuer.documents["/keys"] = listed(K2)
        issuer.going.set()
        assert await waiting is await others is await source.keys()


async def test_old_keys_are_renewed_beside() -> None:
    async with running_issuer() as issuer:
        clock = Clock()
        source = _source(issuer, clock=clock)
        first = await source.keys()
        issuer.documents["/keys"] = listed(K2)
        clock.now += 601

        assert await source.keys() is first  # and a fetch has begun
        second = await source.newer(first)  # waits for it

        assert second is not None
        assert not _has(second, "k1")
        assert issuer.asked == ["/keys"] * 2


async def test_if_the_issuer_is_gone_its_keys_go_on_to_count() -> None:
    async with running_issuer() as issuer:
        clock = Clock()
        source = _source(issuer, clock=clock)
        first = await source.keys()
    clock.now += 601

    assert await source.newer(first) is None
    assert await source.keys() is first
    await source.aclose()


async def test_who_stops_waiting_does_not_stop_the_fetch_for_others() -> None:
    async with running_issuer() as issuer:
        issuer.going.clear()
        source = _source(issuer)
        impatient = asyncio.create_task(source.keys())
        patient = asyncio.create_task(source.keys())
        await issuer.reached.wait()

        impatient.cancel()
        issuer.going.set()

        assert _has(await patient, "k1")
        assert issuer.asked == ["/keys"]


async def test_closing_stops_a_fetch() -> None:
    async with running_issuer() as issuer:
        issuer.going.clear()
        source = _source(issuer)
        waiting = asyncio.create_task(source.keys())
        await issuer.reached.wait()

        await source.aclose()
        await source.aclose()

        with pytest.raises(KeysUnavailable):
            await waiting

"""The owner of a token, over the keys as they change."""

import time
from typing import cast

import pytest

from app.errors import Unauthorized
from app.owners.jwt_check import JwtCheck, KeySet
from app.owners.jwt_owners import JwtOwners
from app.owners.key_source import KeySource
from tests.owners.issuer import AUDIENCE, ISSUER, SigningKey, listed

OLD, NEW = SigningKey("old"), SigningKey("new")


class Source:
    """Has the keys ``now``; those of ``later`` come when somebody asks for newer keys."""

    def __init__(self, now: KeySet, later: KeySet | None = None) -> None:
        self.now = now
        self.later = later
        self.asked = 0
        self.is_closed = False

    async def keys(self) -> KeySet:
        return self.now

    async def newer(self, keys: KeySet) -> KeySet | None:
        self.asked += 1
        if self.later is not None:
            self.now, self.later = self.later, None
            return self.now
        return None

    async def aclose(self) -> None:
        self.is_closed = True


class Counting(JwtCheck):
    """Counts how often a signature was verified."""

    count = 0

    def verify(self, token: str, keys: KeySet):  # type: ignore[no-untyped-def]
        self.count += 1
        return super().verify(token, keys)


def _owners(source: Source, now: float | None = None) -> tuple[JwtOwners, Counting]:
    check = Counting(issuer=ISSUER, audiences=[AUDIENCE])
    clock = time.time if now is None else lambda: now
    return JwtOwners(check, cast(KeySource, source), now=clock), check


async def test_a_token_is_verified_once() -> None:
    owners, check = _owners(Source(KeySet(listed(OLD))))
    token = OLD.sign()

    assert [await owners.owner(token) for _ in range(3)] == ["ada"] * 3
    assert check.count == 1


async def test_a_token_is_looked_at_again_when_it_expires() -> None:
    owners, check = _owners(Source(KeySet(listed(OLD))), now=time.time() + 3600)
    token = OLD.sign()
    await owners.owner(token)

    await owners.owner(token)

    assert check.count == 2


async def test_a_key_that_is_taken_back_counts_no_more() -> None:
    source = Source(KeySet(listed(OLD, NEW)))
    owners, _ = _owners(source)
    token = OLD.sign()
    await owners.owner(token)

    source.now = KeySet(listed(NEW))

    with pytest.raises(Unauthorized, match="key that is not known"):
        await owners.owner(token)


async def test_a_key_that_is_new_is_asked_for() -> None:
    source = Source(KeySet(listed(OLD)), later=KeySet(listed(OLD, NEW)))
    owners, _ = _owners(source)

    assert await owners.owner(NEW.sign({"sub": "eve"})) == "eve"
    assert source.asked == 1


async def test_a_key_that_is_nowhere_is_refused() -> None:
    for later in (None, KeySet(listed(NEW))):
        owners, _ = _owners(Source(KeySet(listed(OLD)), later=later))

        with pytest.raises(Unauthorized, match="key that is not known"):
            await owners.owner(SigningKey("other").sign())


async def test_no_token_is_an_invitation() -> None:
    owners, _ = _owners(Source(KeySet(listed(OLD))))

    with pytest.raises(Unauthorized, match="Please sign in"):
        await owners.owner("")


async def test_only_so_many_tokens_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.owners.jwt_owners._REMEMBERED", 2)
    owners, check = _owners(Source(KeySet(listed(OLD))))
    tokens = [OLD.sign({"sub": f"u{number}"}) for number in range(3)]
    for token in tokens:
        await owners.owner(token)

    await owners.owner(tokens[0])  # was forgotten
    await owners.owner(tokens[2])

    assert check.count == 4


async def test_closing_closes_the_source() -> None:
    source = Source(KeySet(listed(OLD)))
    owners, _ = _owners(source)

    await owners.aclose()

    assert source.is_closed

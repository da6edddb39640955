"""An opener whose key changes while it runs."""

import asyncio

import pytest

from app.errors import ProviderError, ProviderUnauthorized
from app.providers.openers.opener import ApiPath, ByteStream
from app.providers.openers.renewing import RenewingOpener


class _Stream:
    def __init__(self, key: str) -> None:
        self.key = key

    @property
    def is_at_end(self) -> bool:
        return True

    async def read(self) -> bytes:
        return b""

    async def aclose(self) -> None:
        return None


class _Upstream:
    """A model's server that takes one key, and the store that holds the key."""

    def __init__(self, *, valid: str, stored: str | None) -> None:
        self.valid = valid
        self.stored = stored
        self.asked = 0
        self.closed: list[str] = []

    async def read_key(self) -> str | None:
        self.asked += 1
        await asyncio.sleep(0)
        return self.stored

    def opener(self, key: str) -> "_Opener":
        return _Opener(self, key)


class _Opener:
    def __init__(self, upstream: _Upstream, key: str) -> None:
        self._upstream = upstream
        self._key = key

    async def open(self, path: ApiPath, body: bytes) -> ByteStream:
        await asyncio.sleep(0)
        if body == b"broken":
            raise ProviderError("status 500")
        if self._key != self._upstream.valid:
            raise ProviderUnauthorized("status 401")
        return _Stream(self._key)

    async def aclose(self) -> None:
        self._upstream.closed.append(self._key)


def _renewing(upstream: _Upstream, clock: list[float] | None = None) -> RenewingOpener:
    now = [0.0] if clock is None else clock
    return RenewingOpener(upstream.opener, "old", upstream.read_key, clock=lambda: now[0])


async def _key(opener: RenewingOpener) -> str:
    stream = await opener.open("/chat/completions", b"{}")
    assert isinstance(stream, _Stream)
    return stream.key


async def test_a_key_that_is_taken_is_never_read_again() -> None:
    upstream = _Upstream(valid="old", stored="new")

    assert await _key(_renewing(upstream)) == "old"
    assert upstream.asked == 0


async def test_a_refused_key_is_read_again_and_the_request_sent_once_more() -> None:
    upstream = _Upstream(valid="new", stored="new")
    opener = _renewing(upstream)

    assert [await _key(opener), await _key(opener)] == ["new", "new"]
    assert upstream.asked == 1


async def test_requests_that_are_refused_together_read_the_key_once() -> None:
    upstream = _Upstream(valid="new", stored="new")
    opener = _renewing(upstream)

    keys = await asyncio.gather(*(_key(opener) for _ in range(5)))

    assert keys == ["new"] * 5
    assert upstream.asked == 1


@pytest.mark.parametrize("stored", ["old", None])
async def test_a_key_that_is_still_the_same_or_cannot_be_read_stays_refused(
    stored: str | None,
) -> None:
    upstream = _Upstream(valid="new", stored=stored)

    with pytest.raises(ProviderUnauthorized):
        await _key(_renewing(upstream))

    assert upstream.asked == 1


async def test_the_store_is_not_asked_for_every_refusal() -> None:
    upstream = _Upstream(valid="new", stored="old")
    clock = [0.0]
    opener = _renewing(upstream, clock)

    for clock[0] in (0.0, 29.0, 31.0):
        with pytest.raises(ProviderUnauthorized):
            await _key(opener)

    assert upstream.asked == 2


async def test_other_failures_do_not_touch_the_key() -> None:
    upstream = _Upstream(valid="new", stored="new")

    with pytest.raises(ProviderError, match="status 500"):
        await _renewing(upstream).open("/chat/completions", b"broken")

    assert upstream.asked == 0


async def test_closing_closes_every_opener_there_was() -> None:
    upstream = _Upstream(valid="new", stored="new")
    opener = _renewing(upstream)
    await _key(opener)

    await opener.aclose()

    assert upstream.closed == ["old", "new"]

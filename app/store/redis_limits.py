"""What payers have used, in Redis."""

from collections.abc import Collection, Mapping, Sequence
from math import ceil

from app.store import redis_limit_scripts as scripts
from app.store.limits import Lease, Payer, Taken, Use, Window
from app.store.redis_keys import uses_key
from app.store.redis_link import RedisLink, call


async def take(
    link: RedisLink,
    payer: Payer,
    windows: Sequence[Window],
    lease: Lease | None,
    most_leases: int | None,
) -> Taken:
    held = ("", "", 0) if lease is None else _held(lease)
    most = "" if most_leases is None else most_leases
    (found,) = await link.write(
        call(scripts.TAKE, [uses_key(payer)], *held, most, *_values(windows))
    )
    is_admitted, running, *uses = found
    return Taken(
        bool(is_admitted),
        [Use(used, ms / 1000) for used, ms in zip(uses[::2], uses[1::2], strict=True)],
        running,
    )


async def renew(link: RedisLink, leases: Mapping[Payer, Collection[Lease]]) -> None:
    await link.write(
        *(
            call(
                scripts.RENEW,
                [uses_key(payer)],
                *(value for lease in own for value in _held(lease)),
            )
            for payer, own in leases.items()
        )
    )


async def give_back(
    link: RedisLink, payer: Payer, lease: Lease | None, windows: Sequence[Window]
) -> None:
    held = ("", "") if lease is None else (lease.holder, lease.token)
    await link.write(call(scripts.GIVE_BACK, [uses_key(payer)], *held, *_values(windows)))


def _held(lease: Lease) -> tuple[str, str, int]:
    return lease.holder, lease.token, _ms(lease.ttl_s)


def _values(windows: Sequence[Window]) -> Sequence[str | int]:
    return [
        value
        for window in windows
        for value in (
            window.name,
            _ms(window.length_s),
            "" if window.limit is None else window.limit,
            window.amount,
            int(window.is_by_clock),
        )
    ]


def _ms(seconds: float) -> int:
    return max(1, ceil(seconds * 1000))

"""What one payer has used, as a value: for engines that read it, change it and write it."""

from collections.abc import Collection, Mapping, Sequence
from math import floor

import msgspec

from app.store.limits import Lease, Taken, Use, Window


class Counted(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The uses in a window, and when it ends, in Unix seconds."""

    used: int
    ends: float


class Held(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A lease of a holder, and when it ends, in Unix seconds."""

    token: str
    ends: float
    ttl_s: float


class UseRecord(msgspec.Struct, frozen=True):
    """Windows by their names, and leases by their holders."""

    windows: Mapping[str, Counted] = msgspec.field(default_factory=dict)
    leases: Mapping[str, Held] = msgspec.field(default_factory=dict)

    @property
    def ends(self) -> float:
        """When it says nothing any more, in Unix seconds."""
        return max(
            (
                *(count.ends for count in self.windows.values()),
                *(held.ends for held in self.leases.values()),
            ),
            default=0.0,
        )


def encoded(record: UseRecord) -> bytes:
    """Return ``record`` as JSON."""
    return msgspec.json.encode(record)


def decoded(data: bytes | str) -> UseRecord:
    """Return what `encoded` has made ``data`` of."""
    return msgspec.json.decode(data, type=UseRecord)


def take(
    record: UseRecord,
    windows: Sequence[Window],
    lease: Lease | None,
    most_leases: int | None,
    now: float,
) -> tuple[Taken, UseRecord]:
    """Return what `LimitStore.take` returns, and the record afterwards: the same if nothing was."""
    leases = _live(record, now)
    others = len(leases) - (lease is not None and lease.holder in leases)
    counted = [_counted(record, window, now) for window in windows]
    is_free = lease is None or most_leases is None or others < most_leases
    is_admitted = is_free and all(
        window.limit is None or count.used < window.limit
        for window, count in zip(windows, counted, strict=True)
    )
    if is_admitted:
        counted = [_with(count, w.amount) for w, count in zip(windows, counted, strict=True)]
        if lease is not None:
            leases = {**leases, lease.holder: _held(lease, now)}
        if lease is not None or any(window.amount for window in windows):
            record = UseRecord(_updated(record, windows, counted, now), leases)
    uses = [
        Use(count.used, min(count.ends - now, window.length_s))
        for window, count in zip(windows, counted, strict=True)
    ]
    return Taken(is_admitted, uses, len(leases)), record


def renew(record: UseRecord, leases: Collection[Lease], now: float) -> UseRecord:
    """Return the record after `LimitStore.renew`."""
    live = _live(record, now)
    ours = {
        lease.holder: _held(lease, now)
        for lease in leases
        if lease.holder not in live or live[lease.holder].token == lease.token
    }
    return UseRecord(record.windows, {**live, **ours})


def give_back(
    record: UseRecord, lease: Lease | None, windows: Sequence[Window], now: float
) -> UseRecord:
    """Return the record after `LimitStore.give_back`."""
    leases = _live(record, now)
    if lease is not None and lease.holder in leases and leases[lease.holder].token == lease.token:
        del leases[lease.holder]
    counted = [_with(_counted(record, window, now), window.amount) for window in windows]
    return UseRecord(_updated(record, windows, counted, now), leases)


def _updated(
    record: UseRecord, windows: Sequence[Window], counted: Sequence[Counted], now: float
) -> Mapping[str, Counted]:
    """Return the windows with those that were counted, and without those that are over."""
    kept = {name: count for name, count in record.windows.items() if count.ends > now}
    changed = zip(windows, counted, strict=True)
    return kept | {window.name: count for window, count in changed if window.amount}


def _counted(record: UseRecord, window: Window, now: float) -> Counted:
    count = record.windows.get(window.name)
    # Another clock may be ahead by a window. What ends later still is from before the clock was
    # put back.
    if count is not None and now < count.ends <= now + 2 * window.length_s:
        return count
    if window.is_by_clock:
        return Counted(0, (floor(now / window.length_s) + 1) * window.length_s)
    return Counted(0, now + window.length_s)


def _live(record: UseRecord, now: float) -> dict[str, Held]:
    return {
        holder: held
        for holder, held in record.leases.items()
        if now < held.ends <= now + 2 * held.ttl_s
    }


def _held(lease: Lease, now: float) -> Held:
    return Held(lease.token, now + lease.ttl_s, lease.ttl_s)


def _with(count: Counted, amount: int) -> Counted:
    return Counted(max(0, count.used + amount), count.ends)

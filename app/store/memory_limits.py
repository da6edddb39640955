"""Limits that are counted in this process, and for it alone."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence

from app.store import use_record
from app.store.limits import Lease, Payer, Taken, Window
from app.store.use_record import UseRecord

# With so many payers what is over is looked for; again when there are twice as many as were left.
_MANY = 1000
_NOTHING = UseRecord()


class MemoryLimits:
    """Uses and leases. Keeps itself small.

    Args:
        now: Unix seconds.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._records: dict[Payer, UseRecord] = {}
        self._forget_at = _MANY

    async def take(
        self,
        payer: Payer,
        windows: Sequence[Window] = (),
        *,
        lease: Lease | None = None,
        most_leases: int | None = None,
    ) -> Taken:
        now = self._now()
        known = self._records.get(payer, _NOTHING)
        taken, record = use_record.take(known, windows, lease, most_leases, now)
        if record is not known:
            self._keep(payer, record, now)
        return taken

    async def renew(self, leases: Mapping[Payer, Collection[Lease]]) -> None:
        now = self._now()
        for payer, own in leases.items():
            known = self._records.get(payer, _NOTHING)
            self._keep(payer, use_record.renew(known, own, now), now)

    async def give_back(
        self, payer: Payer, lease: Lease | None = None, windows: Sequence[Window] = ()
    ) -> None:
        now = self._now()
        known = self._records.get(payer, _NOTHING)
        self._keep(payer, use_record.give_back(known, lease, windows, now), now)

    def _keep(self, payer: Payer, record: UseRecord, now: float) -> None:
        self._records[payer] = record
        if len(self._records) >= self._forget_at:
            self.forget_uses(now)
            self._forget_at = max(_MANY, 2 * len(self._records))

    def forget_uses(self, now: float) -> None:
        """Drop what is over."""
        self._records = {who: own for who, own in self._records.items() if own.ends > now}

"""Holds the turns of this process to the limits of those who ask for them.

A turn takes what it uses in one call of the store, before the model is asked. Its place is a lease,
which is renewed as long as it runs; the tokens that it has used are added when it is over. Nobody
waits for the latter two.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from app.errors import LimitsUnavailable, StoreUnavailable
from app.events import Usage
from app.limits import quota
from app.limits.limits import Limits
from app.seldom_warning import SeldomWarning
from app.store.limits import Lease, LimitStore, Payer, Taken, Window
from app.turns.live_turn import LiveTurn
from app.turns.patience import patiently

logger = logging.getLogger("deltaline.limits")

# The place of a turn whose process has died is free after so many seconds.
LEASE_S = 20.0
# Between two renewals, in seconds: two may fail.
RENEW_S = 5.0
# What a turn has used is tried to be told so often, and so many seconds apart, ten minutes in all.
_TRIES = 300
_RETRY_S = 2.0
# Of so many turns at once what they have used may wait for the store.
_MOST_WAITING = 10_000
# How long the last of it may take when the server ends, in seconds.
LAST_S = 1.5


class Allowance:
    """What one turn may use: nothing yet, until `take`.

    Attributes:
        headers: what the response says of the limits.
    """

    __slots__ = ("_is_taken", "_lease", "_limiter", "_limits", "_payer", "_returned", "headers")

    def __init__(self, limiter: "Limiter", payer: Payer, limits: Limits) -> None:
        self.headers: dict[str, str] = {}
        self._limiter = limiter
        self._payer = payer
        self._limits = limits
        self._is_taken = False
        self._lease: Lease | None = None
        self._returned: asyncio.Task[None] | None = None

    @property
    def is_strict(self) -> bool:
        """Whether nobody is admitted while the store cannot be asked."""
        return not self._limiter.is_open

    async def take(self, holder: str | None = None) -> None:
        """Take it, the first time that this is called.

        Args:
            holder: another turn of the same holder makes room for this one.

        Raises:
            LimitReached: it is too much. Nothing was taken.
            LimitsUnavailable: the store cannot be asked, and nobody is admitted then.
        """
        if self._is_taken:
            return
        limits = self._limits
        if limits.running_turns is not None:
            holder = secrets.token_hex(16) if holder is None else holder
            self._lease = Lease(holder=holder, token=secrets.token_hex(8), ttl_s=LEASE_S)
        self._is_taken = True
        try:
            taken = await self._limiter.take(self._payer, limits, self._lease)
        except asyncio.CancelledError:
            self.give_up()
            raise
        if taken is None:
            self._is_taken = False
            return
        if not taken.is_admitted:
            self._is_taken = False
            raise quota.refusal(limits, taken)
        self.headers = quota.rate_headers(limits, taken)
        if self._lease is not None:
            self._limiter.hold(self._payer, self._lease)

    def used_by(self, turn: LiveTurn) -> None:
        """Give the place back when ``turn`` is over, and tell the store what it has used."""
        if self._is_taken:
            self._is_taken = False
            turn.task.add_done_callback(lambda _: self._over(turn))

    def give_up(self) -> None:
        """Give back what was taken, unless a turn has begun with it."""
        if self._is_taken:
            self._is_taken = False
            self._return(quota.taken_back(self._limits))

    async def written(self, within_s: float) -> None:
        """Return when the store knows what was used, or the time is up."""
        if self._returned is not None and within_s > 0:
            await asyncio.wait((self._returned,), timeout=within_s)

    def _over(self, turn: LiveTurn) -> None:
        usage = Usage() if turn.outcome is None else turn.outcome.usage
        self._return(quota.used_by(self._limits, usage))

    def _return(self, windows: Sequence[Window]) -> None:
        if self._lease is not None or windows:
            self._returned = self._limiter.give_back(self._payer, self._lease, windows)


class Limiter:
    """Counts in a store.

    Args:
        store: where; not closed here.
        is_open: whether everybody is admitted while the store cannot be asked.
        renew_s: as `RENEW_S`.
        last_s: as `LAST_S`.
    """

    def __init__(
        self,
        store: LimitStore,
        *,
        is_open: bool,
        renew_s: float = RENEW_S,
        retry_s: float = _RETRY_S,
        last_s: float = LAST_S,
    ) -> None:
        self.is_open = is_open
        self._store = store
        self._renew_s = renew_s
        self._retry_s = retry_s
        self._last_s = last_s
        self._held: dict[Payer, dict[str, Lease]] = {}
        self._renewing: asyncio.Task[None] | None = None
        # Done when the renewal that is under way is over.
        self._renewal: asyncio.Future[None] | None = None
        self._returning: set[asyncio.Task[None]] = set()
        how = "every turn is admitted" if is_open else "no turn is admitted"
        self._warn = SeldomWarning(logger, f"limits cannot be counted (%s): {how}")

    async def take(self, payer: Payer, limits: Limits, lease: Lease | None) -> Taken | None:
        """Take what a turn uses when it begins; None: admitted without being counted.

        Raises:
            LimitsUnavailable: the store cannot be asked, and nobody is admitted then.
        """
        try:
            return await patiently(
                self._store.take(
                    payer,
                    quota.windows_of(limits),
                    lease=lease,
                    most_leases=limits.running_turns,
                )
            )
        except StoreUnavailable as error:
            self._warn(asyncio.get_running_loop().time(), error.log_text)
            if not self.is_open:
                raise LimitsUnavailable(error.log_text) from error
            return None

    async def look(self, payer: Payer, limits: Limits) -> Taken:
        """Return what is used.

        Raises:
            StoreUnavailable: the store cannot be asked.
        """
        return await patiently(self._store.take(payer, quota.looking(quota.windows_of(limits))))

    def hold(self, payer: Payer, lease: Lease) -> None:
        """Renew ``lease`` until it is given back."""
        self._held.setdefault(payer, {})[lease.token] = lease
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew(), name="renew leases")

    def give_back(
        self, payer: Payer, lease: Lease | None, windows: Sequence[Window]
    ) -> asyncio.Task[None] | None:
        """Give ``lease`` back and use ``windows``, soon; return who does it."""
        if lease is not None and (held := self._held.get(payer)) is not None:
            held.pop(lease.token, None)
            if not held:
                del self._held[payer]
        if len(self._returning) >= _MOST_WAITING:
            self._warn(asyncio.get_running_loop().time(), "too much waits for the store")
            return None
        task = asyncio.create_task(self._give_back(payer, lease, windows), name="give back")
        self._returning.add(task)
        task.add_done_callback(self._returning.discard)
        return task

    async def aclose(self) -> None:
        """Tell the store what was used, within a limited time."""
        if self._returning:
            _, late = await asyncio.wait(tuple(self._returning), timeout=self._last_s)
            if late:
                logger.error("what %d turns have used could not be counted", len(late))
        for task in (*self._returning, *([] if self._renewing is None else [self._renewing])):
            task.cancel()
            await asyncio.wait((task,))

    async def _renew(self) -> None:
        while self._held:
            await asyncio.sleep(self._renew_s)
            leases = {payer: list(held.values()) for payer, held in self._held.items()}
            if not leases:
                return
            self._renewal = asyncio.get_running_loop().create_future()
            try:
                await self._told(partial(self._store.renew, leases))
            finally:
                self._renewal.set_result(None)
                self._renewal = None

    async def _give_back(
        self, payer: Payer, lease: Lease | None, windows: Sequence[Window]
    ) -> None:
        for _ in range(_TRIES):
            if lease is not None and self._renewal is not None:
                # Or it would be renewed after it has ended.
                await asyncio.wait((self._renewal,))
            if await self._told(partial(self._store.give_back, payer, lease, windows)):
                return
            await asyncio.sleep(self._retry_s)
        logger.error("what a turn has used could not be counted")

    async def _told(self, call: Callable[[], Awaitable[None]]) -> bool:
        """Make a call; return whether it has succeeded."""
        try:
            await patiently(call())
        except StoreUnavailable as error:
            self._warn(asyncio.get_running_loop().time(), error.log_text)
            return False
        except Exception:
            logger.exception("the store failed by a defect")
        return True

"""What payers have used, in DynamoDB: one item for each payer.

What many ask at once for one payer is decided together and written with one call, under the
condition that nobody has written meanwhile. Who has written last knows the item, so that a payer
who is served by one process is never read.
"""

import asyncio
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from app.cancelling import cancel
from app.errors import StoreUnavailable
from app.store import use_record
from app.store.dynamodb_calls import Calls, ConditionFailed
from app.store.dynamodb_marks import expiry, hashed_key
from app.store.dynamodb_values import Item, text_of
from app.store.limits import Lease, Payer, Taken, Window
from app.store.use_record import UseRecord

T = TypeVar("T")

# How often a write is tried while others write the same item.
_TRIES = 100
# How long what is known of a payer is enough to refuse, in seconds. Who is refused over and over
# costs a read in this time.
REFUSE_S = 1.0
# Of so many payers the last item is known. One takes half a kilobyte.
_MOST_KNOWN = 10_000


class _Known(msgspec.Struct, frozen=True):
    """An item as it was read or written here.

    Attributes:
        by: whose last write it is; None: there is no item.
        at: when that was, by the loop's clock.
    """

    record: UseRecord
    by: str | None
    at: float


class _Asked(msgspec.Struct, frozen=True, eq=False):
    """A call that waits.

    Attributes:
        decide: returns the result, and the record afterwards, of a record and the time.
        is_sure: whether a result counts that was decided on an item which is so many seconds old.
    """

    decide: Callable[[UseRecord, float], tuple[Any, UseRecord]]
    is_sure: Callable[[Any, float], bool]
    result: "asyncio.Future[Any]"


class Limits:
    """Uses and leases.

    Args:
        now: Unix seconds.
        refuse_s: as `REFUSE_S`.
    """

    def __init__(
        self, calls: Calls, *, now: Callable[[], float], refuse_s: float = REFUSE_S
    ) -> None:
        self._refuse_s = refuse_s
        self._calls = calls
        self._now = now
        self._known: dict[Payer, _Known] = {}
        self._waiting: dict[Payer, list[_Asked]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(
        self,
        payer: Payer,
        windows: Sequence[Window],
        lease: Lease | None,
        most_leases: int | None,
    ) -> Taken:
        """Do what `LimitStore.take` says."""
        changes = lease is not None or any(window.amount for window in windows)

        def is_sure(taken: Taken, age_s: float) -> bool:
            if taken.is_admitted:
                return changes  # then it is written, which tells
            # Few windows have less in them afterwards. Leases do end.
            return age_s < self._refuse_s and any(
                window.limit is not None and use.used >= window.limit
                for window, use in zip(windows, taken.uses, strict=True)
            )

        return await self._ask(
            payer,
            lambda record, now: use_record.take(record, windows, lease, most_leases, now),
            is_sure,
        )

    async def renew(self, leases: Mapping[Payer, Collection[Lease]]) -> None:
        """Do what `LimitStore.renew` says."""
        await asyncio.gather(*(self._renew(payer, own) for payer, own in leases.items()))

    async def give_back(self, payer: Payer, lease: Lease | None, windows: Sequence[Window]) -> None:
        """Do what `LimitStore.give_back` says."""
        await self._ask(
            payer,
            lambda record, now: (None, use_record.give_back(record, lease, windows, now)),
        )

    async def aclose(self) -> None:
        """Give up what is asked. Idempotent."""
        await cancel(self._tasks)

    async def _renew(self, payer: Payer, leases: Collection[Lease]) -> None:
        await self._ask(payer, lambda record, now: (None, use_record.renew(record, leases, now)))

    async def _ask(
        self,
        payer: Payer,
        decide: Callable[[UseRecord, float], tuple[T, UseRecord]],
        is_sure: Callable[[T, float], bool] = lambda *_: True,
    ) -> T:
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        asked = _Asked(decide, is_sure, result)
        if payer in self._waiting:
            self._waiting[payer].append(asked)
        else:
            self._waiting[payer] = [asked]
            task = asyncio.create_task(self._work(payer), name="count")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await result

    async def _work(self, payer: Payer) -> None:
        """Carry out what is asked for ``payer``, until nothing is."""
        while waiting := self._waiting[payer]:
            self._waiting[payer] = []
            try:
                await self._carry_out(payer, [one for one in waiting if not one.result.done()])
            except Exception as error:
                self._known.pop(payer, None)
                is_known = isinstance(error, StoreUnavailable)
                for one in waiting:
                    if not one.result.done():  # one exception for each: it gets a traceback
                        one.result.set_exception(
                            StoreUnavailable(str(error)) if is_known else error
                        )
            except asyncio.CancelledError:
                for one in (*waiting, *self._waiting.pop(payer)):
                    one.result.cancel()
                raise
        del self._waiting[payer]

    async def _carry_out(self, payer: Payer, asked: Sequence[_Asked]) -> None:
        known = self._known.get(payer)
        is_fresh = False
        for _ in range(_TRIES):
            if known is None:
                known, is_fresh = await self._read(payer), True
            now = self._now()
            record = known.record
            results = []
            for one in asked:
                result, record = one.decide(record, now)
                results.append(result)
            age_s = asyncio.get_running_loop().time() - known.at
            if not is_fresh and not all(
                one.is_sure(result, age_s) for one, result in zip(asked, results, strict=True)
            ):
                known = None
                continue
            if record is not known.record:
                try:
                    known = await self._write(payer, record, was=known.by)
                except ConditionFailed as failed:
                    known, is_fresh = _known(failed.item), True
                    continue
            self._remember(payer, known)
            for one, result in zip(asked, results, strict=True):
                if not one.result.done():
                    one.result.set_result(result)
            return
        raise StoreUnavailable("what a payer has used was written by others all the time")

    async def _read(self, payer: Payer) -> _Known:
        key = hashed_key("L", payer)
        found = await self._calls.call("GetItem", Key=key, ConsistentRead=True)
        return _known(found.get("Item"))

    async def _write(self, payer: Payer, record: UseRecord, *, was: str | None) -> _Known:
        # By which the call is known again that arrives twice.
        own = secrets.token_hex(8)
        condition = "attribute_not_exists(pk)" if was is None else "#by = :was"
        await self._calls.call(
            "PutItem",
            Item={
                **hashed_key("L", payer),
                "uses": {"S": use_record.encoded(record).decode()},
                "by": {"S": own},
                "exp": expiry(record.ends),
            },
            ConditionExpression=f"{condition} OR #by = :own",
            ExpressionAttributeNames={"#by": "by"},
            ExpressionAttributeValues={
                ":own": {"S": own},
                **({} if was is None else {":was": {"S": was}}),
            },
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        return _Known(record, own, asyncio.get_running_loop().time())

    def _remember(self, payer: Payer, known: _Known) -> None:
        self._known.pop(payer, None)
        self._known[payer] = known
        if len(self._known) > _MOST_KNOWN:
            del self._known[next(iter(self._known))]


def _known(item: Item | None) -> _Known:
    now = asyncio.get_running_loop().time()
    if item is None:
        return _Known(UseRecord(), None, now)
    return _Known(use_record.decoded(text_of(item["uses"])), text_of(item["by"]), now)

"""What a store counts so that limits hold for all processes together.

What is counted is counted for a *payer*. Of some things so much may be used in a *window* of time;
of others, such as turns, so many may run at once, each with a *lease*, which ends by itself if
nobody renews it: a process that dies gives its leases back.

Names, holders and tokens are printable ASCII, of 64 characters at most. A payer may be any text.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, TypeAlias

import msgspec

Payer: TypeAlias = str


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Something of which so much may be used in a time, and how much is used now.

    Attributes:
        name: what it is called.
        length_s: how long a window is, in seconds.
        limit: who has used so much, or more, takes nothing; None: nobody is refused.
        amount: how much is used; 0 only looks, and begins no window.
        is_by_clock: windows begin at multiples of their length since 1970, as a day does at 00:00
            UTC. Otherwise one begins with the first use, and the next one with the first use after
            its end.
    """

    name: str
    length_s: float
    limit: int | None = None
    amount: int = 1
    is_by_clock: bool = False


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """That something runs.

    Attributes:
        holder: what runs. Of one holder there is one lease: a new one takes the place of another.
        token: of this very lease.
        ttl_s: after so many seconds without `LimitStore.renew` it has ended.
    """

    holder: str
    token: str
    ttl_s: float


class Use(msgspec.Struct, frozen=True, gc=False):
    """How much is used in a window, and in how many seconds it ends.

    Where no window has begun, the seconds are those of one that would begin now.
    """

    used: int
    reset_s: float


class Taken(msgspec.Struct, frozen=True):
    """What `LimitStore.take` has done.

    Attributes:
        is_admitted: whether all was taken; else nothing was.
        uses: of the windows in the order in which they were asked for, as they are now; of a
            refusal they may be as they were a second ago.
        running: how many leases the payer has now, with the one that was taken.
    """

    is_admitted: bool
    uses: Sequence[Use]
    running: int


class LimitStore(Protocol):
    """Uses and leases. Each method raises `StoreUnavailable`.

    A call whose effect is unknown may be repeated: it may count twice then, which is never more
    than a limit allows. The clocks of processes may differ by the length of a window.
    """

    async def take(
        self,
        payer: Payer,
        windows: Sequence[Window] = (),
        *,
        lease: Lease | None = None,
        most_leases: int | None = None,
    ) -> Taken:
        """Use something of all ``windows``, and take ``lease``; or nothing, if a limit is reached.

        Whoever asks at the same time, no window with amounts of 1 holds more than its limit, and
        no more than ``most_leases`` are taken.

        Args:
            most_leases: how many the payer may have; None: any number.
        """
        ...

    async def renew(self, leases: Mapping[Payer, Collection[Lease]]) -> None:
        """Let leases last for their time from now, also those that have ended.

        One whose holder has another lease by now stays ended.
        """
        ...

    async def give_back(
        self, payer: Payer, lease: Lease | None = None, windows: Sequence[Window] = ()
    ) -> None:
        """End ``lease``, if it is still there, and use something of ``windows``, over any limit.

        Amounts below 0 give back what was taken; nobody has used less than nothing.
        """
        ...

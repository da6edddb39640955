"""Whose limits count for a request, and which.

They are those of the owner. Where nobody is known they are those of the address from which he
comes: nobody can choose that, as one could choose a chat's id or a header.
"""

import asyncio
import time
from typing import Any

from starlette.requests import Request

from app.aws.asgi_extensions import DIRECT
from app.http.admission import AdmittedRequest
from app.http.options import deadline_of
from app.http.own_limit import OwnLimit, limits_by
from app.http.responses import Written
from app.limits import quota
from app.limits.limiter import Allowance, Limiter
from app.limits.limits import LimitRequest, Limits
from app.owners.address import network, source_of
from app.owners.lambda_caller import REQUEST_CONTEXT
from app.store.limits import Payer

# How long a response may wait for the store at its end, in seconds, and how much of the time before
# Lambda's deadline is left to the runtime.
_LAST_WRITE_S = 3.0
_LAST_WORD_S = 0.6


class Limiting:
    """The limits of one app.

    Args:
        limiter: counts.
        limits: of everybody.
        own: the application's rule; None: there is none.
        is_on_lambda: whether a Lambda front says from where a request comes.
    """

    def __init__(
        self, limiter: Limiter, limits: Limits, own: OwnLimit | None, *, is_on_lambda: bool
    ) -> None:
        self._limiter = limiter
        self._limits = limits
        self._own = own
        self._is_on_lambda = is_on_lambda
        self.aclose = limiter.aclose

    @property
    def is_open(self) -> bool:
        """Whether everybody is admitted while the store cannot be asked."""
        return self._limiter.is_open

    async def allowance(self, admitted: AdmittedRequest, model: str) -> Allowance | None:
        """Return what a turn may use; None: whatever it wants.

        Raises:
            LimitReached, Forbidden: the application's rule refuses.
        """
        limits = await self._limits_of(admitted.http, admitted.owner, model)
        if limits.is_empty:
            return None
        return Allowance(self._limiter, self._payer(admitted.http, admitted.owner, limits), limits)

    def last_writes(
        self, admitted: AdmittedRequest, allowance: Allowance, kept: Written | None
    ) -> Written | None:
        """Return what the response waits for at its end, besides what it waits for anyway."""
        return LastWrites(admitted, allowance, kept) if self._is_on_lambda else kept

    async def shown(self, request: Request, owner: str, model: str) -> dict[str, Any]:
        """Return limits and uses as `GET /api/me` says them, of what is limited.

        Raises:
            StoreUnavailable: they cannot be looked up.
            LimitReached, Forbidden: the application's rule refuses.
        """
        limits = await self._limits_of(request, owner, model)
        if limits.is_empty:
            return {}
        taken = await self._limiter.look(self._payer(request, owner, limits), limits)
        return dict(quota.shown(limits, taken))

    async def _limits_of(self, request: Request, owner: str, model: str) -> Limits:
        if self._own is None:
            return self._limits
        asked = LimitRequest(owner=owner, model=model, request=request)
        limits = await limits_by(self._own, asked)
        return self._limits if limits is None else limits

    def _payer(self, request: Request, owner: str, limits: Limits) -> Payer:
        who = ("owner", owner) if owner else ("address", self._address(request))
        return "\x1f".join((*who, limits.counted_as))

    def _address(self, request: Request) -> str:
        if DIRECT in request.scope.get("extensions", {}):
            return ""  # IAM has admitted him, and he has no address
        if self._is_on_lambda:
            context = request.headers.get(REQUEST_CONTEXT)
            seen = source_of(context, (request.headers.getlist("x-forwarded-for") or [""])[-1])
            if seen:
                return network(seen)
        client = request.scope.get("client")
        return "" if client is None else network(client[0])


class LastWrites:
    """What a response on Lambda waits for at its end, since the process stands still afterwards."""

    def __init__(
        self, admitted: AdmittedRequest, allowance: Allowance, kept: Written | None
    ) -> None:
        self._cut_at = deadline_of(admitted.http, now=time.time(), margin_s=_LAST_WORD_S)
        self._allowance = allowance
        self._kept = kept

    async def written(self) -> None:
        """Return when the store knows what was said and used, or the time is up."""
        now = asyncio.get_running_loop().time()
        until = now + _LAST_WRITE_S
        if self._cut_at is not None:
            until = min(until, self._cut_at)
        if self._kept is not None:
            await self._kept.written()
        await self._allowance.written(until - asyncio.get_running_loop().time())

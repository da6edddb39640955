"""``GET /api/me``: who asks, what he may use, and what he has used."""

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from app.http.admission import Admission, request_id
from app.http.nothing_stored import NO_STORE
from app.http.responses import JSONResponse

if TYPE_CHECKING:
    from app.http.limiting import Limiting

_UNLIMITED = {"turnsPerMinute": None, "runningTurns": None, "tokensPerDay": None}


class Me:
    """Tells who asks what he may use.

    Args:
        admission: finds out who asks.
        limiting: None: nothing is limited.
        model: whose limits are told unless the query names another.
    """

    def __init__(self, admission: Admission, limiting: "Limiting | None", *, model: str) -> None:
        self._admission = admission
        self._limiting = limiting
        self._model = model

    async def respond(self, request: Request) -> Response:
        """Say who asks, what he may use and what he has used."""
        owner = await self._admission.owner(request)
        limits: dict[str, Any] = {}
        if self._limiting is not None:
            model = request.query_params.get("model") or self._model
            limits = await self._limiting.shown(request, owner, model)
        return JSONResponse(
            {"owner": owner or None, "limits": {**_UNLIMITED, **limits}},
            headers={"x-request-id": request_id(request), **NO_STORE},
        )

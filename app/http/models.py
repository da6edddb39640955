"""``GET /api/models``: what a request may ask for, as a client has to know before it asks.

The list has the form of OpenAI's own, so that its clients read it (`client.models.list()`). What is
beside it is for pages: which model answers if none is named, how large a request may be, and
whether a system message of the client's counts.

Source: openai-python, `types/model.py` and `pagination.py` (2.x): `id`, `created`, `object`,
`owned_by`, in the `data` of a `list`.
"""

from collections.abc import Collection, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.http.admission import Admission, request_id
from app.http.nothing_stored import NO_STORE
from app.http.responses import JSONResponse


class Models:
    """Tells which models there are, and what else a request may hold.

    Args:
        admission: finds out who asks, and knows the largest body.
        default: the model that answers if a request names none.
        allowed: all that a request may name.
        client_system: whether system messages from the client are kept.
    """

    def __init__(
        self, admission: Admission, default: str, allowed: Collection[str], *, client_system: bool
    ) -> None:
        self._admission = admission
        others = sorted(set(allowed) - {default})
        self._said: Mapping[str, Any] = {
            "object": "list",
            "data": [
                # Nobody has told us when it was made and by whom, and OpenAI's clients want both.
                {"id": name, "object": "model", "created": 0, "owned_by": "deltaline"}
                for name in (default, *others)
            ],
            "default": default,
            "clientSystem": client_system,
            "maxBodyBytes": admission.max_body_bytes,
        }

    async def respond(self, request: Request) -> Response:
        """Say which models a request may name; the default one is the first."""
        await self._admission.owner(request)
        headers = {"x-request-id": request_id(request), **NO_STORE}
        return JSONResponse(self._said, headers=headers)

"""What every request must pass before its content is looked at: who asks, and the size limit."""

import secrets

import msgspec
from starlette.requests import Request

from app.errors import BodyTooLarge, InvalidOption
from app.http.request_head import header
from app.owners.authentication import Authenticate

# Digits of a content-length. Python refuses to read very many of them.
_LONGEST_LENGTH = 20


class AdmittedRequest(msgspec.Struct, frozen=True):
    """A request that may be served: its caller is allowed to ask, and its body is here.

    Attributes:
        http: query string and headers, and the connection that says when the client leaves.
        body: the whole body.
        id: for the log and for the response's ``x-request-id``.
        started: `time.perf_counter` when the request came in.
        owner: who asks; ``""`` where nobody is asked who they are.
    """

    http: Request
    body: bytes
    id: str
    started: float
    owner: str = ""

    @property
    def content_type(self) -> str | None:
        """The media type that the client gave for the body."""
        return header(self.http, b"content-type")


class Admission:
    """Decides which requests are served.

    Args:
        max_body_bytes: largest request body accepted.
        authenticate: finds out who asks.
    """

    def __init__(self, *, max_body_bytes: int, authenticate: Authenticate) -> None:
        self.max_body_bytes = max_body_bytes
        self.owner = authenticate

    async def admit(self, request: Request, *, started: float) -> AdmittedRequest:
        """Find out who asks, then read the body, but never more of it than the limit.

        Args:
            started: `time.perf_counter` when the request came in.

        Raises:
            RequestError: he may not.
            BodyTooLarge: there is more.
            InvalidOption: the ``content-length`` is no number.
            ClientDisconnect: the client left before its end.
        """
        owner = await self.owner(request)
        body = await self._body(request)
        return AdmittedRequest(request, body, request_id(request), started, owner)

    async def _body(self, request: Request) -> bytes:
        limit = self.max_body_bytes
        declared = header(request, b"content-length")
        if declared is not None:
            if not declared.isdecimal():
                raise InvalidOption("The content-length header is not a number.")
            if len(declared) > _LONGEST_LENGTH or int(declared) > limit:
                raise _too_large(limit)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise _too_large(limit)
        return bytes(body)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The request body is larger than {limit} bytes.")


def request_id(request: Request) -> str:
    """Return the caller's ``x-request-id`` if it is a sane one, else a new id."""
    state = request.scope.setdefault("state", {})  # what `request.state` is made of
    known: str | None = state.get("request_id")
    if known is None:
        given = header(request, b"x-request-id") or ""
        is_sane = 0 < len(given) <= 128 and given.isascii() and given.isprintable()
        known = given if is_sane else secrets.token_hex(12)
        state["request_id"] = known
    return known

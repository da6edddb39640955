"""What is asked of every request before anybody looks at what it wants: its size and its token."""

import secrets

from starlette.requests import Request

from app.aws.asgi_extensions import DIRECT
from app.errors import BodyTooLarge, InvalidOption, Unauthorized


class Incoming:
    """Reads requests.

    Args:
        max_body_bytes: largest request body accepted.
        auth_token: bearer token that is asked for; ``None`` for none.
    """

    def __init__(self, *, max_body_bytes: int, auth_token: str | None) -> None:
        self.max_body_bytes = max_body_bytes
        self._auth_token = None if auth_token is None else auth_token.encode()

    async def body(self, request: Request) -> bytes:
        """Read the whole body, but never more than the limit.

        Raises:
            BodyTooLarge: there is more.
            ClientDisconnect: the client left before its end.
        """
        limit = self.max_body_bytes
        too_large = BodyTooLarge(f"The request body is larger than {limit} bytes.")
        declared = request.headers.get("content-length", "0")
        if not declared.isdecimal():
            raise InvalidOption("The content-length header is not a number.")
        if int(declared) > limit:
            raise too_large
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise too_large
        return bytes(body)

    def authorize(self, request: Request) -> None:
        """Check the bearer token; behind CloudFront it comes in ``x-chat-token``.

        Whoever invoked the Lambda function itself has shown IAM who they are, and cannot send any.

        Raises:
            Unauthorized: it is not ours.
        """
        if self._auth_token is None or DIRECT in request.scope.get("extensions", {}):
            return
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = token if scheme.lower() == "bearer" else request.headers.get("x-chat-token", "")
        # Header text is Latin-1, whatever the bytes were meant to be.
        if not secrets.compare_digest(given.strip().encode("latin-1"), self._auth_token):
            raise Unauthorized("Send the token of this server as `Authorization: Bearer …`.")


def request_id(request: Request) -> str:
    """Return the caller's ``x-request-id`` if it is a sane one, else a new id."""
    known: str | None = getattr(request.state, "request_id", None)
    if known is None:
        given = request.headers.get("x-request-id", "")
        is_sane = 0 < len(given) <= 128 and given.isascii() and given.isprintable()
        known = given if is_sane else secrets.token_hex(12)
        request.state.request_id = known
    return known

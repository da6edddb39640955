"""The token of this server in the headers of a request."""

import secrets

HOW_TO_SEND_IT = "Send the token of this server as `Authorization: Bearer …`."


def gives_token(token: bytes, *, authorization: str, x_chat_token: str) -> bool:
    """Return whether one of the two headers holds ``token``.

    ``x-chat-token`` is for callers whose ``authorization`` holds something else: CloudFront and the
    AWS SDKs sign there. A bearer token in ``authorization`` is the one that counts.
    """
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "bearer":
        given = x_chat_token
    # Header text is Latin-1, whatever the bytes were meant to be.
    return secrets.compare_digest(given.strip().encode("latin-1"), token)

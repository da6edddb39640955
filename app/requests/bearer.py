"""The token in the headers of a request, and the tokens that everybody of a product shares.

Who sends a shared token may ask, but stays nobody in particular. There may be several, so that a
new one can be handed out before the old one stops to count.
"""

import secrets
from collections.abc import Sequence

HOW_TO_SEND_IT = "Send the token of this server as `Authorization: Bearer …`."


class SharedTokens:
    """The tokens of a server.

    Args:
        text: one, or several with commas between them.
    """

    def __init__(self, text: str) -> None:
        self._tokens: Sequence[bytes] = [
            token.strip().encode() for token in text.split(",") if token.strip()
        ]

    def hold(self, token: str) -> bool:
        """Return whether ``token``, the text of a header, is one of them."""
        # Header text is Latin-1, whatever the bytes were meant to be.
        given = token.encode("latin-1")
        # All are compared, so that the time it takes says nothing about them.
        return sum(secrets.compare_digest(given, known) for known in self._tokens) > 0


def sent_token(*, authorization: str, x_chat_token: str) -> str:
    """Return the token that these two headers carry, or ``""``.

    ``x-chat-token`` is for callers whose ``authorization`` holds something else: CloudFront and the
    AWS SDKs sign there. A bearer token in ``authorization`` is the one that counts.
    """
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "bearer":
        given = x_chat_token
    return given.strip()

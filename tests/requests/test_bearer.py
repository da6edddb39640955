"""The token, and what only looks like it."""

import pytest

from app.requests.bearer import gives_token

TOKEN = b"correct horse"


@pytest.mark.parametrize(
    ("authorization", "x_chat_token", "is_given"),
    [
        ("Bearer correct horse", "", True),
        ("bearer  correct horse ", "wrong", True),
        ("", "correct horse", True),
        ("AWS4-HMAC-SHA256 Credential=x", "correct horse", True),
        ("Bearer wrong", "correct horse", False),
        ("Bearer", "", False),
        ("correct horse", "", False),
        ("Basic correct horse", "", False),
        ("", "caf\xe9", False),
        ("", "", False),
    ],
)
def test_the_token_is_read_from_either_header(
    authorization: str, x_chat_token: str, is_given: bool
) -> None:
    given = gives_token(TOKEN, authorization=authorization, x_chat_token=x_chat_token)

    assert given is is_given

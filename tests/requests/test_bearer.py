"""The tokens of a server, and what only looks like one."""

import pytest

from app.requests.bearer import SharedTokens, sent_token

TOKENS = SharedTokens("correct horse, battery staple,,")


@pytest.mark.parametrize(
    ("authorization", "x_chat_token", "is_held"),
    [
        ("Bearer correct horse", "", True),
        ("bearer  correct horse ", "wrong", True),
        ("Bearer battery staple", "", True),
        ("", "correct horse", True),
        ("AWS4-HMAC-SHA256 Credential=x", "correct horse", True),
        ("Bearer wrong", "correct horse", False),
        ("Bearer correct horse, battery staple", "", False),
        ("Bearer", "", False),
        ("correct horse", "", False),
        ("Basic correct horse", "", False),
        ("", "caf\xe9", False),
        ("", "", False),
    ],
)
def test_a_token_is_read_from_either_header(
    authorization: str, x_chat_token: str, is_held: bool
) -> None:
    sent = sent_token(authorization=authorization, x_chat_token=x_chat_token)

    assert TOKENS.hold(sent) is is_held


def test_a_token_may_be_any_utf8() -> None:
    assert SharedTokens("café").hold("café".encode().decode("latin-1"))


def test_nothing_but_commas_is_no_token() -> None:
    assert not SharedTokens(" , ").hold("")

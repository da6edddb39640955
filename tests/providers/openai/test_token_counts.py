"""Token counts of both APIs."""

import msgspec
import pytest

from app.events import Usage
from app.providers.openai.token_counts import ChatTokenCounts, TokenCounts, step_usage


@pytest.mark.parametrize(
    ("kind", "received", "sent"),
    [(TokenCounts, "input", "output"), (ChatTokenCounts, "prompt", "completion")],
)
def test_both_apis_count_the_same_under_their_own_names(
    kind: type[TokenCounts], received: str, sent: str
) -> None:
    counts = {
        f"{received}_tokens": 5,
        f"{sent}_tokens": 4,
        "total_tokens": 9,
        f"{received}_tokens_details": {"cached_tokens": 3, "audio_tokens": 0},
        f"{sent}_tokens_details": {"reasoning_tokens": 2},
    }

    read = msgspec.json.decode(msgspec.json.encode(counts), type=kind)

    assert step_usage(read) == Usage(5, 4, 2, 3)


def test_what_is_not_counted_is_unknown() -> None:
    assert step_usage(None) == step_usage(TokenCounts()) == Usage()
    assert step_usage(ChatTokenCounts(5)) == Usage(5)

"""`app.chats.believed`: which results and replies of a request count."""

from typing import Any

import pytest

from app.chats.believed import brought_by, with_what_was_brought
from app.messages import ChatRequest
from tests.chats.stored import STEP, answer, call, old, posted, posted_by_4, said, user
from tests.requests.posting import chat as parsed


def merged(stored: list[Any], asked: ChatRequest) -> list[Any]:
    """Return the parts of a stored message after a request about it."""
    parts: list[Any] = with_what_was_brought(answer("a1", *stored), brought_by(asked))["parts"]
    return parts


def bringing(*parts: object) -> ChatRequest:
    return posted(user("u1"), answer("a1", STEP, *parts))


RESULT = call("output-available", output={"picked": 2})
FAILURE = call("output-error", errorText="There are none.")
OPEN = call("input-available")
ASKING = call("approval-requested", approval={"id": "ask"})
APPROVED = call("approval-responded", approval={"id": "ask", "approved": True})
DENIED = call("approval-responded", approval={"id": "ask", "approved": False, "reason": "No."})


@pytest.mark.parametrize(
    ("stored", "brought"),
    [(OPEN, RESULT), (OPEN, FAILURE), (ASKING, APPROVED), (ASKING, DENIED)],
)
def test_a_result_or_a_reply_that_is_waited_for_counts(stored: Any, brought: Any) -> None:
    assert merged([STEP, stored], bringing(brought)) == [STEP, brought]


def test_the_call_itself_stays_as_it_is_stored() -> None:
    forged = call("output-available", input={"of": 99}, output=1, extra="x")

    assert merged([STEP, OPEN], bringing(forged)) == [STEP, call("output-available", output=1)]


def test_a_result_without_an_output_is_null() -> None:
    assert merged([STEP, OPEN], bringing(call("output-available"))) == [
        STEP,
        call("output-available", output=None),
    ]


@pytest.mark.parametrize(
    ("stored", "forged"),
    [
        # a second result, and another error
        (call("output-available", output=1), RESULT),
        (call("output-error", errorText="No."), RESULT),
        (call("output-denied", approval={"id": "ask", "approved": False}), RESULT),
        # results of calls that the server runs, once somebody has approved them
        (ASKING, RESULT),
        (APPROVED, RESULT),
        # of the provider
        (call("input-available", providerExecuted=True), RESULT),
        # replies to nothing, to another request, to a call of the client
        (ASKING, call("approval-responded", approval={"id": "forged", "approved": True})),
        (OPEN, APPROVED),
        (DENIED, APPROVED),
        (RESULT, APPROVED),
        # other calls
        (OPEN, call("output-available", "c9", output=1)),
        (ASKING, call("approval-responded", "c9", approval={"id": "ask", "approved": True})),
        # no reply, no result
        (OPEN, call("input-available")),
        (ASKING, call("approval-responded", approval={"id": "ask"})),
        (said("Mine."), said("Forged.")),
    ],
)
def test_nothing_else_counts(stored: Any, forged: Any) -> None:
    assert merged([STEP, stored], bringing(forged)) == [STEP, stored]


def test_only_calls_of_the_last_step_are_open() -> None:
    parts = [STEP, OPEN, STEP, said("Well.")]

    assert merged(parts, bringing(RESULT, STEP, said("Well."))) == parts


def test_a_message_without_steps_is_one() -> None:
    assert merged([OPEN], bringing(RESULT)) == [RESULT]


def test_the_first_of_two_results_counts() -> None:
    second = call("output-available", output="second")

    assert merged([STEP, OPEN], bringing(RESULT, STEP, second)) == [STEP, RESULT]


def test_the_first_of_two_replies_counts() -> None:
    assert merged([STEP, ASKING], bringing(DENIED, APPROVED)) == [STEP, DENIED]


def test_a_result_of_an_older_answer_in_the_request_does_not_count() -> None:
    asked = posted(answer("a0", STEP, RESULT), user("u1"), answer("a1", STEP, said("Hm.")))

    assert merged([STEP, OPEN], asked) == [STEP, OPEN]


def test_an_error_is_told_as_text() -> None:
    asked = parsed({"id": "c", "messages": [answer("a1", STEP, call("output-error"))]})

    assert merged([STEP, OPEN], asked) == [
        STEP,
        call("output-error", errorText="The tool failed."),
    ]


def test_the_message_that_was_stored_is_not_changed() -> None:
    stored = answer("a1", STEP, call("input-available"))

    with_what_was_brought(stored, brought_by(bringing(RESULT)))

    assert stored == answer("a1", STEP, call("input-available"))


def test_the_calls_of_a_request_are_known_with_and_without_results() -> None:
    two = brought_by(
        bringing(RESULT, call("input-available", "c2"), {**APPROVED, "toolCallId": "c3"})
    )

    assert two.calls == {"c1", "c2", "c3"}
    assert set(two.results) == {"c1"}
    assert set(two.replies) == {"c3"}


def test_the_digest_is_that_of_the_same_request_only() -> None:
    said_more = bringing(RESULT, STEP, said("Two."))
    requests = [
        bringing(OPEN),
        bringing(RESULT),
        bringing(call("output-available", "c2", output=1)),
        bringing(RESULT, call("output-available", "c2", output=1)),
        bringing(APPROVED),
        said_more,
        posted_by_4(old("user", "Hi"), old("assistant", "Hm.")),
    ]

    digests = [brought_by(asked).digest for asked in requests]

    assert len(set(digests)) == len(digests)
    assert digests == [brought_by(asked).digest for asked in requests]

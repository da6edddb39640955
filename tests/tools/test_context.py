"""`app.tools.context`: what a tool knows about its call."""

import time

import pytest

from app.tools import Scene, ToolContext


def test_a_context_of_its_own_needs_no_turn() -> None:
    context = ToolContext()

    assert context.deadline is None
    assert context.send_status("nobody listens") is True
    assert context.approval_id is None
    assert context.tool_call_id == ""
    assert context.state == {}


def test_the_context_shows_the_scene_of_the_turn() -> None:
    scene = Scene(
        chat_id="chat",
        session_id="s",
        user_id="u",
        config={"unit": "C"},
        approval_ids={"c1": "approved"},
    )

    context = ToolContext("c1", scene)

    assert (context.chat_id, context.session_id, context.user_id) == ("chat", "s", "u")
    assert (context.get_config("unit"), context.get_config("other")) == ("C", None)
    assert context.get_config("other", 7) == 7
    assert context.config == {"unit": "C"}


def test_only_the_call_that_was_approved_has_the_approval_id() -> None:
    scene = Scene(approval_ids={"c1": "approved"})

    assert ToolContext("c1", scene).approval_id == "approved"
    assert ToolContext("c2", scene).approval_id is None


def test_the_calls_of_a_turn_share_their_state_and_those_of_two_turns_do_not() -> None:
    scene = Scene()

    ToolContext("c1", scene).state["seen"] = True

    assert ToolContext("c2", scene).state == {"seen": True}
    assert ToolContext("c1", Scene()).state == {}


def test_the_seconds_left_are_never_less_than_none() -> None:
    assert ToolContext(deadline=time.monotonic() - 5).deadline == 0.0
    left = ToolContext(deadline=time.monotonic() + 1000).deadline
    assert left is not None
    assert 0 < left <= 1000


@pytest.mark.parametrize("is_running", [True, False])
def test_a_status_is_reported_as_text_and_says_whether_the_call_still_runs(
    is_running: bool,
) -> None:
    told: list[str] = []

    def report(message: str) -> bool:
        told.append(message)
        return is_running

    message: object = ValueError("half-way")

    assert ToolContext(report=report).send_status(message) is is_running  # type: ignore[arg-type]
    assert told == ["half-way"]

"""The tools that are on, and the secret that approvals are signed with."""

import pytest
from pydantic import SecretStr

from app.settings import Settings, SettingsError
from app.setup.tools import approval_secret, make_tools
from app.tools import tool


@tool(needs_approval=True)
def pay() -> None:
    """Pay."""


@tool
def look() -> None:
    """Look."""


def test_the_programs_tools_and_the_named_ones_are_on() -> None:
    assert set(make_tools(Settings(), [pay, look])) == {"pay", "look"}
    assert set(make_tools(Settings(tools=("look", "get_weather")), [pay, look])) == {
        "look",
        "get_weather",
    }


def test_a_tool_that_is_not_there_stops_the_start() -> None:
    with pytest.raises(SettingsError, match="CHAT_TOOLS names get_wether"):
        make_tools(Settings(tools=("get_wether",)), [])


def test_a_default_tool_that_is_not_on_stops_the_start() -> None:
    with pytest.raises(SettingsError, match="CHAT_DEFAULT_TOOL has a bad value: There is no tool"):
        make_tools(Settings(default_tool="pay"), [look])


def test_a_secret_that_is_set_is_the_one() -> None:
    assert approval_secret(Settings(approval_secret=SecretStr("s3cret")), {"pay": pay}) == b"s3cret"


def test_a_process_of_its_own_makes_a_secret_of_its_own() -> None:
    first, second = (approval_secret(Settings(), {"pay": pay}) for _ in range(2))

    assert len(first) == len(second) == 32
    assert first != second


def test_on_lambda_a_tool_that_asks_needs_a_secret_that_all_processes_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "chat")

    with pytest.raises(SettingsError, match="CHAT_APPROVAL_SECRET is missing: the tool pay asks"):
        approval_secret(Settings(), {"look": look, "pay": pay})
    assert len(approval_secret(Settings(), {"look": look})) == 32

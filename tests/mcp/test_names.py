"""What servers and their tools are called here."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.mcp.names import mixed_up, server_name, tool_names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("github", "github"),
        ("My Files!", "My_Files"),
        ("mcp.example.com", "mcp_example_com"),
        ("_x_", "x"),
        ("s" * 40, "s" * 32),
    ],
)
def test_a_server_has_a_name_that_the_api_takes(text: str, name: str) -> None:
    assert server_name(text) == name


def test_a_server_needs_a_name() -> None:
    with pytest.raises(ValueError, match="cannot be called '–'"):
        server_name("–")


def test_a_tool_has_its_servers_name_before_its_own() -> None:
    assert tool_names("files", ["read_file", "get-sum"]) == {
        "read_file": "files_read_file",
        "get-sum": "files_get-sum",
    }


def test_names_that_had_to_be_changed_stay_apart() -> None:
    names = tool_names("s", ["a.b", "a/b", "a_b", "x" * 70, "x" * 71])

    assert len(set(names.values())) == 5
    assert names["a_b"] == "s_a_b"
    assert names["a.b"].startswith("s_a_b_")
    assert all(len(name) <= 64 for name in names.values())


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=[])), unique=True))
def test_any_names_become_ones_that_the_api_takes(names: list[str]) -> None:
    ours = tool_names("server", names)

    assert list(ours) == names
    assert all(re.fullmatch(r"server_[A-Za-z0-9_-]{0,57}", name) for name in ours.values())
    # The name does not depend on what other tools there are.
    assert all(tool_names("server", [name])[name] == ours[name] for name in names)


def test_servers_whose_tools_could_get_one_name_are_found() -> None:
    assert mixed_up(["a", "b", "ab"]) is None
    assert mixed_up(["a", "b", "a"]) == ("a", "a")
    assert mixed_up(["git_hub", "files", "git"]) == ("git", "git_hub")

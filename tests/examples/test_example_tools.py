"""What all example tools have in common."""

from app.tools.loading import EXAMPLES, load_tools


def test_the_examples_are_in_strict_mode() -> None:
    assert all(tool.strict for tool in load_tools(list(EXAMPLES)).values())

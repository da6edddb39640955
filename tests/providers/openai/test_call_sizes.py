"""How many calls a model may make in a step, and how long they may be."""

import pytest

from app.providers.openai.call_sizes import (
    MAX_ARGUMENTS_BYTES,
    MAX_CALLS,
    MAX_STEP_ARGUMENTS_BYTES,
    Arguments,
    CallSizes,
    CallsTooLarge,
)


def test_arguments_grow_up_to_their_limit() -> None:
    arguments = Arguments(CallSizes())
    assert not arguments
    arguments.write("é" * (MAX_ARGUMENTS_BYTES // 2))

    with pytest.raises(CallsTooLarge, match="a tool call is longer"):
        arguments.write("x")

    assert arguments
    assert arguments.size == MAX_ARGUMENTS_BYTES
    assert str(arguments) == "é" * (MAX_ARGUMENTS_BYTES // 2)


def test_the_calls_of_a_step_have_a_limit_together() -> None:
    sizes = CallSizes()
    calls = MAX_STEP_ARGUMENTS_BYTES // MAX_ARGUMENTS_BYTES
    for _ in range(calls):
        Arguments(sizes).write("x" * MAX_ARGUMENTS_BYTES)

    with pytest.raises(CallsTooLarge, match="of one step are longer"):
        Arguments(sizes).write("x")


def test_arguments_that_are_repeated_count_once() -> None:
    sizes = CallSizes()
    for _ in range(2):
        assert sizes.grow(0, MAX_ARGUMENTS_BYTES) == MAX_ARGUMENTS_BYTES
        assert sizes.grow(MAX_ARGUMENTS_BYTES, MAX_ARGUMENTS_BYTES) == MAX_ARGUMENTS_BYTES
        assert sizes.grow(MAX_ARGUMENTS_BYTES, 2) == MAX_ARGUMENTS_BYTES

    with pytest.raises(CallsTooLarge):
        sizes.grow(0, 1)


def test_only_so_many_calls_are_made_in_a_step() -> None:
    sizes = CallSizes()
    for _ in range(MAX_CALLS):
        sizes.begin()

    with pytest.raises(CallsTooLarge, match="more than 1024 tool calls"):
        sizes.begin()

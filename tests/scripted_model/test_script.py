"""What a script holds, and what is left of it under a limit."""

import pytest

from app.scripted_model.script import (
    ApiError,
    Block,
    Call,
    RunCode,
    Say,
    Script,
    Search,
    Stall,
    Think,
    count,
    tokens,
    written,
)
from tests.scripted_model.client import Side, finish_of, text_of


async def test_the_limit_on_tokens_is_obeyed(side: Side) -> None:
    chunks = await side.stream("scenario: text tokens=9", max_completion_tokens=2)
    older = await side.stream("scenario: text tokens=9", max_tokens=3)
    thought = await side.stream("scenario: reasoning tokens=4", max_completion_tokens=4)
    searched = await side.stream("scenario: search", max_completion_tokens=2)

    assert (text_of(chunks), finish_of(chunks)) == ("word0 word1", ["length"])
    assert text_of(older) == "word0 word1 word2"
    assert (text_of(thought), finish_of(thought)) == ("", ["length"])
    assert text_of(searched) == "Streams are"


@pytest.mark.parametrize(
    "text",
    ["", "two words", "a  b\n\n c", "extraordinarily", "(…)!?;", "é漢字😀", "\ud83d"],
    ids=ascii,
)
def test_tokens_joined_are_the_text(text: str) -> None:
    assert "".join(tokens(text)) == text


def test_a_word_is_one_token_with_the_space_before_it() -> None:
    assert tokens("Some words, longwordless") == ("Some", " words", ",", " longwor", "dless")


def test_an_error_has_the_four_keys_of_the_real_one() -> None:
    error = ApiError(status=429, message="Slow down.", type="rate_limit_error", code="slow")

    assert error.body() == {
        "message": "Slow down.",
        "type": "rate_limit_error",
        "param": None,
        "code": "slow",
    }


def test_the_tokens_of_all_blocks_are_counted_and_reasoning_apart() -> None:
    blocks: list[Block] = [
        Think(("a", "b")),
        Call("f", ("{}",)),
        Search("q"),
        RunCode(("x",), "y"),
        Say(("c",)),
    ]
    script = Script(blocks=blocks)

    assert [count(block) for block in blocks] == [2, 1, 0, 1, 1]
    assert script.token_count() == 5
    assert script.reasoning_count() == 2


def test_a_script_within_the_limit_stays_as_it_is() -> None:
    script = Script(blocks=[Say(("a", "b"))])

    assert script.limited(None) is script
    assert script.limited(2) is script


def test_a_limit_keeps_the_interruptions_before_it() -> None:
    script = Script(blocks=[Search("q"), Say(("a", Stall(1.0), "b", Stall(2.0), "c")), Say(("d",))])

    limited = script.limited(2)

    assert limited.blocks == (Search("q"), Say(("a", Stall(1.0), "b", Stall(2.0))))
    assert limited.finish == "length"
    assert written(limited.blocks[1]) == "ab"


def test_a_limit_cuts_the_block_in_which_it_is_reached() -> None:
    script = Script(blocks=[Think(("a", "b")), Say(("c", "d")), Say(("e",))])

    assert script.limited(3).blocks == (Think(("a", "b")), Say(("c",)))
    assert script.limited(2).blocks == (Think(("a", "b")),)


def test_a_script_is_delivered_event_by_event_unless_it_says_otherwise() -> None:
    delivery = Script().delivery

    assert (delivery.events_per_write, delivery.bytes_per_write, delivery.delay_s) == (
        1,
        None,
        None,
    )
    assert (delivery.usage, delivery.done) == (True, True)
    assert (delivery.crlf, delivery.comments) == (False, False)

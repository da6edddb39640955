"""What the scripted model says to people."""

import json
from typing import Any

import pytest

from app.scripted_model.conversation import FinishedCall, OfferedTool
from app.scripted_model.demo import cities, demo_script, describe_outputs
from app.scripted_model.script import Call, written
from tests.scripted_model.client import (
    Side,
    calls_of,
    finish_of,
    history_with,
    said,
    schema_format,
    text_of,
    tool,
)
from tests.scripted_model.recipe import Recipe

WEATHER = tool("get_weather", city={"type": "string"})


async def test_two_cities_are_two_calls_and_their_outputs_are_shown(side: Side) -> None:
    text = "What's the weather in New York and Oslo today?"
    calls = calls_of(await side.stream(text, tools=[WEATHER]))
    history = history_with(text, calls[0], '{"temperature": 12, "sky": "clear"}')
    history[1]["tool_calls"] += history_with(text, calls[1], "")[1]["tool_calls"]
    history.append({"role": "tool", "tool_call_id": calls[1]["id"], "content": "no data"})

    chunks = await side.stream(text, messages=history, tools=[WEATHER])

    arguments = [json.loads(call["arguments"]) for call in calls]
    assert arguments == [{"city": "New York"}, {"city": "Oslo"}]
    assert len({call["id"] for call in calls}) == 2
    shown = text_of(chunks)
    assert "New York" in shown and "- **temperature**: 12" in shown
    assert "Oslo" in shown and "no data" in shown
    assert finish_of(chunks) == ["stop"]


@pytest.mark.parametrize(
    ("text", "offered", "arguments"),
    [
        ("Weather?", WEATHER, {"city": "Bergen"}),
        (
            "Run the slow process 'tea time' with 5 steps",
            tool("slow_process", message={"type": "string"}, steps={"type": "integer"}),
            {"message": "tea time", "steps": 5},
        ),
        ("Where am I?", tool("get_location"), {}),
        (
            "Send an email to ada@example.com about tea saying 'It is ready.'",
            tool(
                "send_email",
                to={"type": "string"},
                subject={"type": "string"},
                body={"type": "string"},
            ),
            {"to": "ada@example.com", "subject": "tea", "body": "It is ready."},
        ),
        ("use my_own_tool", tool("my_own_tool", n={"type": "integer"}), {"n": 1}),
        ("weather in Rome", tool("get_weather", location={"type": "string"}), {"location": "Rome"}),
        (
            "weather in Rome",
            {"type": "function", "function": {"name": "get_weather"}},
            {"city": "Rome"},
        ),
    ],
)
async def test_plain_words_call_the_tool_that_they_mean(
    side: Side, text: str, offered: Any, arguments: Any
) -> None:
    chunks = await side.stream(text, tools=[offered])

    [call] = calls_of(chunks)
    assert call["name"] == offered["function"]["name"]
    assert json.loads(call["arguments"]) == arguments
    assert finish_of(chunks) == ["tool_calls"]


async def test_a_tool_that_is_not_offered_is_not_called(side: Side) -> None:
    chunks = await side.stream("What is the weather in Oslo?")

    assert "`get_weather`" in text_of(chunks)
    assert calls_of(chunks) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("How is the weather in Paris, Texas?", ["Paris, Texas"]),
        ("weather for tomorrow in São Paulo", ["São Paulo"]),
        ("Forecast for Oslo, Rome & Bern, please.", ["Oslo", "Rome", "Bern"]),
        ("weather in a and b and c and d and e", ["a", "b", "c", "d"]),
        ("weather in ?", ["Bergen"]),
    ],
)
def test_cities_are_read_as_people_write_them(text: str, expected: list[str]) -> None:
    assert cities(text) == expected


async def test_a_conversation_is_followed(side: Side) -> None:
    history = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": 'A parrot said "é\\n漢字😀"'},
        {"role": "assistant", "content": "Did it?"},
        {"role": "user", "content": [{"type": "text", "text": "Yes\nit did"}]},
    ]
    asked = [*history, {"role": "user", "content": "What did I say first?"}]
    asked_last = [*history, {"role": "user", "content": "What did I say last?"}]

    echo = text_of(await side.stream("", messages=history))
    first = text_of(await side.stream("", messages=asked))
    last = text_of(await side.stream("", messages=asked_last))
    nothing = text_of(await side.stream("What did I say first?"))

    assert 'You said: "Yes\nit did"' in echo and "turn 2" in echo
    assert 'A parrot said "é\\n漢字😀"' in first and "turn 3" in first
    assert "Yes\nit did" in last
    assert "nothing" in nothing


async def test_received_files_are_described(side: Side) -> None:
    content = [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "input_audio", "input_audio": {"data": "AAAAAA==", "format": "wav"}},
        {
            "type": "file",
            "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
        },
        {"type": "file", "file": {"file_id": "file-1"}},
    ]

    shown = text_of(await side.stream("", messages=[{"role": "user", "content": content}]))

    assert "**5 files**" in shown
    assert "`image/png`, 3 bytes" in shown
    assert "https://example.com/a.png" in shown
    assert "`audio/wav`, 4 bytes" in shown
    assert "`application/pdf`, 1 bytes, a.pdf" in shown
    assert "file-1" in shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello", "**scripted model**"),
        ("What can you do?", "| Say | and you see |"),
        ("Show me Markdown", "```python"),
        ("Some unicode please", "漢字"),
        ("A long text", "Paragraph 10 of 10"),
        ("Thanks!", "welcome"),
        ("scenario: say text='two words'", "two words"),
        ("scenario: unicode", "한글"),
        ("scenario: markdown", "| protocol | client |"),
        ("Search the web", "deltas"),
        ("Run some code", "Python"),
    ],
)
async def test_a_newcomer_sees_something_useful(side: Side, text: str, expected: str) -> None:
    shown = text_of(await side.stream(text))

    assert expected in shown


async def test_tool_outputs_of_every_shape_are_shown(side: Side) -> None:
    text = "scenario: call tool=t arguments=nonsense"
    [call] = calls_of(await side.stream(text))

    shown = [
        text_of(await side.stream(text, messages=history_with(text, call, output)))
        for output in ('["a", 1]', "", "17")
    ]

    assert "- a\n- 1" in shown[0]
    assert "nothing back" in shown[1]
    assert "17" in shown[2]


async def test_a_structured_output_streams_in_pieces_and_fits(side: Side) -> None:
    schema = Recipe.model_json_schema()

    chunks = await side.stream("A recipe, please", response_format=schema_format(schema))

    Recipe.model_validate_json(text_of(chunks))
    assert len(chunks) > 20


def test_a_thought_comes_before_the_text() -> None:
    thought, text = demo_script(said("Please reason step by step")).blocks

    assert written(thought).startswith("The user wants me to think.")
    assert "42" in written(text)


def test_a_tool_is_called_only_by_its_whole_name() -> None:
    tools = {"fly": OfferedTool("fly", {}), "fly_far": OfferedTool("fly_far", {})}

    far = demo_script(said("use fly_far now", tools=tools))
    none = demo_script(said("butterfly", tools=tools))

    assert [block.tool_name for block in far.blocks if isinstance(block, Call)] == ["fly_far"]
    assert [block for block in none.blocks if isinstance(block, Call)] == []


def test_arguments_that_are_no_json_are_left_out_of_the_heading() -> None:
    calls = [FinishedCall("f", "nonsense", '{"a": [1]}'), FinishedCall("g", "[]", "{}")]

    [block] = describe_outputs(said("Hi", rounds=[calls])).blocks

    assert written(block) == ("### `f`\n\n- **a**: [1]\n\n### `g`\n\nThe tool gave nothing back.")


def test_a_long_text_has_ten_paragraphs() -> None:
    [block] = demo_script(said("A long text")).blocks

    paragraphs = written(block).split("\n\n")
    assert [text.split(" of ")[0] for text in paragraphs] == [
        f"Paragraph {n}" for n in range(1, 11)
    ]

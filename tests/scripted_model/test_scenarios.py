"""Each scenario, through the `openai` package."""

import json
import re
from typing import Any

import openai
import pydantic
import pytest

from app.scripted_model import directive, texts
from app.scripted_model.conversation import FinishedCall, OfferedTool
from app.scripted_model.scenarios import SCENARIOS, SOURCES, script_for
from app.scripted_model.script import (
    ApiError,
    BreakOff,
    Call,
    Failed,
    Interruption,
    Refuse,
    RunCode,
    Say,
    Script,
    Search,
    Stall,
    Think,
    Wait,
    tokens,
    written,
)
from tests.scripted_model.client import (
    Side,
    calls_of,
    chat,
    finish_of,
    history_with,
    said,
    schema_format,
    text_of,
    tool,
)
from tests.scripted_model.recipe import Recipe

WEATHER = tool("get_weather", city={"type": "string"})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("scenario: length", "length"),
        ("scenario: content-filter", "content_filter"),
        ("Please run out of tokens", "length"),
    ],
)
async def test_a_finish_reason_can_be_asked_for(side: Side, text: str, reason: str) -> None:
    chunks = await side.stream(text)

    assert finish_of(chunks) == [reason]


@pytest.mark.parametrize("kind", ["json", "type"])
async def test_bad_arguments_are_repaired_after_the_error(side: Side, kind: str) -> None:
    text = f"scenario: bad-arguments kind={kind}"
    [bad] = calls_of(await side.stream(text, tools=[WEATHER]))
    history = history_with(text, bad, "city must be a string")
    [good] = calls_of(await side.stream(text, messages=history, tools=[WEATHER]))
    history += history_with(text, good, "rain")[1:]
    last = await side.stream(text, messages=history, tools=[WEATHER])

    if kind == "json":
        with pytest.raises(ValueError, match="line 1"):
            json.loads(bad["arguments"])
    else:
        assert not isinstance(json.loads(bad["arguments"])["city"], str)
    assert isinstance(json.loads(good["arguments"])["city"], str)
    assert "rain" in text_of(last)


async def test_an_unknown_tool_is_called_once(side: Side) -> None:
    text = "scenario: unknown-tool name=fly"
    [call] = calls_of(await side.stream(text))
    last = await side.stream(text, messages=history_with(text, call, "There is no such tool."))

    assert call["name"] == "fly"
    assert "There is no such tool." in text_of(last)


async def test_a_loop_calls_again_whatever_the_tool_says(side: Side) -> None:
    text = "scenario: loop"
    [call] = calls_of(await side.stream(text, tools=[WEATHER]))

    again = await side.stream(text, messages=history_with(text, call, "rain"), tools=[WEATHER])

    assert calls_of(again)[0]["name"] == "get_weather"


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (400, openai.BadRequestError, "context_length_exceeded"),
        (401, openai.AuthenticationError, "invalid_api_key"),
        (403, openai.PermissionDeniedError, "insufficient_permissions"),
        (404, openai.NotFoundError, "model_not_found"),
        (429, openai.RateLimitError, "rate_limit_exceeded"),
        (500, openai.InternalServerError, None),
        (503, openai.InternalServerError, None),
    ],
)
async def test_an_error_before_the_stream_is_the_one_asked_for(
    side: Side, status: int, error: type[openai.APIStatusError], code: str | None
) -> None:
    with pytest.raises(error) as raised:
        await side.stream(f"scenario: error status={status} retry_after=7")

    assert raised.value.code == code
    assert raised.value.response.headers["retry-after"] == "7"


async def test_an_error_can_go_away_when_the_request_comes_again(side: Side) -> None:
    client = side.openai.with_options(max_retries=2)

    completion = await client.chat.completions.create(
        model="scripted",
        messages=[{"role": "user", "content": "scenario: error status=503 times=1"}],
    )

    assert completion.choices[0].message.content == "Attempt 2 went well."
    assert len(side.control.requests) == 2


async def test_a_structured_output_can_break_its_schema_or_be_any_object(side: Side) -> None:
    format_ = schema_format(Recipe.model_json_schema())

    broken = text_of(await side.stream("scenario: schema-violation", response_format=format_))
    free = text_of(await side.stream("JSON", response_format={"type": "json_object"}))

    with pytest.raises(pydantic.ValidationError):
        Recipe.model_validate_json(broken)
    assert isinstance(json.loads(free), dict)


@pytest.mark.parametrize(
    ("change", "param", "said"),
    [
        ({"messages": [{"role": "user", "content": "scenario: nonsense"}]}, None, "known are"),
        ({"messages": [{"role": "user", "content": "scenario: call"}]}, "tools", "offers none"),
        (
            {
                "messages": [{"role": "user", "content": "scenario: bad-arguments kind=x"}],
                "tools": [tool("f")],
            },
            None,
            "neither",
        ),
    ],
    ids=str,
)
async def test_a_scenario_that_cannot_be_played_is_refused(
    side: Side, change: dict[str, Any], param: str | None, said: str
) -> None:
    response = await side.http.post("chat/completions", json={**chat("Hi"), **change})

    error = response.json()["error"]
    assert response.status_code == 400
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert said in error["message"]


TOOLS = {"f": OfferedTool("f", {})}


def play(line: str, **more: Any) -> Script:
    """Return the script of a directive."""
    return script_for(said(f"scenario: {line}", tools=TOOLS, **more))


def interruption_in(script: Script) -> tuple[int, Interruption]:
    """Return the place and the only interruption of a text."""
    [block] = script.blocks
    [(place, found)] = [
        (place, piece) for place, piece in enumerate(block.pieces) if not isinstance(piece, str)
    ]
    return place, found


@pytest.mark.parametrize(
    ("line", "blocks"),
    [
        ("text tokens=2", [Say(("word0", " word1"))]),
        ("say", [Say(("Yes", "."))]),
        ("say text='a b'", [Say(("a", " b"))]),
        ("unicode", [Say(tokens(texts.UNICODE))]),
        ("markdown", [Say(tokens(texts.MARKDOWN))]),
        ("surrogate", [Say(("A pair: \ud83d", "\ude00", ", a half: ", "\ud83d", "."))]),
        ("reasoning tokens=1", [Think(("word0",)), Say(tokens(texts.AFTER_REASONING))]),
        ("refusal", [Refuse(tokens(texts.REFUSAL))]),
        ("call arguments={}", [Call("f", tokens("{}"))]),
        ("call tool=g arguments={} count=2", [Call("g", tokens("{}"))] * 2),
        ("call text=Hm arguments={}", [Say(("Hm",)), Call("f", tokens("{}"))]),
        ("unknown-tool", [Call("no_such_tool", ("{}",))]),
        ("loop tool=g", [Call("g", tokens("{}"))]),
        ("sources", [Say(tokens(texts.SOURCES), SOURCES)]),
        ("search query=q", [Search("q"), Say(tokens(texts.SOURCES), SOURCES)]),
        ("schema-violation", [Say(tokens('{"unexpected": true}'))]),
    ],
)
def test_a_scenario_has_these_blocks(line: str, blocks: Any) -> None:
    assert list(play(line).blocks) == blocks


def test_code_that_is_run_has_its_output() -> None:
    code, text = play("run-code").blocks

    assert isinstance(code, RunCode)
    assert (written(code), code.logs) == ('print("deltas" + " to " + "lines")', "deltas to lines\n")
    assert written(text) == texts.AFTER_CODE


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("stall", (3, Stall(30.0))),
        ("stall after=2 seconds=0.5", (2, Stall(0.5))),
        ("stall after=0 gate=middle", (0, Wait("middle"))),
        ("break-off after=1", (1, BreakOff())),
    ],
)
def test_a_text_is_interrupted_after_so_many_tokens(
    line: str, expected: tuple[int, Interruption]
) -> None:
    assert interruption_in(play(line)) == expected


@pytest.mark.parametrize(
    ("line", "before"),
    [
        ("hang", Stall(30.0)),
        ("hang gate=start", Wait("start")),
        ("break-off before=yes", BreakOff()),
    ],
)
def test_something_may_happen_before_the_headers(line: str, before: Interruption) -> None:
    assert play(line).before == before


def test_the_same_error_can_come_first_or_inside_or_as_a_failure() -> None:
    options = "status=418 message='No coffee.' code=teapot retry_after=1.5"

    first = play(f"error {options}").before
    inside = interruption_in(play(f"error-inside after=1 {options}"))
    failure = interruption_in(play(f"failed {options}"))

    assert first == ApiError(
        status=418,
        message="No coffee.",
        type="server_error",
        code="teapot",
        headers={"retry-after": "1.5"},
    )
    assert inside == (1, first)
    assert failure == (3, Failed(first))


def test_a_text_of_endless_length_is_cut() -> None:
    [block] = play("text tokens=999999").blocks

    assert len(block.pieces) == 100_000


def test_after_the_output_of_its_call_a_scenario_shows_it() -> None:
    rounds = [[FinishedCall("f", "{}", "rain")]]

    shown = {
        name: written(play(name, rounds=rounds).blocks[0]) for name in ("call", "unknown-tool")
    }

    assert shown == dict.fromkeys(shown, "### `f`\n\nrain")
    assert isinstance(play("loop", rounds=rounds).blocks[0], Call)


def test_after_the_output_of_its_call_a_scenario_may_wait() -> None:
    rounds = [[FinishedCall("f", "{}", "rain")]]

    assert play("call gate=go").before is None
    assert play("call gate=go", rounds=rounds).before == Wait("go")
    assert play("call", rounds=rounds).before is None


def test_a_scenario_ends_after_so_many_attempts() -> None:
    attempts = [play("error times=2", attempt=attempt) for attempt in (1, 2, 3)]

    assert [script.before is None for script in attempts] == [False, False, True]
    assert written(attempts[2].blocks[0]) == "Attempt 3 went well."


@pytest.mark.parametrize(
    ("text", "scenario"),
    [
        ("Please hit the rate limit", "error status=429 retry_after=1"),
        ("A server error, please", "error status=500"),
        ("The context is too long", "error status=400"),
        ("Fail halfway", "error-inside after=6"),
        ("Break it off", "break-off after=6"),
        ("Fall silent", "stall after=6 seconds=15"),
        ("Please refuse", "refusal"),
        ("content filter", "content-filter"),
        ("Run out of tokens", "length"),
        ("wrong arguments", "bad-arguments"),
        ("call an unknown tool", "unknown-tool"),
        ("never stop", "loop"),
        ("search the web", "search"),
        ("cite something", "sources"),
        ("run some code", "run-code"),
    ],
)
def test_a_phrase_leads_to_a_scenario(text: str, scenario: str) -> None:
    assert script_for(said(text, tools=TOOLS)) == play(scenario)


def test_a_phrase_in_a_long_text_or_beside_a_schema_is_no_directive() -> None:
    long_text = "Please refuse. " + "By the way, " * 10
    schema: dict[str, Any] = {"type": "null"}

    in_long_text = script_for(said(long_text))
    beside_schema = script_for(said("Please refuse", schema=schema))

    assert isinstance(in_long_text.blocks[0], Say)
    assert written(beside_schema.blocks[0]) == "null"


def test_the_table_of_the_directives_names_every_scenario() -> None:
    table = [line for line in (directive.__doc__ or "").splitlines() if line.startswith("| ``")]

    named = [name for line in table for name in re.findall(r"``(.+?)``", line.split("|")[1])]

    assert named == list(SCENARIOS)


def test_a_short_text_without_a_phrase_is_no_directive() -> None:
    [block] = script_for(said("The sky is blue.")).blocks

    assert 'You said: "The sky is blue."' in written(block)


def test_an_error_is_one_of_the_server_unless_another_is_asked_for() -> None:
    errors = [play("error").before, interruption_in(play("error-inside"))[1]]

    assert [error.status for error in errors if isinstance(error, ApiError)] == [500, 500]
    failure = interruption_in(play("failed"))[1]
    assert isinstance(failure, Failed) and failure.error == errors[1]

"""The calls that the provider ran, with their results."""

from typing import Any

import pytest

from app.events import File, ToolInputAvailable, ToolOutputAvailable, ToolOutputError
from app.providers.openai.responses_builtin import builtin_events
from app.providers.openai.responses_chunks import (
    BuiltinCall,
    CodeInterpreter,
    CodeOutput,
    FileSearch,
    ImageGeneration,
    McpCall,
    WebSearch,
)

SEARCH = {"type": "search", "query": "rain"}
SOURCES = [{"type": "url", "url": "https://e.com"}]
RESULTS = [{"file_id": "file_1", "filename": "a.pdf", "score": 0.5, "text": "…"}]
PNG = "data:image/png;base64,AA=="
DONE = {"status": "completed"}


@pytest.mark.parametrize(
    ("item", "name", "tool_input", "output"),
    [
        (WebSearch(action=SEARCH), "web_search", SEARCH, DONE),
        (
            WebSearch(action={**SEARCH, "sources": SOURCES}),
            "web_search",
            SEARCH,
            {**DONE, "sources": SOURCES},
        ),
        (WebSearch(status="searching"), "web_search", {}, {"status": "searching"}),
        (FileSearch(queries=["rain"]), "file_search", {"queries": ["rain"]}, DONE),
        (FileSearch(results=RESULTS), "file_search", {"queries": []}, {**DONE, "results": RESULTS}),
        (CodeInterpreter(), "code_interpreter", {"code": ""}, DONE),
        (
            CodeInterpreter(code="1", outputs=[CodeOutput(type="logs", logs="1\n")]),
            "code_interpreter",
            {"code": "1"},
            {**DONE, "outputs": [{"type": "logs", "logs": "1\n"}]},
        ),
        (ImageGeneration(revised_prompt="A cat"), "image_generation", {"prompt": "A cat"}, DONE),
        (ImageGeneration(), "image_generation", {}, DONE),
        (
            McpCall(name="roll", arguments='{"sides":6}', output="4"),
            "roll",
            {"sides": 6},
            {**DONE, "output": "4"},
        ),
        (McpCall(arguments="{"), "mcp", "{", {**DONE, "output": None}),
        (McpCall(), "mcp", {}, {**DONE, "output": None}),
    ],
)
def test_a_call_has_its_input_and_its_output(
    item: BuiltinCall, name: str, tool_input: Any, output: Any
) -> None:
    assert builtin_events("c", item) == [
        ToolInputAvailable("c", name, tool_input, "provider"),
        ToolOutputAvailable("c", output),
    ]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (WebSearch(status="failed"), "The model's web search failed."),
        (ImageGeneration(status="failed"), "The model's image generation failed."),
        (CodeInterpreter(status="incomplete"), "The model's code interpreter failed."),
        (McpCall(name="roll", error={"message": "secret"}), "The model's roll failed."),
    ],
)
def test_a_call_that_failed_says_so(item: BuiltinCall, message: str) -> None:
    assert builtin_events("c", item)[1:] == [ToolOutputError("c", message)]


@pytest.mark.parametrize(
    ("output_format", "media_type"),
    [(None, "image/png"), ("jpeg", "image/jpeg"), ("svg", "image/svg+xml")],
)
def test_a_generated_image_is_a_file(output_format: str | None, media_type: str) -> None:
    image = ImageGeneration(result="AA==", output_format=output_format)

    assert builtin_events("c", image)[2:] == [File(media_type, f"data:{media_type};base64,AA==")]


def test_what_code_drew_is_a_file_and_its_bytes_are_sent_once() -> None:
    outputs = [
        CodeOutput(type="image", url=PNG),
        CodeOutput(type="image", url="https://e.com/plot"),
        CodeOutput(type="image", url="data:;base64,AA=="),
        CodeOutput(type="image", url="sandbox:/plot"),
    ]

    _, answer, *files = builtin_events("c", CodeInterpreter(outputs=outputs))

    shown = [
        {"type": "image"},
        {"type": "image", "url": "https://e.com/plot"},
        {"type": "image"},
        {"type": "image", "url": "sandbox:/plot"},
    ]
    assert answer == ToolOutputAvailable("c", {**DONE, "outputs": shown})
    assert files == [
        File("image/png", PNG),
        File("image/png", "https://e.com/plot"),
        File("image/png", "data:;base64,AA=="),
    ]

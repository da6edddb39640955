import ast
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from app.examples import words
from app.lambda_runtime.lambda_call import FunctionConfig
from app.lambda_runtime.plain_handler import PlainHandler
from examples import outcomes
from tests.aws.http_events import function_url
from tests.lambda_runtime.recording_runtime_api import running

_ROOT = Path(__file__).parent.parent
_CONFIG = FunctionConfig(name="example")


def _words(sentence: str, output: str) -> tuple[list[bytes], list[float]]:
    pauses: list[float] = []
    pieces = words.stream_words(
        sentence,
        delay_s=0.25,
        output=output,
        request_id="r-1",
        now=lambda: 1767225600.0,
        sleep=pauses.append,
    )
    return list(pieces), pauses


def test_words_as_json_are_a_line_each() -> None:
    pieces, pauses = _words("Hello you", "json")

    stamp = '"timestamp":1767225600.0}\n'
    assert [piece.decode() for piece in pieces] == [
        '{"status":"start","request_id":"r-1","word_count":2,' + stamp,
        '{"type":"word","data":"Hello","sequence":1,"total":2,' + stamp,
        '{"type":"word","data":"you","sequence":2,"total":2,' + stamp,
        '{"status":"complete","word_count":2,' + stamp,
    ]
    assert pauses == [0.25]


def test_words_as_text_have_spaces_between() -> None:
    pieces, pauses = _words("Hello  to\nyou", "text")

    assert pieces == [b"Hello", b" to", b" you"]
    assert pauses == [0.25, 0.25]


def test_no_words_are_an_answer_too() -> None:
    pieces, _ = _words("", "json")

    assert [json.loads(piece)["word_count"] for piece in pieces] == [0, 0]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"delay": -1}, "delay"),
        ({"delay": "1"}, "delay"),
        ({"delay": True}, "delay"),
        ({"format": "xml"}, "format"),
        ({"sentence": 1}, "sentence"),
    ],
)
def test_a_key_that_cannot_be_used_is_named(event: dict[str, Any], reason: str) -> None:
    context = SimpleNamespace(aws_request_id="r-1")

    with pytest.raises(ValueError, match=reason):
        next(words.handler(event, context))


async def test_words_stream_through_the_runtime() -> None:
    async with running(PlainHandler(words.handler, _CONFIG)) as api:
        posted = await api.invoke({"delay": 0.01}).completed()
        http = await api.invoke(function_url(body='{"delay":0,"format":"text"}')).completed()

    lines = [json.loads(chunk) for chunk in posted.chunks]
    assert lines[0]["request_id"] == "request-1"
    assert lines[0]["word_count"] == 8
    assert " ".join(line["data"] for line in lines[1:-1]) == words.SENTENCE
    assert lines[-1]["status"] == "complete"
    prelude, body = http.http()
    assert prelude.headers == (("content-type", "text/plain; charset=utf-8"),)
    assert body.decode() == words.SENTENCE


async def test_a_happy_answer_ends_without_trailers() -> None:
    async with running(PlainHandler(outcomes.happy_path, _CONFIG)) as api:
        posted = await api.invoke({}).completed()

    assert posted.chunks == [b"line 1 of 3\n", b"line 2 of 3\n", b"line 3 of 3\n"]
    assert posted.trailers == {}


async def test_an_error_after_two_lines_ends_in_trailers() -> None:
    async with running(PlainHandler(outcomes.midstream_error, _CONFIG)) as api:
        posted = await api.invoke({}).completed()

    assert posted.body == b"line 1 of 3\nline 2 of 3\n"
    assert posted.error_type == "Function.RuntimeError"
    assert posted.trailing_error()["errorMessage"] == ("something went wrong after the second line")


async def test_an_answer_that_takes_too_long_ends_in_trailers() -> None:
    async with running(PlainHandler(outcomes.timeout, _CONFIG)) as api:
        posted = await api.invoke({}, timeout_s=0.5).completed()

    assert posted.body == b"line 1 of 3\n"
    assert posted.error_type == "Deltaline.Timeout"


def _run_words(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "examples.words", *arguments],
        cwd=_ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
    )


def test_words_run_in_a_terminal() -> None:
    text = _run_words("--delay", "0", "--format", "text", "--sentence", "Grüße an alle")
    lines = _run_words("--delay", "0", "--sentence", "one")

    assert (text.returncode, text.stdout) == (0, "Grüße an alle\n")
    first = json.loads(lines.stdout.splitlines()[0])
    assert first["request_id"].removeprefix("local-test-").isdecimal()


def test_a_terminal_is_told_what_is_wrong() -> None:
    refused = _run_words("--delay", "-1")

    assert refused.returncode == 2
    assert "argument --delay: must be between 0 and 60 seconds" in refused.stderr


@pytest.mark.parametrize("module", [words, outcomes], ids=lambda module: module.__name__)
def test_a_handler_needs_nothing_but_python(module: ModuleType) -> None:
    tree = ast.parse(inspect.getsource(module))
    imported = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
    }

    assert imported
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names

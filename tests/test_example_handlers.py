"""The handlers in examples/: how their streams end, and that they run alone."""

import ast
import inspect
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from app.examples import words
from app.lambda_runtime.lambda_call import FunctionConfig
from app.lambda_runtime.plain_handler import PlainHandler
from examples import outcomes
from examples.run_outcomes import run_outcomes
from tests.lambda_runtime.recording_runtime_api import running

_ROOT = Path(__file__).parent.parent
_CONFIG = FunctionConfig(name="example")


async def test_a_happy_stream_ends_without_trailers() -> None:
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


async def test_a_stream_that_takes_too_long_ends_in_trailers() -> None:
    async with running(PlainHandler(outcomes.timeout, _CONFIG)) as api:
        posted = await api.invoke({}, timeout_s=0.5).completed()

    assert posted.body == b"line 1 of 3\n"
    assert posted.error_type == "Deltaline.Timeout"


@pytest.mark.real
@pytest.mark.timeout(180)
async def test_every_function_ends_as_its_name_says() -> None:
    out = io.StringIO()

    endings = await run_outcomes(out, io.StringIO())

    assert endings == ["complete", "error", "timeout"]
    lines = out.getvalue().splitlines()
    assert lines[:5] == [
        "happy_path",
        "  arrived: line 1 of 3",
        "  arrived: line 2 of 3",
        "  arrived: line 3 of 3",
        "  ended:   complete",
    ]
    assert lines[5:8] == [
        "midstream_error",
        "  arrived: line 1 of 3",
        "  arrived: line 2 of 3",
    ]
    assert lines[8] == (
        "  ended:   error: The function failed with Function.RuntimeError: "
        "something went wrong after the second line"
    )
    assert lines[9:11] == ["timeout", "  arrived: line 1 of 3"]
    assert lines[11].startswith("  ended:   timeout: ")


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

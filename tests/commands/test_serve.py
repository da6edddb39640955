"""``deltaline serve`` in the terminal: what it says when it starts, and when it cannot."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_READY = "Deltaline is at http://"

ROOT = Path(__file__).parents[2]


@pytest.mark.real
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("CHAT_MODLE", "x", "CHAT_MODLE is not a setting; did you mean CHAT_MODEL?"),
        (
            "CHAT_STATUS_WAIT_S",
            "soon",
            (
                "CHAT_STATUS_WAIT_S has a bad value: should be a valid number, "
                "unable to parse string as a number."
            ),
        ),
        (
            "OPENAI_BASE_URL",
            "localhost:11434",
            "OPENAI_BASE_URL has a bad value: must start with http:// or https://.",
        ),
        ("CHAT_RESUME", "redis", "CHAT_RESUME has a bad value: should be 'off'."),
    ],
)
def test_a_setting_that_cannot_be_used_stops_the_start_with_one_sentence(
    name: str, value: str, sentence: str
) -> None:
    started = _start(**{name: value})

    assert started.returncode == 2
    assert started.stderr == f"deltaline: {sentence}\n"
    assert started.stdout == ""


@pytest.mark.real
@pytest.mark.timeout(180)
def test_an_address_that_is_not_ours_is_said_in_one_sentence() -> None:
    # 192.0.2.0/24 is for documentation: no machine has such an address.
    started = _start("--host", "192.0.2.1")

    assert started.returncode == 1
    assert started.stderr.startswith("deltaline: cannot listen on 192.0.2.1 port 0: ")
    assert started.stderr.count("\n") == 1


def _start(*options: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "app", "serve", "--port", "0", *options],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


@contextlib.contextmanager
def _demo(**environment: str) -> Iterator[list[str]]:
    """Serve as `make run` does; give the lines that it prints until it is ready."""
    with subprocess.Popen(
        [sys.executable, "-m", "app", "serve", "--demo", "--port", "0"],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                if _READY in line:
                    break
            yield lines
        finally:
            process.terminate()


@pytest.mark.real
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("environment", "sentences"),
    [
        ({}, ["No OPENAI_API_KEY and no OPENAI_BASE_URL: the built-in scripted model answers.\n"]),
        (
            {"CHAT_PROVIDER": "scripted", "OPENAI_API_KEY": "key-1234"},
            ["CHAT_PROVIDER is scripted: the built-in scripted model answers.\n"],
        ),
        (
            {"CHAT_PROVIDER": "scripted", "OPENAI_BASE_URL": "http://127.0.0.1:1"},
            ["CHAT_PROVIDER is scripted: the built-in scripted model answers.\n"],
        ),
        ({"OPENAI_API_KEY": "key-1234"}, []),
    ],
    ids=["nothing", "scripted-beside-a-key", "scripted-beside-a-server", "key"],
)
def test_the_demo_says_why_the_scripted_model_answers(
    environment: dict[str, str], sentences: list[str]
) -> None:
    with _demo(**environment) as lines:
        *before, ready = lines

    assert before == sentences
    assert ready.startswith(_READY)

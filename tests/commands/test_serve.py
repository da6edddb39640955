"""``deltaline serve`` in the terminal: what it says when it starts, and when it cannot."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.real
@pytest.mark.timeout(60)
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
@pytest.mark.timeout(60)
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

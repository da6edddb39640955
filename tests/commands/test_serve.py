"""``deltaline serve`` in the terminal: what it says when it starts, and when it cannot."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from app.store.opening import FORMS

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
        (
            "CHAT_RESUME",
            "redis",
            "CHAT_RESUME is not a setting any more: set CHAT_STORE, which keeps turns and chats.",
        ),
        (
            "CHAT_STORE",
            "postgres://user:secret@host/db",
            f"CHAT_STORE names no store that there is; use {FORMS}.",
        ),
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
def _demo(*options: str, **environment: str) -> Iterator[list[str]]:
    """Serve as `make run` does; give the lines that it prints until it is ready."""
    with subprocess.Popen(
        [sys.executable, "-m", "app", "serve", "--demo", "--port", "0", *options],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
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


@pytest.mark.real
@pytest.mark.timeout(60)
def test_the_demo_chats_with_its_own_page_and_with_nobody_elses() -> None:
    with _demo() as lines:
        url = lines[-1].removeprefix(_READY.removesuffix("http://")).split()[0]
        port = url.rpartition(":")[2]
        tool = f"{url}/api/tools/get_weather/invoke"
        plain = {"content-type": "text/plain"}

        def post(**headers: str) -> httpx2.Response:
            return httpx2.post(
                tool, content=b'{"args":{"city":"Oslo"}}', headers={**plain, **headers}
            )

        own = post(origin=url)
        # The page opened by its other name, and one that a development server serves.
        by_name = post(host=f"localhost:{port}", origin=f"http://localhost:{port}")
        developed = post(origin="http://localhost:5173")
        program = post()
        foreign = post(origin="https://evil.example")
        by_rebinding = post(host=f"evil.example:{port}", origin=f"http://evil.example:{port}")
        page = httpx2.get(url, headers={"host": "evil.example"})

    for response in (own, by_name, developed, program):
        assert response.status_code == 200, response.text
    assert (foreign.status_code, by_rebinding.status_code, page.status_code) == (403, 421, 421)
    assert all(response.json()["success"] is False for response in (foreign, by_rebinding, page))


@pytest.mark.real
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("options", "environment", "is_warned"),
    [
        (["--host", "0.0.0.0"], {}, True),
        (["--host", "0.0.0.0"], {"CHAT_AUTH_TOKEN": "secret"}, False),
        ([], {}, False),
    ],
    ids=["open", "with-a-token", "loopback"],
)
def test_whoever_listens_to_everybody_without_a_token_is_warned(
    options: list[str], environment: dict[str, str], is_warned: bool
) -> None:
    with _demo(*options, **environment) as lines:
        warnings = [json.loads(line) for line in lines if line.startswith("{")]

    assert [line["level"] for line in warnings] == (["warning"] if is_warned else [])
    assert all("CHAT_AUTH_TOKEN" in line["message"] for line in warnings)

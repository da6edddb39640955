"""``deltaline invoke`` in the terminal, against the emulator."""

import argparse
import asyncio
import io
import sys
from pathlib import Path

import pytest

from app.commands.invoke import add_arguments, run
from tests.aws.orders import http_event, payload
from tests.emulator.emulation import URL, emulator

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


def arguments(*values: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(values)


async def command(*values: str) -> tuple[int, bytes]:
    out = io.BytesIO()
    status = await asyncio.to_thread(run, arguments(*values), out)
    return status, out.getvalue()


async def test_the_command_prints_the_response_and_ends_well(tmp_path: Path) -> None:
    (tmp_path / "event.json").write_bytes(payload(chunks=["one ", "two"]))
    file = ("--payload", str(tmp_path / "event.json"))
    async with emulator() as running:
        by_name = await command("--function-name", "f", "--endpoint-url", running.url, *file)
        by_url = await command("--url", running.url + URL, *file)

    assert by_name == by_url == (0, b"one two")


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (payload(chunks=["good"], then="fail", base64=True), "failed with Function.Late"),
        (http_event(chunks=["good"], prelude={"statusCode": 418}), "HTTP status 418"),
    ],
    ids=["error", "status"],
)
async def test_the_command_fails_with_a_sentence(
    event: bytes, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "event.json").write_bytes(event)
    async with emulator() as running:
        endpoint = ("--endpoint-url", running.url, "--payload", str(tmp_path / "event.json"))
        status, printed = await command("--function-name", "f", *endpoint)

    assert (status, printed) == (1, b"good")
    assert sentence in capsys.readouterr().err


async def test_the_command_ends_quietly_when_its_reader_leaves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Pipe(io.BytesIO):
        def write(self, data: object) -> int:
            raise BrokenPipeError

    (tmp_path / "event.json").write_bytes(payload(chunks=["one"]))
    async with emulator() as running:
        endpoint = ("--endpoint-url", running.url, "--payload", str(tmp_path / "event.json"))
        chosen = arguments("--function-name", "f", *endpoint)
        status = await asyncio.to_thread(run, chosen, Pipe())

    assert status == 1
    assert capsys.readouterr().err == ""


def test_the_command_reads_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"{}")))

    status = run(arguments("--function-name", "f", "--endpoint-url", "http://127.0.0.1:1"))

    assert status == 1
    assert "The connection to Lambda failed" in capsys.readouterr().err


def test_a_payload_that_cannot_be_read_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments("--function-name", "f", "--payload", "/nonexistent")) == 1
    assert "--payload /nonexistent: No such file" in capsys.readouterr().err


@pytest.mark.parametrize("target", [("--function-name", "f"), ("--url", "http://127.0.0.1:1/")])
def test_a_missing_extra_is_one_sentence(
    target: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "event.json").write_text("{}")
    for name in ("boto3", "botocore.exceptions", "urllib3"):
        monkeypatch.setitem(sys.modules, name, None)

    status = run(arguments(*target, "--payload", str(tmp_path / "event.json")))

    assert status == 1
    assert "is not installed: pip install '.[aws]'" in capsys.readouterr().err

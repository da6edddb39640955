"""`app.examples.words`: the handler, and the program for a terminal."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from app.examples import words
from app.lambda_runtime.lambda_call import FunctionConfig
from app.lambda_runtime.plain_handler import PlainHandler
from tests.lambda_events import function_url
from tests.lambda_runtime.recording_runtime_api import running


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


def test_no_words_are_a_whole_stream_too() -> None:
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


def test_the_handler_takes_its_sentence_from_the_event() -> None:
    event = {"delay": 0, "format": "text", "sentence": "Hello you"}

    assert list(words.handler(event, SimpleNamespace(aws_request_id="r-1"))) == [b"Hello", b" you"]


def test_a_lone_surrogate_does_not_break_the_text() -> None:
    pieces, _ = _words("a \ud83d b", "text")

    assert pieces == [b"a", b" ?", b" b"]


def test_a_terminal_gets_text_with_a_line_end(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert words.main(["--delay", "0", "--format", "text", "--sentence", "Hello you"]) == 0

    assert capsysbinary.readouterr().out == b"Hello you\n"


def test_a_terminal_gets_lines_of_json(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert words.main(["--delay", "0", "--sentence", "Hello"]) == 0

    lines = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    assert [line.get("data", line.get("status")) for line in lines] == [
        "start",
        "Hello",
        "complete",
    ]
    assert lines[0]["request_id"].removeprefix("local-test-").isdecimal()


@pytest.mark.parametrize("delay", ["-1", "60.1", "nan", "soon"])
def test_a_terminal_is_told_which_delays_there_are(
    delay: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        words.main(["--delay", delay])

    assert "argument --delay: must be between 0 and 60 seconds" in capsys.readouterr().err


async def test_words_stream_through_the_runtime() -> None:
    async with running(PlainHandler(words.handler, FunctionConfig(name="example"))) as api:
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

"""Log lines: one JSON object each, whatever is in them."""

import io
import json
import logging
import sys
import time
from typing import Any

import pytest

from app.events import Error, Usage
from app.known_secrets import remember
from app.telemetry.log import (
    JsonFormatter,
    RequestLine,
    configure_logging,
    elapsed_ms,
    log_request,
    log_turn,
    owner_mark,
)
from app.turns.outcome import TurnLabels, TurnOutcome
from tests.chatting import logged


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_request_is_one_line_with_its_facts(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()

    log_request(
        RequestLine(
            request_id="r1",
            chat_id="c1",
            protocol="ui",
            shape="ai-sdk-5",
            model="small",
            finish_reason="stop",
            input_tokens=3,
            output_tokens=2,
            first_token_ms=1.5,
            duration_ms=2.5,
        )
    )

    (line,) = _lines(capsys)
    assert isinstance(line.pop("time"), float)
    assert line == {
        "level": "info",
        "logger": "deltaline",
        "message": "chat request",
        "request_id": "r1",
        "chat_id": "c1",
        "protocol": "ui",
        "shape": "ai-sdk-5",
        "model": "small",
        "status": 200,
        "finish_reason": "stop",
        "steps": 0,
        "input_tokens": 3,
        "output_tokens": 2,
        "first_token_ms": 1.5,
        "duration_ms": 2.5,
        "client_left": False,
    }


def test_what_is_not_known_is_not_in_the_line() -> None:
    with logged() as log:
        log_request(RequestLine(request_id="r1", status=400, error_code="bad_request"))

    (line,) = log.requests
    assert line.keys() == {
        "request_id",
        "status",
        "error_code",
        "steps",
        "duration_ms",
        "client_left",
    }


@pytest.mark.parametrize(("code", "level"), [(None, logging.INFO), ("x", logging.WARNING)])
def test_a_failure_is_a_warning(code: str | None, level: int) -> None:
    with logged() as log:
        log_request(RequestLine(request_id="r1", error_code=code))

    assert [record.levelno for record in log.records] == [level]


class Name(str):
    """A text of a type of its own."""


@pytest.mark.parametrize("odd", ['a\n{"level":"error"}\ud800 é', "é\u2028", "plain", Name("own")])
def test_any_text_stays_inside_its_line(odd: str) -> None:
    record = logging.makeLogRecord({"msg": "x", "fields": {"chat_id": odd}})

    line = JsonFormatter().format(record)

    assert json.loads(line)["chat_id"] == odd
    assert line.isascii()
    assert "\n" not in line


def test_the_place_of_a_request_line_is_in_the_log_itself() -> None:
    with logged() as log:
        log_request(RequestLine(request_id="r1"))

    (record,) = log.records
    assert (record.module, record.funcName) == ("log", "log_request")
    assert record.lineno > 1


def test_a_level_that_nobody_wants_makes_no_record() -> None:
    with logged() as log:
        logging.getLogger("deltaline").setLevel(logging.WARNING)
        log_request(RequestLine(request_id="r1"))

    assert log.records == []


def test_an_exception_is_part_of_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()

    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("deltaline.turn").exception("it failed")

    (line,) = _lines(capsys)
    assert (line["level"], line["message"]) == ("error", "it failed")
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ValueError: broken")


def test_other_libraries_are_heard_from_warnings_on(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()

    logging.getLogger("uvicorn.error").info("Started")
    logging.getLogger("asyncio").warning("slow: %s", "callback")

    assert [line["message"] for line in _lines(capsys)] == ["slow: callback"]


def test_a_value_that_is_no_json_is_written_as_text() -> None:
    record = logging.makeLogRecord({"msg": "x", "fields": {"reason": ValueError("odd")}})

    assert json.loads(JsonFormatter().format(record))["reason"] == "odd"


def test_known_secrets_are_masked_in_every_value_of_a_line() -> None:
    remember(key := 'sk-"0123456789-log')
    fields = {"text": key, "list": [key], "number": 5, "is_true": True, "nothing": None}
    record = logging.makeLogRecord({"msg": "%s", "args": (key,), "fields": fields})

    line = json.loads(JsonFormatter().format(record))

    del line["time"], line["level"], line["logger"]
    rest = {"number": 5, "is_true": True, "nothing": None}
    assert line == {"message": "[secret]", "text": "[secret]", "list": "['[secret]']", **rest}


def test_a_line_that_cannot_be_written_says_where_and_not_what(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging()

    logging.getLogger("deltaline").error("%d", "what was asked")

    (line,) = _lines(capsys)
    assert line["message"] == "a log line is broken"
    assert "test_log.py:" in line["place"]
    assert "what was asked" not in str(line)


def test_a_standard_error_that_is_gone_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    configure_logging()

    logging.getLogger("deltaline").error("nobody reads this")


@pytest.mark.parametrize("question", ["known", "what was asked"])
def test_a_standard_error_that_is_closed_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    configure_logging()
    sys.stderr.close()

    logging.getLogger("deltaline").error("%s" if question == "known" else "%d", question)


def test_a_broken_line_for_a_standard_error_that_is_gone_is_no_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    configure_logging()

    logging.getLogger("deltaline").error("%d", "what was asked")


def test_a_turn_is_one_line_with_its_labels_and_its_outcome(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging()
    labels = TurnLabels(request_id="r1", chat_id="c1", protocol="ui", shape="prompt", model="m")
    outcome = TurnOutcome(
        status=200,
        finish_reason="error",
        error=Error("provider_error", "It broke."),
        usage=Usage(3, 2),
        steps=2,
        first_token_ms=1.5,
        duration_ms=2.5,
        client_left=False,
    )

    log_turn(labels, outcome)

    (line,) = _lines(capsys)
    del line["time"], line["logger"], line["message"]
    assert line == {
        "level": "warning",
        "request_id": "r1",
        "chat_id": "c1",
        "protocol": "ui",
        "shape": "prompt",
        "model": "m",
        "status": 200,
        "finish_reason": "error",
        "error_code": "provider_error",
        "steps": 2,
        "input_tokens": 3,
        "output_tokens": 2,
        "first_token_ms": 1.5,
        "duration_ms": 2.5,
        "client_left": False,
    }


def test_elapsed_time_is_in_milliseconds_since_the_start() -> None:
    started = time.perf_counter() - 2

    assert elapsed_ms(started) >= 2000


def test_an_owner_is_known_by_a_mark_that_is_not_his_name() -> None:
    marks = [owner_mark(owner) for owner in ("ada", "ada", "bob", "\ud800", "")]

    assert marks[0] == marks[1]
    assert len(set(marks)) == 4
    assert [len(mark) for mark in marks] == [16, 16, 16, 16, 0]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "has_no_colour", "is_coloured"),
    [(_Terminal(), False, True), (_Terminal(), True, False), (io.StringIO(), False, False)],
    ids=["terminal", "terminal without colour", "file"],
)
def test_text_is_coloured_on_a_terminal_only(
    stream: io.StringIO, has_no_colour: bool, is_coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    configure_logging(form="text", has_no_colour=has_no_colour)

    log_request(RequestLine(request_id="r1"))

    assert "chat request" in stream.getvalue()
    assert "request_id=r1" in stream.getvalue()
    assert ("\x1b" in stream.getvalue()) is is_coloured

"""The log for people: what a line looks like, and what cannot get out of it."""

import json
import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.known_secrets import remember
from app.telemetry.text_lines import TextFormatter

_TIME = r"\d\d:\d\d:\d\d\.\d\d\d"


def _record(message: str, level: int = logging.INFO, **fields: object) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"msg": message, "levelno": level, "levelname": logging.getLevelName(level)}
        | ({"fields": fields} if fields else {})
    )


def test_a_line_has_the_time_the_level_the_message_and_the_facts() -> None:
    line = TextFormatter().format(
        _record("chat request", request_id="r1", status=200, duration_ms=2.5, client_left=False)
    )

    facts = "request_id=r1 status=200 duration_ms=2.5 client_left=false"
    assert re.fullmatch(rf"{_TIME} info    chat request  {facts}", line)


def test_a_line_without_facts_ends_with_its_message() -> None:
    line = TextFormatter().format(_record("it began", logging.WARNING))

    assert re.fullmatch(rf"{_TIME} warning it began", line)


def test_a_line_names_its_worker() -> None:
    line = TextFormatter(3).format(_record("it began"))

    assert line.endswith("it began  worker=3")


def test_levels_have_colours_and_what_is_less_important_is_faint() -> None:
    formatter = TextFormatter(is_coloured=True)

    lines = [
        formatter.format(_record("x", level, n=1))
        for level in (logging.INFO, logging.WARNING, logging.ERROR)
    ]

    for line, level in zip(
        lines, ["info   ", "\x1b[33mwarning\x1b[0m", "\x1b[31merror  \x1b[0m"], strict=True
    ):
        assert re.fullmatch(
            rf"\x1b\[2m{_TIME}\x1b\[0m {re.escape(level)} x  \x1b\[2mn=1\x1b\[0m", line
        )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "plain"),
        ("", '""'),
        ("two words", '"two words"'),
        ('a"b', '"a\\"b"'),
        ("a=b", '"a=b"'),
        ("é", '"\\u00e9"'),
        ("a\nb", '"a\\nb"'),
        (None, "None"),
        (["x"], "['x']"),
    ],
)
def test_a_value_is_one_word(value: object, shown: str) -> None:
    assert TextFormatter().format(_record("x", v=value)).endswith(f"x  v={shown}")


@given(st.text(st.characters(exclude_categories=[])), st.text(st.characters(exclude_categories=[])))
def test_no_text_begins_a_line_or_moves_the_cursor(message: str, value: str) -> None:
    line = TextFormatter().format(_with(message, value))

    assert line.isascii()
    assert line.isprintable()


def _with(message: str, value: str) -> logging.LogRecord:
    record = _record("%s", v=value)
    record.args = (message,)
    return record


def test_text_that_is_not_plain_can_be_read() -> None:
    line = TextFormatter().format(_record('say "hi" to C:\\x\nand é\x7f'))

    assert line.endswith('say "hi" to C:\\x\\nand \\u00e9\\u007f')


def test_known_secrets_are_masked() -> None:
    remember(key := "sk-0123456789-text-line")

    line = TextFormatter().format(_record(f"the key {key}", key=key, keys=[key]))

    assert key not in line
    assert line.count("[secret]") == 3


def test_a_traceback_follows_its_line() -> None:
    try:
        raise ValueError("broken\nin two")
    except ValueError as error:
        record = _record("it failed", logging.ERROR)
        record.exc_info = (ValueError, error, error.__traceback__)

    first, *rest = TextFormatter().format(record).split("\n")

    assert first.endswith("error   it failed")
    assert rest[0] == "    Traceback (most recent call last):"
    assert rest[-2:] == ["    ValueError: broken", "    in two"]
    assert all(line.startswith("    ") for line in rest)


def test_an_exception_that_is_not_there_is_not_shown() -> None:
    record = _record("it failed")
    record.exc_info = (None, None, None)

    assert "\n" not in TextFormatter().format(record)
    assert json.dumps(None) not in TextFormatter().format(record)

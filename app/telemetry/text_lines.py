"""The log for people: a line a record, with colour on a terminal.

    14:03:07.512 info    chat request  request_id=6f1c chat_id=c1 status=200 duration_ms=812.4

A value that has a blank or anything unusual in it is written as JSON, so that no text can begin a
line of its own or colour what follows. A traceback follows its line, indented.
"""

import json
import logging
import time
from typing import Any

from app.known_secrets import mask
from app.telemetry.tracebacks import shown

# Select Graphic Rendition, ECMA-48.
_PLAIN = "\x1b[0m"
_FAINT = "\x1b[2m"
_COLOURS = {"warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[1;31m"}
_LEVEL_WIDTH = 8


class TextFormatter(logging.Formatter):
    """One line of text a record: time of day, level, message, and our fields.

    Args:
        worker: the number of this process, if it is one of several.
        is_coloured: whether colours are written.
    """

    def __init__(self, worker: int | None = None, *, is_coloured: bool = False) -> None:
        super().__init__()
        self._own: dict[str, Any] = {} if worker is None else {"worker": worker}
        self._is_coloured = is_coloured

    def format(self, record: logging.LogRecord) -> str:
        level = record.levelname.lower()
        moment = time.strftime("%H:%M:%S", time.localtime(record.created))
        when = f"{moment}.{int(record.msecs):03d}"
        facts: dict[str, Any] = {**self._own, **getattr(record, "fields", {})}
        told = _in_one_line(mask(record.getMessage()))
        fields = " ".join(f"{name}={_value(value)}" for name, value in facts.items())
        line = f"{self._in(_FAINT, when)} {self._level(level)} {told}"
        if fields:
            line += f"  {self._in(_FAINT, fields)}"
        if record.exc_info and record.exc_info[1] is not None:
            lines = shown(record.exc_info[1]).splitlines()
            line += "".join(f"\n    {_in_one_line(part)}" for part in lines)
        return line

    def _level(self, level: str) -> str:
        return self._in(_COLOURS.get(level, ""), level.ljust(_LEVEL_WIDTH - 1))

    def _in(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._is_coloured and colour else text


def _value(value: Any) -> str:
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    text = mask(str(value))
    is_plain = text.isascii() and text.isprintable() and not set(text) & set(' "=')
    return text if text and is_plain else json.dumps(text)


def _in_one_line(text: str) -> str:
    """Return ``text`` in ASCII, with escapes for what would move or colour the cursor."""
    if text.isascii() and text.isprintable():
        return text
    return json.dumps(text)[1:-1].replace('\\"', '"').replace("\\\\", "\\")

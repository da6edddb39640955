"""Reads the line with which a test says what the model shall do. No I/O.

    scenario: stall after=3 gate=middle
    scenario: call tool=get_weather arguments='{"city": "Oslo"}'

Values with spaces are quoted as in a shell.
"""

import re
import shlex

import msgspec

from app.scripted_model.checks import BadRequest
from app.scripted_model.script import Delivery

_LINE = re.compile(r"^[ \t]*scenario:[ \t]*(\S+)(.*)$", re.MULTILINE | re.IGNORECASE)
_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")


class Options:
    """The ``key=value`` words of a directive. Each is read once; what is left over is refused."""

    def __init__(self, words: dict[str, str]) -> None:
        self._words = words

    def text(self, key: str, default: str = "") -> str:
        return self._words.pop(key, default)

    def whole(self, key: str, default: int) -> int:
        return int(self._checked(key, r"\d+", str(default)))

    def seconds(self, key: str) -> float | None:
        """Return a duration, or None if the directive does not say."""
        return float(self._checked(key, r"\d+(\.\d+)?", "0")) if key in self._words else None

    def flag(self, key: str, default: bool) -> bool:
        return self._checked(key, "|".join((*_YES, *_NO)), "yes" if default else "no") in _YES

    def delivery(self) -> Delivery:
        """Read the words that every scenario knows: how the events meet the network."""
        return Delivery(
            delay_s=self.seconds("delay"),
            events_per_write=max(1, self.whole("events_per_write", 1)),
            bytes_per_write=self.whole("bytes_per_write", 0) or None,
            crlf=self.flag("crlf", False),
            comments=self.flag("comments", False),
            usage=self.flag("usage", True),
            done=self.flag("done", True),
        )

    def finish(self) -> None:
        """Refuse words that nobody has asked for, so that a typo in a test is seen."""
        if self._words:
            raise BadRequest(f"Unknown words in the scenario: {', '.join(self._words)}.")

    def _checked(self, key: str, pattern: str, default: str) -> str:
        value = self._words.pop(key, default)
        if not re.fullmatch(pattern, value):
            raise BadRequest(f"The scenario's {key}={value!r} is not of the form {pattern}.")
        return value


class Directive(msgspec.Struct, frozen=True):
    """A scenario asked for by name."""

    name: str
    options: Options


def read_directive(text: str) -> Directive | None:
    """Return the first directive in ``text``, if there is one.

    Raises:
        BadRequest: a word that is not ``key=value``.
    """
    matched = _LINE.search(text)
    if matched is None:
        return None
    try:
        words = shlex.split(matched.group(2))
    except ValueError as error:
        raise BadRequest(f"The scenario's words cannot be read: {error}.") from None
    for word in words:
        if "=" not in word:
            raise BadRequest(f"The scenario's word {word!r} is not key=value.")
    pairs = dict(word.split("=", 1) for word in words)
    return Directive(matched.group(1).lower(), Options(pairs))

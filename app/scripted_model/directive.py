"""Parses directives: the line in the user's last text that asks for a scenario. No I/O.

    scenario: stall after=3 gate=middle
    scenario: call tool=get_weather arguments='{"city": "Oslo"}'

Values with spaces are quoted as in a shell.

| scenario | its options (default) | what the model does |
| --- | --- | --- |
| ``text`` | tokens (20) | says ``word0 word1 …``, one word per token |
| ``say`` | text | says this text |
| ``unicode``, ``markdown`` | | says a text full of it |
| ``surrogate`` | | says a surrogate pair cut over two tokens, and half a pair |
| ``reasoning`` | tokens (12) | shows reasoning, then says a text |
| ``length``, ``content-filter`` | tokens (5) | ends with this finish reason |
| ``refusal`` | | refuses |
| ``call`` | tool (the first), arguments (samples), count (1), text | calls, then shows the output |
| ``bad-arguments`` | tool, kind=json or type (json) | bad arguments, then good ones, then text |
| ``unknown-tool`` | name (no_such_tool) | calls a tool that is not on offer, then says a text |
| ``loop`` | tool | calls a tool at every step |
| ``error`` | status (500), code, message, retry_after | responds with an HTTP error |
| ``hang`` | gate, or seconds (30) | sends no headers until then |
| ``stall`` | after (3), gate, or seconds (30) | falls silent after so many tokens |
| ``error-inside`` | after (3) and those of ``error`` | sends an error object inside the stream |
| ``failed`` | the same | fails (`response.failed`) |
| ``break-off`` | after (3), before (no) | closes the connection, ``before`` the headers or after |
| ``sources`` | | says a text that cites two pages |
| ``search`` | query | searches the web on the provider's side, then the same |
| ``run-code`` | | runs code on the provider's side, then says a text |
| ``schema-violation`` | | writes JSON that no sensible schema allows |

Every scenario also has the option ``times`` (only the first so many requests with the same body
get it; then all is well) and those of `Delivery`: ``delay`` (seconds before each token),
``events_per_write``, ``bytes_per_write``, ``crlf=yes``, ``comments=yes``, ``usage=no`` and
``done=no``. An unknown option is refused with 400.
"""

import re
import shlex

import msgspec

from app.scripted_model.checks import BadRequest
from app.scripted_model.script import Delivery

_LINE = re.compile(r"^[ \t]*scenario:[ \t]*(\S+)(.*)$", re.MULTILINE | re.IGNORECASE)
_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")


class Options:
    """The options of a directive. Reading one takes it out; `refuse_unknown` refuses the rest."""

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values

    def text(self, key: str, default: str = "") -> str:
        return self._values.pop(key, default)

    def whole(self, key: str, default: int) -> int:
        return int(self._checked(key, r"\d+", str(default)))

    def seconds(self, key: str) -> float | None:
        """Return a duration, or None if the directive does not set it."""
        return float(self._checked(key, r"\d+(\.\d+)?", "0")) if key in self._values else None

    def flag(self, key: str, default: bool) -> bool:
        return self._checked(key, "|".join((*_YES, *_NO)), "yes" if default else "no") in _YES

    def delivery(self) -> Delivery:
        """Read the options that every scenario has: how events are written to the network."""
        return Delivery(
            delay_s=self.seconds("delay"),
            events_per_write=max(1, self.whole("events_per_write", 1)),
            bytes_per_write=self.whole("bytes_per_write", 0) or None,
            crlf=self.flag("crlf", False),
            comments=self.flag("comments", False),
            usage=self.flag("usage", True),
            done=self.flag("done", True),
        )

    def refuse_unknown(self) -> None:
        """Refuse options that were not read, so that a typo in a test is noticed.

        Raises:
            BadRequest
        """
        if self._values:
            raise BadRequest(f"Unknown words in the scenario: {', '.join(self._values)}.")

    def _checked(self, key: str, pattern: str, default: str) -> str:
        value = self._values.pop(key, default)
        if not re.fullmatch(pattern, value):
            raise BadRequest(f"The scenario's {key}={value!r} is not of the form {pattern}.")
        return value


class Directive(msgspec.Struct, frozen=True):
    """A scenario's name, and its options."""

    name: str
    options: Options


def read_directive(text: str) -> Directive | None:
    """Return the first directive in ``text``, or None.

    Raises:
        BadRequest: an option that is not ``key=value``, or an unclosed quote.
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

"""JSON values made of `Choices`: the ordinary ones, and those that parsers stumble over."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from tests.fuzz.target import Choices

Make: TypeAlias = Callable[[Choices], Any]

TEXTS = (
    "",
    "a",
    "Hi",
    "stop",
    "call_1",
    "call_2",
    "get_weather",
    '{"city":',
    '"Oslo"}',
    "{}",
    "[1]",
    "null",
    "é漢😀",
    "\ud800",
    "\udc00\ud83d",
    "\0",
    "\u2028",
    "<script>",
    "__proto__",
    "data:text/plain,hi",
    "data:image/png;base64,aGk=",
    "data:;base64,a",
    "https://example.com/a.png",
    "https://[",
    "javascript:alert(1)",
    "x" * 300,
)
# Of what is made value by value, so that making it does not end in a RecursionError of its own.
_DEEPEST = 30
_DEEP = re.compile(r'"<deep (\d+)>"')
_ODD: Sequence[Any] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2**53 + 1,
    2**64,
    10**30,
    -0.0,
    1.5,
    1e308,
    [],
    {},
    [[]],
    {"a": {}},
    [None],
)


def text(choices: Choices) -> str:
    """Make a string."""
    return TEXTS[choices.number(len(TEXTS))]


def value(choices: Choices, depth: int = 0) -> Any:
    """Make any JSON value, rarely a very deep one."""
    kind = choices.number(8) if depth < _DEEPEST else 1
    if kind == 0:
        return _ODD[choices.number(len(_ODD))]
    if kind <= 4:
        return text(choices)
    if kind == 5:
        return {text(choices): value(choices, depth + 1) for _ in range(choices.number(4))}
    if kind == 6:
        return [value(choices, depth + 1) for _ in range(choices.number(4))]
    return f"<deep {choices.number(1200)}>" if choices.chance(2) else text(choices)


def one_of(*options: Any) -> Make:
    """Make one of ``options``, mostly; now and then something else."""

    def make(choices: Choices) -> Any:
        if choices.chance(16):
            return value(choices)
        return options[choices.number(len(options))]

    return make


def list_of(make: Make, most: int = 4) -> Make:
    """Make a list, now and then something else."""

    def made(choices: Choices) -> Any:
        if choices.chance(24):
            return value(choices)
        return [make(choices) for _ in range(choices.number(most + 1))]

    return made


def record(**fields: Make) -> Make:
    """Make an object with some of ``fields``, now and then one more, or no object at all."""

    def make(choices: Choices) -> Any:
        if choices.chance(32):
            return value(choices)
        made = {name: make(choices) for name, make in fields.items() if choices.number(4)}
        if choices.chance(16):
            made[text(choices)] = value(choices)
        return made

    return make


def variant(key: str, kinds: Mapping[str, Make]) -> Make:
    """Make an object of one of several kinds, which stands under ``key``."""
    names = tuple(kinds)

    def make(choices: Choices) -> Any:
        name = names[choices.number(len(names))]
        made = kinds[name](choices)
        if choices.chance(32):
            return made
        kind = value(choices) if choices.chance(32) else name
        return {key: kind, **made} if isinstance(made, dict) else made

    return make


def dumps(made: Any) -> bytes:
    """Write JSON as JavaScript does: a lone surrogate is escaped, everything else is UTF-8."""
    text = json.dumps(made, ensure_ascii=False, separators=(",", ":"))
    # Python's own encoder cannot write what is so deep.
    text = _DEEP.sub(lambda deep: "[" * int(deep[1]) + "]" * int(deep[1]), text)
    return text.encode("utf-8", "backslashreplace")
